"""`feeds`: what others publish, what is in use here, and on what terms."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.school_time import on_the_wall
from schoolgate.cli.commands.terminal import age, note, out, say, say_json, table
from schoolgate.operations.lists.feed_views import FeedShown
from schoolgate.operations.lists.feeds import FeedChanged, LicenceNotAccepted, Licensed, Terms

_LABELS = {"age_s": "age", "refresh_h": "fetched"}


@dataclass(frozen=True)
class Shape:
    """What an own feed is."""

    category: str
    feed_id: str | None = None
    dialect: str | None = None
    match: Literal["suffix", "exact"] = "suffix"
    refresh_h: int = 24


def terms_of(
    key: str | None = None,
    allow_http: bool = False,
    allow_hosts: tuple[str, ...] = (),
    credential_file: Path | None = None,
) -> Terms:
    """What the command line says of a feed, with paths that do not depend on where it was given."""
    return Terms(key, allow_http, allow_hosts, None if credential_file is None else str(credential_file.absolute()))


def list_feeds(config: Path | None, as_json: bool, in_use: bool) -> None:
    """All feeds there are, those in use first."""
    feeds: tuple[FeedShown, ...] = ask(config, "feeds.list", in_use=in_use)
    if as_json:
        say_json([_row(one) for one in feeds])
        return
    shown = table("feed", "state", "names", "age", "category", "licence")
    for one in feeds:
        old = "" if one.age_s is None else age(one.age_s)
        shown.add_row(one.id, one.condition, str(one.names or ""), old, one.category, one.licence)
    out.print(shown)
    for one in feeds:
        if one.failure:
            note(f"{one.id}: {one.failure}", "yellow")


def show(config: Path | None, feed_id: str, as_json: bool) -> None:
    """Everything known of one feed."""
    feed: FeedShown = ask(config, "feeds.show", feed=feed_id)
    row = _row(feed)
    if as_json:
        say_json(row)
        return
    for name, value in row.items():
        if value not in (None, "", (), False) and name not in ("warnings", "unread", "left_out", "excepted"):
            say(f"{_LABELS.get(name, name.replace('_', ' ')):16} {_for_people(name, value)}")
    if feed.unread is not None:
        reasons = ", ".join(f"{reason} {lines}" for reason, lines in sorted(feed.unread["reasons"].items()))
        say(f"{'lines not read':16} {feed.unread['lines']} of {feed.unread['of']}{f' ({reasons})' * bool(reasons)}")
    for one in feed.excepted:
        say(f"{'except':16} {one.name}: {one.reason} ({one.who}, {one.at:%d %B %Y})")
    if feed.left_out is not None and feed.left_out["lines"]:
        say(f"{'left out':16} {feed.left_out['lines']} lines for names that must stay open:")
        for name in feed.left_out["names"]:
            say(f"{'':16} {name}")
    for warning in feed.warnings:
        note(f"warning: {warning}", "yellow")


def _for_people(name: str, value: object) -> str:
    """One value of `show`: lengths of time in their unit, times on the school's clock."""
    if isinstance(value, dt.datetime):
        return on_the_wall(value)
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    match name:
        case "age_s":
            return age(float(str(value)))
        case "refresh_h":
            return f"every {value} h"
        case _:
            return str(value)


def enable(config: Path | None, feed_id: str, accepted: bool, terms: Terms) -> None:
    """Chooses a feed of the catalogue, once its licence is accepted; or an own feed that was switched off."""
    feed: Licensed | None = ask(config, "feeds.licence", feed=feed_id)
    if feed is not None:
        say(f"{feed.name}, by {feed.publisher}")
        say(f"  licence      {feed.licence}")
        say(f"  named as     {feed.attribution}")
        say(f"  homepage     {feed.homepage}")
        say(f"  fetched from {feed.url}")
        if feed.note:
            say(f"  note         {feed.note}")
        if not accepted:
            raise LicenceNotAccepted.of(f"schoolgate feeds enable {feed_id} --accept-licence")
    ask(config, "feeds.enable", feed=feed_id, accepts_licence=accepted, terms=asdict(terms))
    say(f"{feed_id} is in use from the next update; now: schoolgate lists update")


def disable(config: Path | None, feed_id: str, request: int | None) -> None:
    """Switches a feed off and keeps its terms."""
    ask(config, "feeds.disable", feed=feed_id, request=request)
    say(f"{feed_id} is off; what it closes stays closed until the next update: schoolgate lists update")


def remove(config: Path | None, feed_id: str, request: int | None) -> None:
    """Forgets a feed."""
    ask(config, "feeds.remove", feed=feed_id, request=request)
    say(f"{feed_id} is removed; what it closes stays closed until the next update: schoolgate lists update")


def add(config: Path | None, place: str, shape: Shape, terms: Terms, is_checked: bool = True) -> None:
    """Adds a feed of the school's own: an address, a file or a folder. `is_checked`: reads it first, as an update
    does."""
    made: FeedChanged = ask(
        config,
        "feeds.add",
        place=place if "://" in place else str(Path(place).absolute()),
        category=shape.category,
        feed=shape.feed_id,
        dialect=shape.dialect,
        match=shape.match,
        refresh_h=shape.refresh_h,
        terms=asdict(terms),
        is_checked=is_checked,
    )
    if made.read is not None:
        say(f"read: {made.read}")
    say(f"{made.id} is in use from the next update; now: schoolgate lists update")


def _row(feed: FeedShown) -> dict[str, Any]:
    """With `from`, which is no name in Python."""
    return {"from" if name == "place" else name: value for name, value in asdict(feed).items()}
