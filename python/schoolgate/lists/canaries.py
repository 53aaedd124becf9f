"""Names that a new snapshot must know, and names that it must leave open: asked of it before clients may ask.

What a feed lists of the open ones is left out (`left_out.py`); this is the proof. A canary that a feed breaks all the
same names the feed, so that its last good version can be used instead.
"""

from __future__ import annotations

from collections.abc import Iterable

from schoolgate._core import Snapshot
from schoolgate.errors import SchoolgateError
from schoolgate.lists.canary_file import HARMFUL, Canaries
from schoolgate.lists.feed_book import FEED_PREFIX
from schoolgate.lists.platforms import Platforms
from schoolgate.lists.proof import said_of, smallest_table
from schoolgate.policy.catalogue import Catalogue


class CanariesBroken(SchoolgateError):
    """A new snapshot says what it must not say. `feeds`: ids of those that make it say so; none when ours do."""

    def __init__(self, messages: Iterable[str], feeds: Iterable[str]) -> None:
        self.messages = tuple(messages)
        self.feeds = frozenset(feeds)
        super().__init__("\n".join(self.messages))


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
            if role in HARMFUL and category not in must_be_open.unless and feed.startswith(FEED_PREFIX):
                feeds.add(feed.removeprefix(FEED_PREFIX))
                messages.append(f"{feed.removeprefix(FEED_PREFIX)} lists {must_be_open.name} as {category}")
    if messages:
        raise CanariesBroken(messages, feeds)
    return len(canaries.listed) + len(canaries.open)


def prove_platforms(snapshot: Snapshot, platforms: Platforms) -> int:
    """How many platforms' names no feed closes. Raises `CanariesBroken`."""
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
