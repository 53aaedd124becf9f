"""Looking back: what changed between two snapshots, which line closed a name, and going back to an earlier serial."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from schoolgate._core import ListFile, Snapshot, list_difference, list_rules_for
from schoolgate.errors import SchoolgateError
from schoolgate.lists.content_store import ContentStore, StoredListDamaged
from schoolgate.lists.history import Event, History, Pin, PinFile
from schoolgate.lists.manifests import Manifest, ManifestInput, Manifests
from schoolgate.lists.snapshots import NoUsableSnapshot, SnapshotStore

# Files of ours that take names out of feeds begin their lines so (lists/inputs.py); none comes near this.
SPARED: Final = "!!"
MOST_LEFT_OUT_OCTETS: Final = 1024 * 1024


class NoSuchSerial(SchoolgateError):
    """A snapshot is not kept."""


@dataclass(frozen=True)
class Difference:
    """Names that came and went, the first of them by name, and the lists that differ."""

    before: int
    after: int
    added: int
    removed: int
    added_names: tuple[dict[str, str], ...]
    removed_names: tuple[dict[str, str], ...]
    lists: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One line that speaks of a name. `refused` says why it does not count, where it does not."""

    feed: str
    category: str | None
    origin: str
    line: int
    text: str
    rule: str
    kind: str
    dated: dt.datetime | None
    refused: str | None


def difference(state_dir: Path, before: int, after: int, most: int) -> Difference:
    """What snapshot `after` lists and `before` does not, and the other way round."""
    old, new = Manifests(state_dir).read(before), Manifests(state_dir).read(after)
    protected = sorted({*old.protected, *new.protected})
    found: dict[str, Any] = orjson.loads(
        list_difference(_list_files(state_dir, old), _list_files(state_dir, new), protected=protected, most=most)
    )
    return Difference(
        before=before,
        after=after,
        added=found["added"],
        removed=found["removed"],
        added_names=tuple(found["added_names"]),
        removed_names=tuple(found["removed_names"]),
        lists=tuple(_differing(old, new)),
    )


def left_out(state_dir: Path, serial: int) -> frozenset[str]:
    """Names that a list of a snapshot takes out of a feed. Raises `NoManifest`."""
    found: set[str] = set()
    for one in Manifests(state_dir).read(serial).inputs:
        if one.octets > MOST_LEFT_OUT_OCTETS:
            continue
        try:
            text = ContentStore(state_dir).path(one.sha256).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise StoredListDamaged(f"the list {one.feed} of serial {serial} is gone: {error}") from error
        found |= {line[2:].strip() for line in text.splitlines() if line.startswith(SPARED)}
    return frozenset(found)


def earlier_serial(state_dir: Path) -> int | None:
    """The one that `rollback` goes to by default."""
    store = SnapshotStore(state_dir)
    current = store.current_serial()
    return next((one for one in store.serials() if current is not None and one < current), None)


def why(state_dir: Path, name: str, serial: int | None = None) -> tuple[int, tuple[Line, ...]]:
    """The serial, and every line of its lists that speaks of `name`. Raises `NoManifest`, `ValueError` for no name."""
    store = SnapshotStore(state_dir)
    current = serial if serial is not None else store.current_serial()
    if current is None:
        raise NoUsableSnapshot(f"{store.current}: no lists are built yet; run `schoolgate lists update`")
    manifest = Manifests(state_dir).read(current)
    kept = ContentStore(state_dir)
    found = orjson.loads(list_rules_for(_list_files(state_dir, manifest), name, protected=list(manifest.protected)))
    sources = {(str(kept.path(one.sha256)), one.feed): one for one in manifest.inputs}
    return current, tuple(_line(row, sources[row["path"], row["feed"]]) for row in found["rules"])


def rollback(state_dir: Path, serial: int | None, who: str, now: dt.datetime) -> int:
    """Puts an earlier snapshot in force, the one before when no serial is given, and pins it. Returns its serial."""
    store = SnapshotStore(state_dir)
    current = store.current_serial()
    kept = store.serials()
    wanted = serial if serial is not None else earlier_serial(state_dir)
    if wanted is None or wanted not in kept:
        there = ", ".join(map(str, kept)) or "none"
        raise NoSuchSerial(
            f"serial {wanted if wanted is not None else 'before this one'} is not kept; kept are: {there}"
        )
    with store.building():
        Snapshot.open(str(store.path(wanted)))
        # The pin first: a timer that fires in between must not undo what a person is doing.
        PinFile(state_dir).write(Pin(serial=wanted, at=now, who=who))
        store.point_to(wanted)
    note = f"from serial {current}"
    History(state_dir).append(Event(at=now, what="rolled back", serial=wanted, who=who, note=note))
    return wanted


def _list_files(state_dir: Path, manifest: Manifest) -> list[ListFile]:
    """A manifest's lists for the core, out of the content store."""
    store = ContentStore(state_dir)
    files: list[ListFile] = []
    for one in manifest.inputs:
        path = store.path(one.sha256)
        if not path.exists():
            raise StoredListDamaged(f"{path}: the list {one.feed} of serial {manifest.serial} is gone")
        files.append(
            ListFile(
                path,
                one.feed,
                one.category,
                matching=one.match,
                reviewed=not one.fetched,
                dialect=one.dialect or None,
                private_suffixes=one.private_suffixes,
            )
        )
    return files


def _differing(old: Manifest, new: Manifest) -> Iterable[str]:
    def by_feed(manifest: Manifest) -> dict[str, set[tuple[str, str]]]:
        found: dict[str, set[tuple[str, str]]] = {}
        for one in manifest.inputs:
            found.setdefault(one.feed, set()).add((one.category, one.sha256))
        return found

    before, after = by_feed(old), by_feed(new)
    for feed in sorted({*before, *after}):
        if feed not in before:
            yield f"{feed} is new"
        elif feed not in after:
            yield f"{feed} is gone"
        elif before[feed] != after[feed]:
            yield f"{feed} has changed"


def _line(row: dict[str, Any], source: ManifestInput) -> Line:
    return Line(
        feed=row["feed"],
        category=row["category"],
        origin=source.origin,
        line=row["line"],
        text=row["text"],
        rule=row["rule"],
        kind=row["kind"],
        dated=source.dated,
        refused=row["refused"],
    )
