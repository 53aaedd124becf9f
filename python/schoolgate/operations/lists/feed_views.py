"""Feeds: all there are with their state here, and those that a school should begin with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schoolgate.config.problems import did_you_mean
from schoolgate.lists.feed_book import ChosenFeed, FeedBook
from schoolgate.lists.feed_catalogue import NoSuchFeed, Published, read_published
from schoolgate.lists.last_good import FeedState, FeedStates
from schoolgate.lists.recommended import PHASES, Phase, read_recommended
from schoolgate.lists.update_status import feed_row
from schoolgate.operations.registry import looks
from schoolgate.operations.work import Work
from schoolgate.storage import state_dir

_OFF = "off"


@dataclass(frozen=True)
class FeedException:
    """A false hit that this school leaves out."""

    name: str
    reason: str
    who: str
    at: dt.datetime


@dataclass(frozen=True)
class FeedShown:
    """A feed of the catalogue or of the school. `place`: its address or path. `condition`: ok, stale, failing, held,
    failed, not fetched, or off. `names` and the times are of what is in use. `age_s`: since its publisher last said
    that it is what there is. `about_names`: how large it is about; None: not known. `unread`, `left_out`: lines that
    gave nothing."""

    id: str
    in_use: bool
    condition: str
    name: str
    category: str
    place: str | None
    licence: str
    dialect: str | None
    match: str
    refresh_h: int
    note: str
    names: int
    age_s: int | None
    confirmed_at: dt.datetime | None
    fetched_at: dt.datetime | None
    tried_at: dt.datetime | None
    failing_since: dt.datetime | None
    failure: str | None
    attribution: str | None = None
    homepage: str | None = None
    about_names: int | None = None
    unread: dict[str, Any] | None = None
    left_out: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    excepted: tuple[FeedException, ...] = ()
    key: str | None = None
    allow_http: bool = False
    allow_hosts: tuple[str, ...] = ()
    credential_file: str | None = None


@dataclass(frozen=True)
class RecommendedFeed:
    """What, whose, under which licence, how many names (about), for which phases of school, and why."""

    id: str
    name: str
    category: str | None
    publisher: str
    homepage: str
    licence: str
    names: int | None
    phases: tuple[str, ...]
    why: str
    in_use: bool


@dataclass(frozen=True)
class NotRecommended:
    """A feed of a denied category, and why it is not recommended."""

    feed: str
    why: str


@dataclass(frozen=True)
class RecommendedShown:
    """In the order of our own file."""

    recommended: tuple[RecommendedFeed, ...]
    left_out: tuple[NotRecommended, ...]


@looks("feeds.list")
def list_feeds(work: Work, in_use: bool = False) -> tuple[FeedShown, ...]:
    """All feeds there are, those that were chosen here first; with `in_use` those alone."""
    published, chosen, states = _read(work)
    every = {**dict.fromkeys(chosen), **dict.fromkeys(published.feeds)}
    shown = (_feed(one, published, chosen, states, work.now) for one in every)
    return tuple(one for one in shown if one.in_use or not in_use)


@looks("feeds.show")
def show(work: Work, feed: str) -> FeedShown:
    """Everything known of one feed. Raises `NoSuchFeed`."""
    published, chosen, states = _read(work)
    return _feed(feed, published, chosen, states, work.now)


@looks("feeds.recommended")
def recommended(work: Work, phases: tuple[Phase, ...] = ()) -> RecommendedShown:
    """What a school of these phases should begin with; of all without one."""
    lists_dir = work.settings.lists.dir
    found = read_recommended(lists_dir, read_published(lists_dir))
    in_use = FeedBook(work.settings.server.state_dir).in_use()
    rows = (
        RecommendedFeed(
            one.feed.id, one.feed.name, one.feed.category, one.publisher.name, one.publisher.homepage,
            one.publisher.licence, one.feed.names, one.phases, one.why, one.feed.id in in_use,
        )
        for one in found.for_phases(phases or PHASES)
    )  # fmt: skip
    return RecommendedShown(tuple(rows), tuple(NotRecommended(one.feed, one.why) for one in found.left_out))


def _feed(
    feed: str,
    published: Published,
    chosen: Mapping[str, ChosenFeed],
    states: Mapping[str, FeedState],
    now: dt.datetime,
) -> FeedShown:
    mine, theirs = chosen.get(feed), published.feeds.get(feed)
    if mine is None and theirs is None:
        raise NoSuchFeed(f"there is no feed {feed}; {did_you_mean(feed, {**published.feeds, **chosen})}")
    is_on = mine is not None and mine.enabled
    about: dict[str, Any] = {}
    if theirs is not None:
        publisher = published.publisher(theirs)
        about = {
            "name": theirs.name, "category": theirs.category or "by folder", "place": theirs.url,
            "licence": publisher.licence, "attribution": publisher.attribution, "homepage": publisher.homepage,
            "dialect": theirs.dialect, "match": theirs.match, "refresh_h": theirs.refresh_h,
            "about_names": theirs.names, "note": theirs.note,
        }  # fmt: skip
    elif mine is not None:
        about = {
            "name": feed, "category": mine.category or "", "place": mine.url or mine.path,
            "licence": "the school's own" if mine.is_own else str(mine.licence), "dialect": mine.dialect,
            "match": mine.match, "refresh_h": mine.refresh_h,
            "note": "" if mine.is_own else "no longer in the catalogue",
        }  # fmt: skip
    row = feed_row(feed, states.get(feed, FeedState()) if is_on else FeedState(), about["refresh_h"], now)
    about |= row | {"condition": row["condition"] if is_on else _OFF, "warnings": tuple(row["warnings"])}
    if mine is not None:
        about |= mine.model_dump(include={"key", "allow_http", "allow_hosts", "credential_file"})
        about["excepted"] = tuple(FeedException(one.name, one.reason, one.who, one.at) for one in mine.excepted)
    return FeedShown(in_use=is_on, **about)


def _read(work: Work) -> tuple[Published, dict[str, ChosenFeed], dict[str, FeedState]]:
    folder = work.settings.server.state_dir
    state_dir.refuse_strangers(folder)
    return read_published(work.settings.lists.dir), dict(FeedBook(folder).read()), FeedStates(folder).read()
