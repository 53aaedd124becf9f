"""The feeds a school has chosen: from the catalogue with its licence accepted, or its own by address, file or folder.

They stand in one small file that the commands write, `feeds.toml` in the state directory; a person may read it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schoolgate.config.load import read_text
from schoolgate.config.problems import InputRefused, complaint, did_you_mean
from schoolgate.config.reading import parse_toml, read
from schoolgate.errors import SchoolgateError
from schoolgate.lists.feed_catalogue import FeedId, NoSuchFeed, Published
from schoolgate.storage.atomic_file import write_whole

# What the name of a fetched list begins with, as `explain` shows it.
FEED_PREFIX = "feeds/"
_HEAD = "Written by `schoolgate feeds`; change it with that command."


class FeedRefused(SchoolgateError):
    """A feed cannot be chosen so."""


class ExceptedName(BaseModel):
    """A name that this school leaves out of a feed, with all below it: a false hit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    reason: Annotated[str, Field(min_length=1)]
    who: str
    at: dt.datetime


class ChosenFeed(BaseModel):
    """One feed in use. A feed of the catalogue says only what differs from it; an own feed says everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: FeedId
    enabled: bool = True
    # What the licence said when it was accepted; None for the school's own.
    licence: str | None = None
    added_at: dt.datetime
    url: str | None = None
    path: str | None = None
    category: str | None = None
    dialect: str | None = None
    match: Literal["suffix", "exact"] = "suffix"
    refresh_h: Annotated[int, Field(ge=1, le=24 * 31)] = 24
    key: str | None = None
    allow_http: bool = False
    allow_hosts: tuple[str, ...] = ()
    credential_file: str | None = None
    excepted: tuple[ExceptedName, ...] = ()

    @property
    def is_own(self) -> bool:
        return self.licence is None

    @model_validator(mode="after")
    def _from_one_place(self) -> ChosenFeed:
        if self.is_own and ((self.url is None) == (self.path is None) or self.category is None):
            raise complaint(f"feed {self.id} has no place or no category", "remove it and add it again")
        return self


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    feed: tuple[ChosenFeed, ...] = ()


class Source(BaseModel):
    """A chosen feed with everything the catalogue knows of it: what an update works from."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    url: str | None
    path: Path | None
    dialect: str | None
    category: str | None
    mapping: tuple[str, ...]
    match: Literal["suffix", "exact"]
    refresh_h: int
    # About how many names there should be; None when unknown.
    names: int | None
    key: str | None
    allow_http: bool
    allow_hosts: tuple[str, ...]
    credential_file: Path | None


class FeedBook:
    """The chosen feeds of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "feeds.toml"

    def read(self) -> Mapping[str, ChosenFeed]:
        """By id, in order of id. Raises `InputRefused`."""
        if not self.path.exists():
            return {}
        raw, wrong = parse_toml(read_text(self.path), str(self.path))
        reading = read(_File, raw, str(self.path))
        if wrong or reading.problems or reading.value is None:
            raise InputRefused([*wrong, *reading.problems])
        return {one.id: one for one in sorted(reading.value.feed, key=lambda one: one.id)}

    def in_use(self) -> tuple[str, ...]:
        """Ids of the feeds that are on."""
        return tuple(one.id for one in self.read().values() if one.enabled)

    def add(self, *feeds: ChosenFeed) -> None:
        """Adds feeds, or changes those of these ids."""
        self._write({**self.read(), **{feed.id: feed for feed in feeds}})

    def remove(self, feed_id: str) -> ChosenFeed:
        """Takes a feed out. Raises `NoSuchFeed`."""
        feeds = dict(self.read())
        if feed_id not in feeds:
            raise NoSuchFeed(f"feed {feed_id} is not in use; {did_you_mean(feed_id, feeds)}")
        removed = feeds.pop(feed_id)
        self._write(feeds)
        return removed

    def _write(self, feeds: Mapping[str, ChosenFeed]) -> None:
        import tomlkit  # `serve` reads this book, and answers without loading what writes it

        document = tomlkit.document()
        document.add(tomlkit.comment(_HEAD))
        rows = tomlkit.aot()
        for one in sorted(feeds.values(), key=lambda one: one.id):
            row = tomlkit.table()
            for name, value in one.model_dump(exclude_defaults=True).items():
                row.add(name, list(value) if isinstance(value, tuple) else value)
            rows.append(row)
        document.add("feed", rows)
        write_whole(self.path, tomlkit.dumps(document).encode())

    def sources(self, published: Published) -> tuple[tuple[Source, ...], tuple[str, ...]]:
        """What an update works from, and what cannot be worked from any more."""
        sources: list[Source] = []
        problems: list[str] = []
        for one in self.read().values():
            if not one.enabled:
                continue
            try:
                sources.append(source_of(one, published))
            except NoSuchFeed as error:
                problems.append(f"{error}; its last good list stays in use until `schoolgate feeds disable {one.id}`")
        return tuple(sources), tuple(problems)


def source_of(feed: ChosenFeed, published: Published) -> Source:
    """The feed with what the catalogue says. Raises `NoSuchFeed` when the catalogue has dropped it."""
    own = feed.model_dump(include={"id", "key", "allow_http", "allow_hosts", "credential_file"})
    if feed.is_own:
        path = None if feed.path is None else Path(feed.path)
        return Source(
            **own, name=feed.id, url=feed.url, path=path, dialect=feed.dialect, category=feed.category, mapping=(),
            match=feed.match, refresh_h=feed.refresh_h, names=None,
        )  # fmt: skip
    there = published.feed(feed.id)
    return Source(
        **own, name=there.name, url=feed.url or there.url, path=None, dialect=there.dialect, category=there.category,
        mapping=there.mapping, match=there.match, refresh_h=there.refresh_h, names=there.names,
    )  # fmt: skip
