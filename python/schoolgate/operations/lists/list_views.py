"""The lists in force, their update, and what it changed of what is asked for here."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from schoolgate.errors import SchoolgateError
from schoolgate.operations.lists.lists import ListsInstalled, installed
from schoolgate.operations.registry import changes, looks
from schoolgate.operations.status import feed_ages
from schoolgate.operations.status_results import FeedAge
from schoolgate.operations.work import Work
from schoolgate.storage import state_dir

# Differing names that are looked up in the query log: more than a day's update of any list.
COMPARED = 100_000
ASKED_FOR_DAYS = 7
MOST_EVENTS = 50


class NothingToCompare(SchoolgateError):
    """There are no two serials of the lists."""


@dataclass(frozen=True)
class ListSource:
    """One list of the snapshot, with how many names it gave."""

    feed: str
    category: str
    names: int


@dataclass(frozen=True)
class ListEvent:
    """What happened to the lists. `at`: ISO 8601, UTC. `what`: published, unchanged, failed, rolled back, unpinned."""

    at: str
    what: str
    serial: int | None
    who: str
    names: int | None
    changed: tuple[str, ...]
    failed: dict[str, str]
    note: str


@dataclass(frozen=True)
class ListsPinned:
    """A serial is held in force."""

    serial: int
    who: str
    at: str


@dataclass(frozen=True)
class ListsShown:
    """The snapshot that is current on the disk; `kept` are the serials one can go back to. `events`: newest first.
    `last_change`: when other lists were last published."""

    serial: int
    built_at: str
    names: int | None
    entries: int
    octets: int
    path: str
    kept: tuple[int, ...]
    pinned: ListsPinned | None
    sources: tuple[ListSource, ...]
    feeds: tuple[FeedAge, ...]
    last_change: str | None
    events: tuple[ListEvent, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class FeedUpdated:
    """`outcome`: changed, unchanged, held, failed or not due; `message` says why."""

    feed: str
    outcome: str
    message: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class ListsUpdated:
    """`exit_code`: 0 all is well; 1 nothing was published; 3 some feeds failed. `is_new`: a snapshot was made.
    `weighed`: what it closes and opens of what was asked for lately, in sentences."""

    exit_code: int
    feeds: tuple[FeedUpdated, ...]
    serial: int | None
    is_new: bool
    names: int | None
    entries: int | None
    problems: tuple[str, ...]
    weighed: tuple[str, ...]
    installed: ListsInstalled | None = None

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"serial": self.serial, "is_new": self.is_new, "exit_code": self.exit_code}


@dataclass(frozen=True)
class NameListed:
    """A name that came or went. `asked`: rows of the last 7 days for it or below it."""

    name: str
    category: str
    feed: str
    asked: int


@dataclass(frozen=True)
class ListsChanged:
    """`added` and `removed` count all names; the first of them, those asked for here before others, are named.
    `asked_for`: how many of the differing names were asked for. `not_counted`: why nothing says which."""

    before: int
    after: int
    added: int
    removed: int
    lists: tuple[str, ...]
    added_names: tuple[NameListed, ...]
    removed_names: tuple[NameListed, ...]
    asked_for: int
    not_counted: str | None


@looks("lists.show")
def show(work: Work) -> ListsShown:
    """The lists in force, feeds with their true ages, and what happened lately. Raises `NoUsableSnapshot`."""
    import orjson

    from schoolgate.lists.history import History, PinFile
    from schoolgate.lists.list_problems import list_problems
    from schoolgate.lists.manifests import Manifests
    from schoolgate.lists.snapshots import SnapshotStore

    folder = work.settings.server.state_dir
    state_dir.refuse_strangers(folder)
    store = SnapshotStore(folder)
    opened = store.open_best()
    meta = orjson.loads(opened.snapshot.meta())
    pin = PinFile(folder).read()
    events = History(folder).read()[::-1]
    change = next((one.at.isoformat() for one in events if one.what in ("published", "rolled back")), None)
    return ListsShown(
        serial=meta["serial"],
        built_at=opened.built_at.isoformat(),
        names=Manifests(folder).names(meta["serial"]),
        entries=meta["entries"],
        octets=meta["size_octets"],
        path=str(opened.path),
        kept=tuple(store.serials()),
        pinned=None if pin is None else ListsPinned(pin.serial, pin.who, pin.at.isoformat()),
        sources=tuple(ListSource(one["feed"], one["category"], one["rules"]) for one in meta["sources"]),
        feeds=feed_ages(work.settings, work.now),
        last_change=change,
        events=tuple(ListEvent(**one.model_dump() | {"at": one.at.isoformat()}) for one in events[:MOST_EVENTS]),
        problems=(*opened.problems, *list_problems(folder, opened.built_at, work.now)),
    )


@changes("lists.update")
def update(
    work: Work, feeds: tuple[str, ...] = (), accept: tuple[str, ...] = (), is_forced: bool = False
) -> ListsUpdated:
    """Renews the feeds that are due, or these, and publishes; steps are said with octets and rate.

    `accept`: feeds that are taken however much they changed. What fails keeps its last good list. Raises `TaskRefused`.
    """
    from dataclasses import replace

    from pydantic import TypeAdapter

    from schoolgate.operations.apart import do_apart

    state_dir.prepare(work.settings.server.state_dir)
    given = {"only": list(feeds), "accept": list(accept), "force": is_forced, "who": work.actor.name}
    done = TypeAdapter(ListsUpdated).validate_python(do_apart(work, "lists", **given))
    if not done.is_new or done.serial is None:
        return done
    return replace(done, installed=installed(work.settings, done.serial))


@looks("lists.changes")
def list_changes(
    work: Work,
    before: int | None = None,
    after: int | None = None,
    most: Annotated[int, Field(ge=0)] = 20,
) -> ListsChanged:
    """Names that came and went with the last change of the lists, or between two serials; those asked for here first.

    Raises `NothingToCompare`, `TaskRefused`.
    """
    from schoolgate.lists.snapshots import SnapshotStore
    from schoolgate.operations.apart import do_apart

    folder = work.settings.server.state_dir
    state_dir.refuse_strangers(folder)
    store = SnapshotStore(folder)
    after = after if after is not None else store.current_serial()
    earlier = (one for one in store.serials() if after is not None and one < after)
    before = before if before is not None else max(earlier, default=None)
    if before is None or after is None:
        raise NothingToCompare("there is one serial of the lists, or none: nothing has changed yet")
    found = do_apart(work, "changes", before=before, after=after, most=max(most, COMPARED))
    asked, why = _asked(work, [one["name"] for one in (*found["added_names"], *found["removed_names"])])
    return ListsChanged(
        before, after, found["added"], found["removed"], tuple(found["lists"]),
        _first_asked(found["added_names"], asked, most), _first_asked(found["removed_names"], asked, most),
        len(asked), why,
    )  # fmt: skip


def _asked(work: Work, names: list[str]) -> tuple[dict[str, int], str | None]:
    """How often each of the names, or something below it, was asked for. Without a log nothing says it."""
    from schoolgate.querylog import LogProblem, QueryLog

    try:
        with QueryLog(work.settings.server.state_dir) as log:
            since = work.now - dt.timedelta(days=ASKED_FOR_DAYS)
            return {one.name: one.rows for one in log.names_asked_since(names, since)}, None
    except LogProblem as error:
        return {}, str(error)


def _first_asked(names: list[dict[str, str]], asked: dict[str, int], most: int) -> tuple[NameListed, ...]:
    listed = (NameListed(one["name"], one["category"], one["feed"], asked.get(one["name"], 0)) for one in names)
    return tuple(sorted(listed, key=lambda one: -one.asked)[:most])
