"""`feeds`: what others publish, what is in use here, and on what terms."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from schoolgate.cli.commands.terminal import age, err, note, out, say, say_json, table
from schoolgate.config import Settings, load
from schoolgate.config.problems import did_you_mean
from schoolgate.errors import SchoolgateError
from schoolgate.lists.feed_book import ChosenFeed, FeedBook, FeedRefused, source_of
from schoolgate.lists.feed_catalogue import FEED_ID, NoSuchFeed, Published, read_published
from schoolgate.lists.last_good import FeedState, FeedStates
from schoolgate.lists.signature import public_key
from schoolgate.lists.update import Updater
from schoolgate.lists.update_status import feed_row
from schoolgate.policy.catalogue import load_catalogue
from schoolgate.storage import state_dir

_ALWAYS_OPEN = frozenset({"platform", "protected"})
_OFF = "off"


class LicenceNotAccepted(SchoolgateError):
    """A feed's licence was shown and nobody has accepted it."""


@dataclass(frozen=True)
class Terms:
    """What the operator says of a feed, besides what it is."""

    key: str | None = None
    allow_http: bool = False
    allow_hosts: tuple[str, ...] = ()
    credential_file: Path | None = None

    def fields(self) -> dict[str, Any]:
        if self.key is not None:
            public_key(self.key)
        return {
            "key": self.key,
            "allow_http": self.allow_http,
            "allow_hosts": self.allow_hosts,
            "credential_file": None if self.credential_file is None else str(self.credential_file.absolute()),
        }


@dataclass(frozen=True)
class Shape:
    """What an own feed is."""

    category: str
    feed_id: str | None = None
    dialect: str | None = None
    match: Literal["suffix", "exact"] = "suffix"
    refresh_h: int = 24


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
        if value not in (None, "", [], False) and name not in ("warnings", "unread", "left_out"):
            say(f"{name.replace('_', ' '):16} {age(value) if name == 'age_s' else value}")
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


def enable(config: Path | None, feed_id: str, accepted: bool, terms: Terms) -> None:
    """Chooses a feed of the catalogue, once its licence is accepted; or an own feed that was switched off."""
    settings, published, chosen, _ = _read(config)
    book = _book(settings)
    there = chosen.get(feed_id)
    if there is not None and there.is_own:
        book.add(there.model_copy(update={"enabled": True}))
    else:
        feed = published.feed(feed_id)
        publisher = published.publisher(feed)
        say(f"{feed.name}, by {publisher.name}")
        say(f"  licence      {publisher.licence}")
        say(f"  named as     {publisher.attribution}")
        say(f"  homepage     {publisher.homepage}")
        say(f"  fetched from {feed.url}")
        if feed.note:
            say(f"  note         {feed.note}")
        if not accepted:
            raise LicenceNotAccepted(
                f"if the licence suits you: schoolgate feeds enable {feed_id} --accept-licence; nothing was changed"
            )
        book.add(ChosenFeed(id=feed_id, licence=publisher.licence, added_at=_now(), **terms.fields()))
    say(f"{feed_id} is in use from the next update; now: schoolgate lists update")


def disable(config: Path | None, feed_id: str) -> None:
    """Switches a feed off and keeps what was said of it."""
    settings, _, chosen, _ = _read(config)
    if feed_id not in chosen:
        raise NoSuchFeed(f"feed {feed_id} is not in use; {did_you_mean(feed_id, chosen)}")
    _book(settings).add(chosen[feed_id].model_copy(update={"enabled": False}))
    say(f"{feed_id} is off; what it closes stays closed until the next update: schoolgate lists update")


def remove(config: Path | None, feed_id: str) -> None:
    """Forgets a feed."""
    settings, _, _, _ = _read(config)
    _book(settings).remove(feed_id)
    say(f"{feed_id} is removed; what it closes stays closed until the next update: schoolgate lists update")


def add(config: Path | None, place: str, shape: Shape, terms: Terms, is_checked: bool = True) -> None:
    """Adds a feed of the school's own: an address, a file or a folder. `is_checked`: reads it first, as an update
    does."""
    settings, published, chosen, _ = _read(config)
    feed_id = shape.feed_id or _id_from(place)
    if not re.fullmatch(FEED_ID, feed_id):
        raise FeedRefused(f"{feed_id!r} is no id: use lower-case letters, digits and hyphens with --id")
    if feed_id in published.feeds:
        raise FeedRefused(f"{feed_id} is a feed of the catalogue: enable it, or choose another id with --id")
    if feed_id in chosen:
        raise FeedRefused(f"there is a feed {feed_id} already: remove it first, or choose another id with --id")
    _refuse_category(settings, shape.category)
    where = {"url": place} if "://" in place else {"path": str(_file_or_folder(place))}
    if "url" in where and not place.startswith("https://") and not (terms.allow_http and place.startswith("http://")):
        raise FeedRefused(f"{place} is not https: anybody on the way could change it; use https, or say --allow-http")
    feed = ChosenFeed(
        id=feed_id,
        added_at=_now(),
        category=shape.category,
        dialect=shape.dialect,
        match=shape.match,
        refresh_h=shape.refresh_h,
        **where,
        **terms.fields(),
    )
    if is_checked:
        _try(settings, feed, published)
    _book(settings).add(feed)
    say(f"{feed_id} is in use from the next update; now: schoolgate lists update")


def _try(settings: Settings, feed: ChosenFeed, published: Published) -> None:
    """Raises `FeedRefused` for what the next update would not take."""
    with err.status(f"reading {feed.id}"):
        outcome = Updater(settings, lambda _: None).trial(source_of(feed, published), _now())
    if outcome.kind in ("failed", "held"):
        raise FeedRefused(
            f"an update would not take it: {outcome.message.partition('; if that is right')[0]}\n"
            "nothing was added; where it cannot be read yet, add it with --unchecked"
        )
    say(f"read: {outcome.message}")
    for warning in outcome.state.warnings:
        note(f"warning: {warning}", "yellow")


def _refuse_category(settings: Settings, category: str) -> None:
    known = load_catalogue(settings.lists.dir).categories
    if category not in known:
        raise FeedRefused(f"there is no category {category}; {did_you_mean(category, known)}")
    if known[category].role in _ALWAYS_OPEN:
        raise FeedRefused(
            f"{category} opens names under every policy, and a feed may not; use lists.extra for a reviewed list"
        )


def _file_or_folder(place: str) -> Path:
    path = Path(place).absolute()
    if not path.is_file() and not path.is_dir():
        raise FeedRefused(f"{place}: there is no such file or folder; an address begins with https://")
    return path


def _id_from(place: str) -> str:
    last = [part for part in re.split(r"[/?#]", place) if part][-1]
    stem = re.sub(r"(\.(txt|list|hosts|csv|json|conf|zone|rpz|gz|zip|tar|tgz))+$", "", last.lower())
    return re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:64]


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


def _book(settings: Settings) -> FeedBook:
    state_dir.prepare(settings.server.state_dir)
    return FeedBook(settings.server.state_dir)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
