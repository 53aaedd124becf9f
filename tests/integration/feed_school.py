"""A school with small lists and feeds from a test's publisher: updated in this process, compiled in another."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from schoolgate._core import PolicyTable, Snapshot, explain
from schoolgate.config import Settings, parse
from schoolgate.lists.feed_book import ChosenFeed, FeedBook
from schoolgate.lists.fetch import Fetcher
from schoolgate.lists.guards import Bounds
from schoolgate.lists.last_good import FeedState, FeedStates
from schoolgate.lists.limits import Limits
from schoolgate.lists.progress import Event
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.lists.update import Updater, UpdateReport, Weighed, Wish

DAWN = dt.datetime(2026, 11, 23, 4, 10, tzinfo=dt.UTC)
# Small, so that every bound is met at once, but for the times: a busy machine is not a server that hangs.
LIMITS = Limits(
    wire_octets=256 * 1024, unpacked_octets=1024 * 1024, header_octets=4096, headers=32, connect_s=60.0, silent_s=60.0,
    total_s=120.0, slow_after_s=120.0, attempts=1,
)  # fmt: skip
_CATEGORIES = "".join(
    f'[[category]]\nid = "{name}"\nname = "{name}"\nrole = "{role}"\n'
    for name, role in {
        "games": "service", "gambling": "content", "malware": "threat", "drugs": "content", "advertising": "service",
        "search-unsafe": "content", "exams": "protected",
    }.items()
)  # fmt: skip
_MAPPING = '[mapping.theirs]\njeux = "games"\nparis = "gambling"\ncuisine = ""\nexamens = "exams"\n'
_FILES = {
    "categories.toml": _CATEGORIES + _MAPPING,
    "safesearch.toml": '[[engine]]\nid = "google"\nnames = ["www.google.com"]\ntarget = "forcesafesearch.google.com"\n',
    "special-names.toml": '[[zone]]\nname = "test"\nkind = "nxdomain"\nwhy = "RFC 6761"\n',
    "starter/gambling.txt": "# category: gambling\ngambling.blocked.example.com\n",
    "starter/exams.txt": "# category: exams\nexams.allowed.example.com\nboard.example.org\n",
    "protected.txt": "sign-in.example.org\nupdates.example.org\n",
    "canaries.toml": '[[listed]]\nname = "gambling.blocked.example.com"\ncategory = "gambling"\n'
    '[[open]]\nname = "www.must-be-open.example.net"\n',
}
_TABLE = {
    "serial": 0,
    "policies": [{"id": "proof", "action": "nxdomain", "unknown": "allow"}],
    "segments": [],
    "strictest": "proof",
    "allowed_clients": ["127.0.0.1/32"],
}


def lists_dir(folder: Path) -> Path:
    """Lists as the shipped ones are laid out."""
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@dataclass
class School:
    """One state directory. `now` moves only when a test moves it."""

    folder: Path
    limits: Limits = LIMITS
    bounds: Bounds = field(default_factory=Bounds)
    now: dt.datetime = DAWN
    events: list[Event] = field(default_factory=list)
    fetcher: Fetcher | None = None
    proxy: str | None = None
    # Of policies, none: what new lists would close is weighed where a test gives a weigher.
    weigh: Callable[[Snapshot], Weighed] = lambda _: Weighed({}, ())

    @property
    def state_dir(self) -> Path:
        return self.folder / "state"

    @property
    def settings(self) -> Settings:
        text = f'[server]\nstate_dir = "{self.state_dir}"\n[lists]\ndir = "{self.folder / "lists"}"\n'
        text += 'protected = ["school.example.org"]\n'
        text += f'proxy = "{self.proxy}"\n' if self.proxy is not None else ""
        text += '[policy]\nfile = "policy.toml"\n' if (self.folder / "policy.toml").exists() else ""
        return parse(text, "schoolgate.toml", folder=self.folder)

    def choose(self, feed_id: str = "feed", **fields: Any) -> None:
        usual = {"category": "games", "allow_http": True, "allow_hosts": ("127.0.0.1",), "refresh_h": 1}
        FeedBook(self.state_dir).add(ChosenFeed(id=feed_id, added_at=DAWN, **(usual | fields)))

    def update(self, *, accept: str | None = None, force: bool = False) -> UpdateReport:
        self.now += dt.timedelta(hours=2)
        wish = Wish(accept=frozenset({accept} if accept else ()), force=force, who="test")
        updater = Updater(self.settings, self.events.append, self.limits, self.bounds, self.fetcher, self.weigh)
        return updater.update(wish, self.now)

    def state(self, feed_id: str = "feed") -> FeedState:
        return FeedStates(self.state_dir).read()[feed_id]

    def serial(self) -> int | None:
        return SnapshotStore(self.state_dir).current_serial()

    def said_of(self, name: str) -> set[str]:
        """The categories of a name in the current snapshot."""
        snapshot = SnapshotStore(self.state_dir).open_current().snapshot
        return categories(snapshot, name)


def categories(snapshot: Snapshot, name: str) -> set[str]:
    table = PolicyTable.compile(orjson.dumps(_TABLE))
    explained = orjson.loads(explain(snapshot, table, name, 1, "127.0.0.1", "127.0.0.1", 53))
    return {one["category"] for one in explained["decision"]["matched"] if one["category"] is not None}


def names(count: int, word: str = "game", start: int = 0) -> str:
    """A list of so many names."""
    return "".join(f"{word}-{number}.example.com\n" for number in range(start, start + count))
