"""What each snapshot was made of: every list by its SHA-256, so that two can be compared and one explained."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from schoolgate.errors import SchoolgateError
from schoolgate.storage.atomic_file import write_whole


class NoManifest(SchoolgateError):
    """What a snapshot was made of is not known any more."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)


class ManifestInput(_Row):
    """One list. `origin` is where it came from, in words; `dated` when its publisher last confirmed it, None for files
    of this machine."""

    feed: str
    category: str
    match: Literal["suffix", "exact"]
    dialect: str | None
    fetched: bool
    sha256: str
    octets: int
    origin: str
    dated: dt.datetime | None = None
    private_suffixes: bool = False


class Manifest(_Row):
    """One snapshot."""

    serial: int
    at: dt.datetime
    cause: str
    # Of schoolgate, and the names that no feed could close.
    version: str
    protected: tuple[str, ...]
    # Distinct names in its lists; of these, names kept: one that says no more than the name above it is not.
    names: int
    entries: int
    inputs: tuple[ManifestInput, ...]

    def recipe(self) -> tuple[object, ...]:
        """What makes two snapshots the same."""
        lists = tuple(
            (one.feed, one.category, one.match, one.dialect, one.sha256, one.private_suffixes) for one in self.inputs
        )
        return (self.version, self.protected, lists)


class Manifests:
    """The manifests of one state directory, beside the snapshots."""

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / "lists"

    def path(self, serial: int) -> Path:
        return self.folder / f"{serial}.manifest.json"

    def write(self, manifest: Manifest) -> None:
        write_whole(self.path(manifest.serial), orjson.dumps(manifest.model_dump(mode="json")))

    def read(self, serial: int) -> Manifest:
        """Raises `NoManifest`."""
        try:
            return Manifest.model_validate(orjson.loads(self.path(serial).read_bytes()))
        except (OSError, orjson.JSONDecodeError, ValidationError) as error:
            raise NoManifest(
                f"{self.path(serial)}: what lists serial {serial} was made of is not known;"
                " see `schoolgate lists history`"
            ) from error

    def names(self, serial: int) -> int | None:
        """Distinct names that the lists of a snapshot held, as its build counted them; None where that is not known."""
        try:
            return self.read(serial).names
        except NoManifest:
            return None

    def keep_only(self, serials: Iterable[int]) -> frozenset[str]:
        """Drops manifests of snapshots that are gone; returns the digests that the others name."""
        kept = {self.path(serial) for serial in serials}
        used: set[str] = set()
        for path in self.folder.glob("*.manifest.json"):
            if path not in kept:
                path.unlink(missing_ok=True)
                continue
            with contextlib.suppress(NoManifest, ValueError):
                used |= {one.sha256 for one in self.read(int(path.name.partition(".")[0])).inputs}
        return frozenset(used)
