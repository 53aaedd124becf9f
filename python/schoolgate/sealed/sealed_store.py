"""The sealed lists on disk.

    <state>/sealed.json                 which suppliers there must be, with their serials: outside the folder, so that a
                                        folder that is gone is missed
    <state>/sealed/key                  the keys, mode 0600
    <state>/sealed/SUPPLIER.sealed      one for each supplier, and `.previous`, the one before, in case of damage
    <state>/sealed/imports.jsonl        who imported what and when, in counts
    <state>/sealed/selftests.jsonl      dated results of `schoolgate sealed selftest`

Never fail open: a list that should be there and is not, stops a start and refuses a reload.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from schoolgate._core import SealedCorrupt, SealedList, add_sealed_key, keep_sealed_keys
from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError
from schoolgate.storage.atomic_file import sync_directory, write_whole

FOLDER_MODE = 0o700
FILE_MODE = 0o600
SUPPLIER = re.compile(r"[a-z0-9-]{1,32}")
_SUFFIX = ".sealed"
_HOW_TO_MEND = (
    "import that supplier's list again (`schoolgate sealed import`), or restore the state directory from a backup"
)


class SealedMissing(SchoolgateError):
    """A sealed list that must be there cannot be used. There is no start without it."""


class SealedOlder(SchoolgateError):
    """What is on the disk is older than what is in force, so what is in force stays."""


@dataclass(frozen=True)
class Facts:
    """What one supplier's file says of itself; counts only."""

    supplier: str
    serial: int
    imported_at: dt.datetime
    key_id: str
    names: int
    digests: int
    url_level: int
    skipped: int

    @property
    def enforced(self) -> int:
        """Entries that DNS can enforce, the self-test name left out."""
        return self.names - 1 + self.digests


@dataclass(frozen=True)
class OpenedSealed:
    """The sealed lists of all suppliers, checked. `problems`: what an operator should look at."""

    sealed: SealedList
    facts: tuple[Facts, ...]
    problems: tuple[str, ...] = ()

    @property
    def serials(self) -> dict[str, int]:
        """The serial of each supplier's list."""
        return {one.supplier: one.serial for one in self.facts}


# Of the record of self-tests: one line of a school with thousands of segments.
MOST_TAIL_OCTETS = 1 << 20


class SealedStore:
    """The sealed lists of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / "sealed"
        self.keys = self.folder / "key"
        self.manifest = state_dir / "sealed.json"
        self.imports = self.folder / "imports.jsonl"
        self.selftests = self.folder / "selftests.jsonl"

    # -- reading --------------------------------------------------------------------------------------------------

    def open_all(self, settings: Settings) -> OpenedSealed | None:
        """All that must be there; None where no sealed list was ever imported or asked for. Raises `SealedMissing`."""
        recorded = self.recorded()
        expected = sorted({*recorded, *self.on_disk(), *settings.sealed.suppliers})
        if not expected:
            if settings.sealed.required:
                raise SealedMissing(
                    f"{self.folder}: there is no sealed list, and sealed.required is true; import one with"
                    " `schoolgate sealed import FILE --supplier NAME`, or restore the state directory from a backup"
                )
            return None
        self._refuse_strangers()
        missing: list[str] = []
        problems: list[str] = []
        paths = [self._usable(supplier, missing, problems) for supplier in expected]
        if missing:
            raise SealedMissing("\n".join((*missing, "the server does not start without its sealed lists")))
        try:
            sealed = SealedList.open([path for path in paths if path is not None], self.keys)
        except SealedCorrupt as error:  # it changed under our eyes
            raise SealedMissing(str(error)) from error
        facts = facts_of(sealed)
        problems += (
            f"the sealed list of {one.supplier} has serial {one.serial}, and serial {recorded[one.supplier]} was"
            " imported: an older file was put in its place; import the supplier's list again"
            for one in facts
            if one.serial < recorded.get(one.supplier, 0)
        )
        return OpenedSealed(sealed, facts, tuple(problems))

    def open_not_older(self, settings: Settings, before: OpenedSealed | None) -> OpenedSealed | None:
        """What is on the disk, for a running server. Raises `SealedOlder` when it would hold less recent lists."""
        opened = self.open_all(settings)
        serials = opened.serials if opened is not None else {}
        for supplier, serial in (before.serials if before is not None else {}).items():
            if serials.get(supplier, -1) < serial:
                now = f"serial {serials[supplier]}" if supplier in serials else "none"
                raise SealedOlder(
                    f"{self.path(supplier)}: serial {serial} is in force and the disk has {now}; {_HOW_TO_MEND}"
                )
        return opened

    def path(self, supplier: str) -> Path:
        """The file of a supplier's list."""
        return self.folder / f"{supplier}{_SUFFIX}"

    def previous(self, supplier: str) -> Path:
        """The file of the list before."""
        return self.folder / f"{supplier}{_SUFFIX}.previous"

    def on_disk(self) -> tuple[str, ...]:
        """Suppliers that have a file."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found = (Path(entry.name) for entry in os.scandir(self.folder))
            return tuple(sorted(one.stem for one in found if one.suffix == _SUFFIX and SUPPLIER.fullmatch(one.stem)))
        return ()

    def recorded(self) -> dict[str, int]:
        """Suppliers whose lists were imported here, with the last serial. Raises `SealedMissing` if unreadable."""
        try:
            read = orjson.loads(self.manifest.read_bytes())
            return {str(supplier): int(serial) for supplier, serial in read["suppliers"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SealedMissing(
                f"{self.manifest}: does not say which sealed lists there must be ({error}); restore it from a backup"
            ) from error

    def facts(self, path: Path) -> Facts | None:
        """What a file says of itself, or None when it cannot be used."""
        try:
            return facts_of(SealedList.open([path], self.keys))[0]
        except SealedCorrupt:
            return None

    def last_selftest(self) -> dict[str, Any] | None:
        """The newest record; None where there is none that can be read."""
        try:
            with self.selftests.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - MOST_TAIL_OCTETS))
                found = orjson.loads(file.read().splitlines()[-1])
        except (OSError, IndexError, orjson.JSONDecodeError):
            return None
        return found if isinstance(found, dict) else None

    def _usable(self, supplier: str, missing: list[str], problems: list[str]) -> Path | None:
        """The file to use. A damaged one gives way to the one before; one that is gone was taken away, and does not."""
        path = self.path(supplier)
        if not path.exists():
            missing.append(f"{path}: the sealed list of {supplier} is missing; {_HOW_TO_MEND}")
            return None
        for candidate in (path, self.previous(supplier)):
            try:
                opened = facts_of(SealedList.open([candidate], self.keys))
            except SealedCorrupt as error:
                if candidate.exists():
                    problems.append(str(error))
                continue
            if opened[0].supplier == supplier:
                return candidate
            problems.append(f"{candidate}: is the list of {opened[0].supplier}; {_HOW_TO_MEND}")
        missing.extend(problems or [f"{path}: cannot be used; {_HOW_TO_MEND}"])
        return None

    def _refuse_strangers(self) -> None:
        for path in (self.folder, self.keys):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_uid not in (os.geteuid(), 0):
                    raise SealedMissing(
                        f"{path}: belongs to another user, who could read it; make it ours with chown, then"
                        " `schoolgate sealed rotate` and import every list again"
                    )

    # -- writing --------------------------------------------------------------------------------------------------

    @contextmanager
    def importing(self) -> Iterator[None]:
        """One import or change of keys at a time; a second waits for the first."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        self._refuse_strangers()
        with (self.folder / "import.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def next_serial(self) -> int:
        """Above every serial that was ever given here."""
        on_disk = (self.facts(self.path(supplier)) for supplier in self.on_disk())
        return max((0, *self.recorded().values(), *(one.serial for one in on_disk if one is not None))) + 1

    def publish(self, candidate: Path, facts: Facts) -> None:
        """Gives a checked file its place and records that it must be there, in this order: a power cut leaves one of
        the two lists whole."""
        path, previous = self.path(facts.supplier), self.previous(facts.supplier)
        before = self.facts(path) if path.exists() else None
        if before is not None and before.key_id == facts.key_id:
            aside = previous.with_suffix(".aside")
            aside.unlink(missing_ok=True)
            os.link(path, aside)
            aside.replace(previous)
        else:  # a key that was changed is to be forgotten, and with it what it sealed
            previous.unlink(missing_ok=True)
        candidate.replace(path)
        sync_directory(self.folder)
        self._record(self.recorded() | {facts.supplier: facts.serial})
        self._forget_unused_keys()

    def rotate(self) -> str:
        """A new key for the next import of each list. Returns its id."""
        with self.importing():
            return add_sealed_key(self.keys)

    def note(self, path: Path, record: Mapping[str, Any]) -> None:
        """Adds a dated line to a record, synced."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
        try:
            os.write(descriptor, orjson.dumps(record) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _record(self, suppliers: Mapping[str, int]) -> None:
        write_whole(self.manifest, orjson.dumps({"suppliers": dict(suppliers)}) + b"\n", FILE_MODE)

    def _forget_unused_keys(self) -> None:
        paths = [path for one in self.on_disk() for path in (self.path(one), self.previous(one)) if path.exists()]
        used = [one.key_id for one in map(self.facts, paths) if one is not None]
        if len(used) == len(paths):  # a file that cannot be read may be mended, so its key stays
            keep_sealed_keys(self.keys, used)


def facts_of(sealed: SealedList) -> tuple[Facts, ...]:
    """What the files of a list say of themselves."""
    return tuple(
        Facts(
            supplier=one["supplier"],
            serial=one["serial"],
            imported_at=dt.datetime.fromtimestamp(one["created_unix_s"], dt.UTC),
            key_id=one["key_id"],
            names=one["names"],
            digests=sum(one["digests"]),
            url_level=one["url_level"],
            skipped=one["skipped"],
        )
        for one in orjson.loads(sealed.facts())
    )
