"""Names that a new snapshot must know, and names that it must leave open: asked of it before clients may ask.

lists/canaries.toml. A canary that a feed breaks names the feed, so that its last good version can be used instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from schoolgate._core import Snapshot
from schoolgate.config.load import read_text
from schoolgate.config.problems import InputRefused
from schoolgate.config.reading import parse_toml, read
from schoolgate.errors import SchoolgateError
from schoolgate.lists.inputs import FEED_PREFIX
from schoolgate.lists.platforms import Platforms
from schoolgate.lists.proof import said_of, smallest_table
from schoolgate.policy.catalogue import Catalogue

_HARMFUL = frozenset({"threat", "circumvention", "content"})


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Listed(_Row):
    """A name that must carry a category."""

    name: str
    category: str


class Open(_Row):
    """A name that must carry no harmful category but those of `unless`."""

    name: str
    unless: tuple[str, ...] = ()


class Canaries(_Row):
    """The file."""

    listed: tuple[Listed, ...] = ()
    open: tuple[Open, ...] = ()


class CanariesBroken(SchoolgateError):
    """A new snapshot says what it must not say. `feeds`: ids of those that make it say so; none when ours do."""

    def __init__(self, messages: Iterable[str], feeds: Iterable[str]) -> None:
        self.messages = tuple(messages)
        self.feeds = frozenset(feeds)
        super().__init__("\n".join(self.messages))


def read_canaries(lists_dir: Path) -> Canaries:
    """Raises `InputRefused`."""
    path = lists_dir / "canaries.toml"
    if not path.exists():  # a lists directory of the school's own making
        return Canaries()
    raw, wrong = parse_toml(read_text(path), str(path))
    reading = read(Canaries, raw, str(path))
    if reading.value is None or wrong or reading.problems:
        raise InputRefused([*wrong, *reading.problems])
    return reading.value


def prove_canaries(snapshot: Snapshot, canaries: Canaries, catalogue: Catalogue) -> int:
    """How many were proved. Raises `CanariesBroken` with all that are broken."""
    table = smallest_table()
    messages: list[str] = []
    feeds: set[str] = set()
    for one in canaries.listed:
        if not any(category == one.category for category, _ in said_of(snapshot, table, one.name)):
            messages.append(f"{one.name} does not carry {one.category} in the new snapshot")
    for must_be_open in canaries.open:
        for category, feed in said_of(snapshot, table, must_be_open.name):
            role = catalogue.categories[category].role if category in catalogue.categories else "content"
            if role in _HARMFUL and category not in must_be_open.unless and feed.startswith(FEED_PREFIX):
                feeds.add(feed.removeprefix(FEED_PREFIX))
                messages.append(f"{feed.removeprefix(FEED_PREFIX)} lists {must_be_open.name} as {category}")
    if messages:
        raise CanariesBroken(messages, feeds)
    return len(canaries.listed) + len(canaries.open)


def prove_platforms(snapshot: Snapshot, platforms: Platforms) -> int:
    """How many platforms' names no feed closes. Raises `CanariesBroken`: of what an exception cannot lift, such as a
    rule that a publisher marked as important."""
    table = smallest_table()
    messages: list[str] = []
    feeds: set[str] = set()
    for name in platforms.names():
        for category, feed in sorted(said_of(snapshot, table, name)):
            if feed.startswith(FEED_PREFIX) and category not in platforms.believed:
                feeds.add(feed.removeprefix(FEED_PREFIX))
                messages.append(f"{feed.removeprefix(FEED_PREFIX)} lists {name} as {category}, a platform of schools")
    if messages:
        raise CanariesBroken(messages, feeds)
    return len(platforms.names())
