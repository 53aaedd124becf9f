"""What a category is filled by: starter names, feeds, the school's own lists, or nothing.

A policy that denies a category protects as far as names of it are known. Most starter lists hold the best-known names
only, so a school that has fetched no feed must learn so, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict

from schoolgate.config import Settings
from schoolgate.config.load import read_text
from schoolgate.config.problems import InputRefused
from schoolgate.config.reading import parse_toml, read
from schoolgate.lists.feed_book import FeedBook
from schoolgate.lists.feed_catalogue import PublishedFeed, read_published
from schoolgate.lists.inputs import category_and_canary
from schoolgate.lists.last_good import FeedStates
from schoolgate.policy.listed import Role

# Lists that open names: closing nothing, they cannot be too small to protect.
_ALWAYS_OPEN = frozenset({"platform", "protected"})
_FOLDERS = ("starter", "circumvention")
# Tables of folders that a publisher does not promise.
_NOT_PROMISED = "-also"

Starter = Literal["names", "test-names", "none"]
Kind = Literal["feed", "starter only", "none"]


@dataclass(frozen=True)
class Coverage:
    """One category that a policy can deny.

    `starter_names`: shipped names, without test names. `public_feeds`: feeds of the catalogue that fill it; none means
    that the remedy is said once, and no alarm is raised for ever. `filled_by`: feeds in use whose last good list holds
    names of it, and the school's own lists ("extra/<name>"). `remedy`: a sentence, "" where a feed of the catalogue
    is the remedy.
    """

    category: str
    name: str
    role: Role
    starter_names: int
    public_feeds: tuple[str, ...]
    filled_by: tuple[str, ...]
    remedy: str

    @property
    def kind(self) -> Kind:
        """By what it is filled: a feed or own list, starter names only, or nothing."""
        if self.filled_by:
            return "feed"
        return "starter only" if self.starter_names else "none"


class _Category(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    name: str
    role: Role
    starter: Starter = "names"
    remedy: str = ""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    category: tuple[_Category, ...]


def category_coverage(settings: Settings) -> tuple[Coverage, ...]:
    """Every category that closes, in the order of categories.toml, as the lists of this installation are now.

    A feed counts once it has a good list, not when it is enabled. Raises `InputRefused`, and `FeedStateUnreadable`.
    """
    lists_dir = settings.lists.dir
    starter = dict(_starter_names(lists_dir))
    public = public_feeds(lists_dir)
    filled = _filled_by(settings)
    return tuple(
        Coverage(
            category=one.id,
            name=one.name,
            role=one.role,
            starter_names=starter.get(one.id, 0) if one.starter == "names" else 0,
            public_feeds=public.get(one.id, ()),
            filled_by=filled.get(one.id, ()),
            remedy=one.remedy,
        )
        for one in _categories(lists_dir / "categories.toml")
        if one.role not in _ALWAYS_OPEN
    )


def public_feeds(lists_dir: Path) -> Mapping[str, tuple[str, ...]]:
    """Ids of the catalogue's feeds by the category they fill. Raises `InputRefused`."""
    published = read_published(lists_dir)
    found: dict[str, list[str]] = {}
    for feed in published.feeds.values():
        for category in sorted(_fills(feed, published.mappings)):
            found.setdefault(category, []).append(feed.id)
    return {category: tuple(feeds) for category, feeds in found.items()}


def _fills(feed: PublishedFeed, mappings: Mapping[str, Mapping[str, str]]) -> set[str]:
    if feed.category is not None:
        return {feed.category}
    promised = (mappings[one] for one in feed.mapping if not one.endswith(_NOT_PROMISED))
    return {ours for table in promised for ours in table.values() if ours}


def _categories(path: Path) -> tuple[_Category, ...]:
    raw, wrong = parse_toml(read_text(path), str(path))
    reading = read(_File, raw, str(path))
    if wrong or reading.problems or reading.value is None:
        raise InputRefused([*wrong, *reading.problems])
    return reading.value.category


def _starter_names(lists_dir: Path) -> Iterator[tuple[str, int]]:
    """Category and count of names that close, without the list's own test name."""
    counts: dict[str, int] = {}
    for folder in _FOLDERS:
        for path in sorted((lists_dir / folder).glob("*.txt")):
            text = read_text(path)
            category, canary = category_and_canary(text)
            if category is not None and canary is not None and not _is_address(canary):
                entries = (line.partition("#")[0].strip() for line in text.splitlines())
                closing = sum(1 for entry in entries if entry and not entry.startswith("!")) - 1
                counts[category] = counts.get(category, 0) + closing
    yield from counts.items()


def _is_address(canary: str) -> bool:
    return ":" in canary or canary.replace(".", "").isdigit()


def _filled_by(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    book = FeedBook(settings.server.state_dir).read()
    states = FeedStates(settings.server.state_dir).read() if book else {}
    for feed, chosen in book.items():
        state = states.get(feed)
        if not chosen.enabled or state is None or state.good is None:
            continue
        for category in sorted({ours for part in state.good.parts if part.rules for ours in _ours(part.category)}):
            found.setdefault(category, []).append(feed)
    for one in settings.lists.extra:
        found.setdefault(one.category, []).append(f"extra/{one.path.stem}")
    return {category: tuple(feeds) for category, feeds in found.items()}


def _ours(category: str) -> set[str]:
    """A part's category, or all to which it translates those of its own lines."""
    return set(orjson.loads(category).values()) if category.startswith("{") else {category}
