"""The lists that others publish and a school may choose: lists/feeds.toml. All are off until chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schoolgate.config.load import read_text
from schoolgate.config.problems import InputRefused, Problem, complaint, did_you_mean
from schoolgate.config.reading import parse_toml, read
from schoolgate.errors import SchoolgateError

FEED_ID = r"^[a-z0-9][a-z0-9-]{0,63}$"
FeedId = Annotated[str, Field(pattern=FEED_ID)]


class NoSuchFeed(SchoolgateError):
    """No known publisher has a feed of that id, and none was added."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Publisher(_Row):
    """Who makes lists, and on what terms."""

    name: str
    homepage: str
    licence: str
    attribution: str


class PublishedFeed(_Row):
    """One `[[feed]]`; the file's head says what each key means."""

    id: FeedId
    publisher: str
    name: str
    url: Annotated[str, Field(pattern=r"^https://")]
    dialect: str | None = None
    category: str | None = None
    mapping: tuple[str, ...] = ()
    match: Literal["suffix", "exact"] = "suffix"
    refresh_h: Annotated[int, Field(ge=1, le=24 * 31)]
    names: Annotated[int, Field(ge=1)]
    note: str = ""

    @model_validator(mode="after")
    def _one_way_to_a_category(self) -> PublishedFeed:
        if (self.category is None) == (not self.mapping):
            raise complaint(f"feed {self.id} has no category, or two", "write category or mapping")
        return self


class _File(_Row):
    publishers: Mapping[FeedId, Publisher]
    feed: tuple[PublishedFeed, ...]


@dataclass(frozen=True)
class Published:
    """The catalogue: feeds by id, publishers, and how publishers' folders translate to our categories."""

    feeds: Mapping[str, PublishedFeed]
    publishers: Mapping[str, Publisher]
    mappings: Mapping[str, Mapping[str, str]]

    def feed(self, feed_id: str) -> PublishedFeed:
        if feed_id not in self.feeds:
            raise NoSuchFeed(f"there is no feed {feed_id} in the catalogue; {did_you_mean(feed_id, self.feeds)}")
        return self.feeds[feed_id]

    def publisher(self, feed: PublishedFeed) -> Publisher:
        return self.publishers[feed.publisher]

    def translate(self, mapping: tuple[str, ...], folder: str) -> str | None:
        """Our category for a publisher's folder; None where we have none."""
        return next(
            (self.mappings[one][folder] or None for one in mapping if folder in self.mappings.get(one, {})), None
        )


def read_published(lists_dir: Path) -> Published:
    """Reads the catalogue. Raises `InputRefused` with every problem."""
    path = lists_dir / "feeds.toml"
    if not path.exists():  # a lists directory of the school's own making
        return Published({}, {}, {})
    raw, wrong = parse_toml(read_text(path), str(path))
    reading = read(_File, raw, str(path))
    problems = [*wrong, *reading.problems]
    if reading.value is None or problems:
        raise InputRefused(problems)
    feeds = {one.id: one for one in reading.value.feed}
    mappings = _mappings(lists_dir / "categories.toml")
    for one in feeds.values():
        if one.publisher not in reading.value.publishers:
            problems.append(Problem(str(path), one.id, f"there is no publisher {one.publisher}", "add it"))
        problems += (
            Problem(str(path), one.id, f"there is no mapping {name}", "add it to categories.toml")
            for name in one.mapping
            if name not in mappings
        )
    if problems:
        raise InputRefused(problems)
    return Published(feeds, reading.value.publishers, mappings)


def _mappings(path: Path) -> Mapping[str, Mapping[str, str]]:
    raw, wrong = parse_toml(read_text(path), str(path))
    if wrong:
        raise InputRefused(wrong)
    found: Any = raw.get("mapping", {})
    return {name: dict(table) for name, table in found.items()}
