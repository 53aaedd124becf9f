"""`feeds`: what others publish, what is in use here, and on what terms."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.school_time import on_the_wall
from schoolgate.cli.commands.terminal import age, note, out, say, say_json, table
from schoolgate.config import Settings, load
from schoolgate.config.problems import did_you_mean
from schoolgate.lists.feed_book import ChosenFeed, FeedBook
from schoolgate.lists.feed_catalogue import NoSuchFeed, Published, read_published
from schoolgate.lists.last_good import FeedState, FeedStates
from schoolgate.lists.update_status import feed_row
from schoolgate.operations.feeds import FeedChanged, LicenceNotAccepted, Licensed, Terms
from schoolgate.storage import state_dir

_OFF = "off"
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
    _, published, chosen, states = _read(config)
    rows = [
        _row(feed, published, chosen, states) for feed in {**dict.fromkeys(chosen), **dict.fromkeys(published.feeds)}
    ]
    rows = [row for row in rows if row["in_use"] or not in_use]
    if as_json:
        say_json(rows)
        return
    shown = table("feed", "state", "names", "age", "category", "licence")
    for row in rows:
        old = "" if row["age_s"] is None else age(row["age_s"])
        shown.add_row(row["id"], row["condition"], str(row["names"] or ""), old, row["category"], row["licence"])
    out.print(shown)
    for row in rows:
        if row["failure"]:
            note(f"{row['id']}: {row['failure']}", "yellow")


def show(config: Path | None, feed_id: str, as_json: bool) -> None:
    """Everything known of one feed."""
    _, published, chosen, states = _read(config)
    row = _row(feed_id, published, chosen, states)
    if as_json:
        say_json(row)
        return
    for name, value in row.items():
        if value not in (None, "", [], (), False) and name not in ("warnings", "unread", "left_out"):
            say(f"{_LABELS.get(name, name.replace('_', ' ')):16} {_for_people(name, value)}")
    if row["unread"] is not None:
        reasons = ", ".join(f"{reason} {lines}" for reason, lines in sorted(row["unread"]["reasons"].items()))
        say(f"{'lines not read':16} {row['unread']['lines']} of {row['unread']['of']}{f' ({reasons})' * bool(reasons)}")
    for one in chosen[feed_id].excepted if feed_id in chosen else ():
        say(f"{'except':16} {one.name}: {one.reason} ({one.who}, {one.at:%d %B %Y})")
    if row["left_out"] is not None and row["left_out"]["lines"]:
        say(f"{'left out':16} {row['left_out']['lines']} lines for names that must stay open:")
        for name in row["left_out"]["names"]:
            say(f"{'':16} {name}")
    for warning in row["warnings"]:
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


def disable(config: Path | None, feed_id: str) -> None:
    """Switches a feed off and keeps its terms."""
    ask(config, "feeds.disable", feed=feed_id)
    say(f"{feed_id} is off; what it closes stays closed until the next update: schoolgate lists update")


def remove(config: Path | None, feed_id: str) -> None:
    """Forgets a feed."""
    ask(config, "feeds.remove", feed=feed_id)
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


def _row(
    feed_id: str, published: Published, chosen: dict[str, ChosenFeed], states: dict[str, FeedState]
) -> dict[str, Any]:
    mine = chosen.get(feed_id)
    feed = published.feeds.get(feed_id)
    if mine is None and feed is None:
        raise NoSuchFeed(f"there is no feed {feed_id}; {did_you_mean(feed_id, {**published.feeds, **chosen})}")
    on = mine is not None and mine.enabled
    about: dict[str, Any] = {"id": feed_id, "in_use": on}
    if feed is not None:
        publisher = published.publisher(feed)
        about |= {
            "name": feed.name,
            "category": feed.category or "by folder",
            "from": feed.url,
            "licence": publisher.licence,
            "attribution": publisher.attribution,
            "homepage": publisher.homepage,
            "dialect": feed.dialect,
            "match": feed.match,
            "refresh_h": feed.refresh_h,
            "about_names": feed.names,
            "note": feed.note,
        }
    elif mine is not None:
        about |= {
            "name": feed_id,
            "category": mine.category or "",
            "from": mine.url or mine.path,
            "licence": "the school's own" if mine.is_own else mine.licence,
            "dialect": mine.dialect,
            "match": mine.match,
            "refresh_h": mine.refresh_h,
            "note": "" if mine.is_own else "no longer in the catalogue",
        }
    state = states.get(feed_id, FeedState()) if on else FeedState()
    row = feed_row(feed_id, state, about["refresh_h"], _now())
    terms = {} if mine is None else mine.model_dump(include={"key", "allow_http", "allow_hosts", "credential_file"})
    return about | row | terms | {"condition": row["condition"] if on else _OFF}


def _read(config: Path | None) -> tuple[Settings, Published, dict[str, ChosenFeed], dict[str, FeedState]]:
    settings = load(config)
    state_dir.refuse_strangers(settings.server.state_dir)
    chosen = dict(FeedBook(settings.server.state_dir).read())
    return settings, read_published(settings.lists.dir), chosen, FeedStates(settings.server.state_dir).read()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
