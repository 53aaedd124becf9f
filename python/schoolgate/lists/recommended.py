"""The feeds that a school should begin with, by phase: lists/recommended.toml. Nothing is enabled by being there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from schoolgate.config.load import read_text
from schoolgate.config.problems import InputRefused, Problem, did_you_mean
from schoolgate.config.reading import parse_toml, read
from schoolgate.lists.feed_book import ChosenFeed, FeedBook
from schoolgate.lists.feed_catalogue import Published, PublishedFeed, Publisher

Phase = Literal["early-years", "primary", "secondary", "sixth-form"]
PHASES: tuple[Phase, ...] = get_args(Phase)
# What a school types to have them all.
ENABLE_RECOMMENDED = "schoolgate feeds enable --recommended --accept-licences"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Recommended(_Row):
    feed: str
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    why: str


class LeftOut(_Row):
    """A feed that fills a denied category and is not recommended."""

    feed: str
    why: str


class _File(_Row):
    recommended: tuple[_Recommended, ...] = ()
    left_out: Annotated[tuple[LeftOut, ...], Field(alias="left-out")] = ()


@dataclass(frozen=True)
class Recommendation:
    """One feed: what it is, whose, for whom and why. `feed.names`: about how many names."""

    feed: PublishedFeed
    publisher: Publisher
    phases: tuple[Phase, ...]
    why: str


@dataclass(frozen=True)
class Recommendations:
    """The file, joined with the catalogue of feeds."""

    feeds: tuple[Recommendation, ...]
    left_out: tuple[LeftOut, ...]

    def for_phases(self, phases: Iterable[Phase]) -> tuple[Recommendation, ...]:
        """What a school that teaches these phases takes, in the file's order."""
        wanted = frozenset(phases)
        return tuple(one for one in self.feeds if wanted & frozenset(one.phases))


def read_recommended(lists_dir: Path, published: Published) -> Recommendations:
    """Raises `InputRefused` with every problem."""
    path = lists_dir / "recommended.toml"
    if not path.exists():  # a lists directory of the school's own making
        return Recommendations((), ())
    raw, wrong = parse_toml(read_text(path), str(path))
    reading = read(_File, raw, str(path))
    problems = [*wrong, *reading.problems]
    if reading.value is None or problems:
        raise InputRefused(problems)
    file = reading.value
    named = [one.feed for one in file.recommended] + [one.feed for one in file.left_out]
    for feed in named:
        if feed not in published.feeds:
            remedy = did_you_mean(feed, published.feeds)
            problems.append(Problem(str(path), feed, "is not in the catalogue of feeds", remedy))
    if problems:
        raise InputRefused(problems)
    found = ((one, published.feed(one.feed)) for one in file.recommended)
    joined = (Recommendation(feed, published.publisher(feed), one.phases, one.why) for one, feed in found)
    return Recommendations(tuple(joined), file.left_out)


@dataclass(frozen=True)
class Enabled:
    """What enabling the recommended feeds did. `left_off`: the school switched these off, and that stands."""

    added: tuple[str, ...]
    in_use: tuple[str, ...]
    left_off: tuple[str, ...]


def enable_recommended(book: FeedBook, wanted: Iterable[Recommendation], now: dt.datetime) -> Enabled:
    """Chooses the feeds that are not chosen yet; their licences were shown and accepted before."""
    chosen = book.read()
    wanted = tuple(wanted)
    new = [one for one in wanted if one.feed.id not in chosen]
    book.add(*(ChosenFeed(id=one.feed.id, licence=one.publisher.licence, added_at=now) for one in new))
    there = [chosen[one.feed.id] for one in wanted if one.feed.id in chosen]
    return Enabled(
        added=tuple(one.feed.id for one in new),
        in_use=tuple(one.id for one in there if one.enabled),
        left_off=tuple(one.id for one in there if not one.enabled),
    )
