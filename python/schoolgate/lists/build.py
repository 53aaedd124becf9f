"""One list build: find, compile in another process, prove, publish. What fails leaves the last good snapshot."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from schoolgate._core import Snapshot, SnapshotCorrupt, __version__
from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError
from schoolgate.lists.canaries import prove_canaries, prove_platforms
from schoolgate.lists.canary_file import read_canaries
from schoolgate.lists.content_store import ContentStore
from schoolgate.lists.feed_book import FeedBook
from schoolgate.lists.feed_catalogue import read_published
from schoolgate.lists.history import PinFile
from schoolgate.lists.inputs import ListInput, list_inputs
from schoolgate.lists.last_good import FeedState
from schoolgate.lists.manifests import Manifest, ManifestInput, Manifests, NoManifest
from schoolgate.lists.platforms import read_platforms
from schoolgate.lists.proof import prove
from schoolgate.lists.protected import protected_names
from schoolgate.lists.snapshots import NoUsableSnapshot, SnapshotStore
from schoolgate.policy.catalogue import load_catalogue

# Millions of names compile in seconds; a build that takes this long hangs.
LONGEST_COMPILE_S = 1800.0
_COMMAND = (sys.executable, "-m", "schoolgate.lists.compile_process")


class ListsNotBuilt(SchoolgateError):
    """No new snapshot was published; the message says why and what stays in force."""


class ListsPinned(SchoolgateError):
    """An administrator rolled the lists back; nothing is published until the pin is lifted."""


@dataclass(frozen=True)
class BuildReport:
    """What a build did. `skipped` counts lines that gave no rule, by reason, with the first of them as examples."""

    serial: int
    path: Path
    names: int
    entries: int
    size_octets: int
    lists: int
    proved: int
    sources: tuple[dict[str, Any], ...]
    skipped: dict[str, dict[str, Any]]


def build(settings: Settings, say: Callable[[str], None] = lambda _: None) -> BuildReport:
    """Compiles every list and publishes the snapshot. Raises `ListsNotBuilt`. `say` gets each step as it begins."""
    built = build_if_new(settings, say, cause="build", always=True)
    assert built is not None
    return built


def build_if_new(
    settings: Settings,
    say: Callable[[str], None] = lambda _: None,
    *,
    states: Mapping[str, FeedState] | None = None,
    cause: str = "update",
    always: bool = False,
    examine: Callable[[Snapshot], None] = lambda _: None,
) -> BuildReport | None:
    """The same, with the feeds as `states` say; None when the current snapshot was made of the same lists, unless
    `always`. What `examine` raises of the new snapshot stops it. Raises `ListsNotBuilt` and `ListsPinned`."""
    store = SnapshotStore(settings.server.state_dir)
    try:
        with store.building():
            _refuse_when_pinned(settings, store)
            return _build(settings, store, say, states, cause, always, examine)
    except ListsPinned:
        raise
    except (SchoolgateError, OSError) as error:
        raise ListsNotBuilt(f"{error}\n{_what_stays(store)}") from error


def _build(
    settings: Settings,
    store: SnapshotStore,
    say: Callable[[str], None],
    states: Mapping[str, FeedState] | None,
    cause: str,
    always: bool,
    examine: Callable[[Snapshot], None],
) -> BuildReport | None:
    say("finding lists")
    inputs = list_inputs(settings, store.work, states)
    protected = _protected(settings)
    made_of = _made_of(settings, store, inputs)
    serial = store.next_serial()
    draft = Manifest(
        serial=serial, at=dt.datetime.now(dt.UTC), cause=cause, version=__version__, protected=protected,
        names=0, entries=0, inputs=made_of,
    )  # fmt: skip
    if not always and _is_current(settings, store, draft):
        return None
    candidate = store.work / f"{serial}.candidate"
    try:
        say(f"compiling {_lists(inputs)} lists")
        report = compile_apart(inputs, candidate, serial, protected, lock=store.lock)
        say("proving")
        snapshot = Snapshot.open(str(candidate))
        proved = prove(snapshot, inputs)
        proved += prove_canaries(snapshot, read_canaries(settings.lists.dir), load_catalogue(settings.lists.dir))
        if any(one.fetched for one in inputs):
            proved += prove_platforms(snapshot, read_platforms(settings.lists.dir))
        examine(snapshot)
        say("publishing")
        counted = draft.model_copy(update={"names": report["names"], "entries": report["entries"]})
        Manifests(settings.server.state_dir).write(counted)
        path = store.publish(candidate, serial)
    finally:
        candidate.unlink(missing_ok=True)
    return BuildReport(
        serial=serial,
        path=path,
        names=report["names"],
        entries=report["entries"],
        size_octets=report["size_octets"],
        lists=_lists(inputs),
        proved=proved,
        sources=tuple(report["sources"]),
        skipped=report["skipped"],
    )


def _lists(inputs: Sequence[ListInput]) -> int:
    return sum(not one.spares for one in inputs)


def _refuse_when_pinned(settings: Settings, store: SnapshotStore) -> None:
    """A pin holds what can be held: without any usable snapshot a school needs new lists more."""
    pin = PinFile(settings.server.state_dir).read()
    if pin is None:
        return
    try:
        store.open_best()
    except NoUsableSnapshot:
        return
    raise ListsPinned(
        f"the lists are pinned to serial {pin.serial} by {pin.who} since {pin.at:%d %B %Y};"
        " nothing is published until `schoolgate lists unpin`"
    )


def _protected(settings: Settings) -> tuple[str, ...]:
    sources, _ = FeedBook(settings.server.state_dir).sources(read_published(settings.lists.dir))
    return protected_names(settings, (source.url for source in sources))


def _made_of(settings: Settings, store: SnapshotStore, inputs: Sequence[ListInput]) -> tuple[ManifestInput, ...]:
    """Every list, kept under its digest, so that this snapshot can be compared and explained later."""
    kept = ContentStore(settings.server.state_dir)
    return tuple(
        ManifestInput(
            feed=one.feed,
            category=one.category,
            match="exact" if one.match == "exact" else "suffix",
            dialect=one.dialect,
            fetched=one.fetched,
            sha256=one.path.name if one.fetched else kept.copy(one.path, store.work),
            octets=one.path.stat().st_size,
            origin=one.origin or (one.feed if one.path.parent == store.work else str(one.path)),
            dated=one.dated,
            private_suffixes=one.private_suffixes,
        )
        for one in inputs
    )


def _is_current(settings: Settings, store: SnapshotStore, draft: Manifest) -> bool:
    """Whether the current snapshot was made of the same lists, by the same program, and can be used."""
    serial = store.current_serial()
    try:
        if serial is None or Manifests(settings.server.state_dir).read(serial).recipe() != draft.recipe():
            return False
        store.open_current()
    except (NoManifest, NoUsableSnapshot, SnapshotCorrupt):
        return False
    return True


def compile_apart(
    inputs: Sequence[ListInput],
    out: Path,
    serial: int,
    protected: Sequence[str] = (),
    timeout_s: float = LONGEST_COMPILE_S,
    *,
    lock: int | None = None,
) -> dict[str, Any]:
    """The compiler's report, from a process of its own. Raises `ListsNotBuilt`.

    The compiler inherits the descriptor `lock`: when we are killed, the next build waits until it has ended, or it
    could write over what that build has proved.
    """
    job = {
        "inputs": [_list_file(one) for one in inputs],
        "out": str(out),
        "serial": serial,
        "protected": list(protected),
    }
    try:
        # No shell, our own interpreter, and nothing of the service manager's that a child could answer for us.
        run = subprocess.run(
            _COMMAND,
            input=orjson.dumps(job),
            capture_output=True,
            timeout=timeout_s,
            check=False,
            pass_fds=() if lock is None else (lock,),
            env={key: value for key, value in os.environ.items() if key not in ("NOTIFY_SOCKET", "WATCHDOG_USEC")},
        )
    except subprocess.TimeoutExpired as error:
        raise ListsNotBuilt(f"compiling took longer than {timeout_s:.0f} s and was ended; try again") from error
    if run.returncode != 0:
        said = run.stderr.decode(errors="replace").strip() or f"the compiler ended with code {run.returncode}"
        raise ListsNotBuilt(said)
    report: dict[str, Any] = orjson.loads(run.stdout)
    return report


def _list_file(one: ListInput) -> dict[str, Any]:
    """The arguments of the core's `ListFile`."""
    return {
        "path": str(one.path),
        "feed": one.feed,
        "category": one.category,
        "matching": one.match,
        "reviewed": not one.fetched,
        "dialect": one.dialect or None,
        "private_suffixes": one.private_suffixes,
    }


def _what_stays(store: SnapshotStore) -> str:
    serial = store.current_serial()
    if serial is None:
        return "no lists were built before, so there is nothing to fall back to"
    return f"the lists in force stay: serial {serial}"
