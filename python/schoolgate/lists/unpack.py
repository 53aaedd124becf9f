"""Unpacking what was fetched: gzip, zip and tar, in each other if need be, into the plain lists inside.

Octets are counted as they come out, never as an archive says, and nothing is written under a name from an archive.
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from schoolgate.errors import SchoolgateError
from schoolgate.lists.limits import Limits

_CHUNK = 1024 * 1024
_TAR_MAGIC_AT = 257


class NotUnpacked(SchoolgateError):
    """An archive is damaged or too large."""


@dataclass(frozen=True)
class Member:
    """One plain file. `name` is its path in the archive, or empty."""

    name: str
    path: Path


class _Budget:
    """What may still come out, over all members and all levels."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.octets = limits.unpacked_octets
        self.members = limits.members

    def take(self, octets: int) -> None:
        self.octets -= octets
        if self.octets < 0:
            raise NotUnpacked(
                f"more than {self.limits.unpacked_octets} octets come out of it: it is a bomb, or larger than any list"
            )

    def member(self) -> None:
        self.members -= 1
        if self.members < 0:
            raise NotUnpacked(f"it holds more than {self.limits.members} files: it is no list")


def unpack(file: Path, work: Path, limits: Limits) -> tuple[Member, ...]:
    """The plain files inside, in archive order, new ones in `work`; a plain file is itself. Raises `NotUnpacked`."""
    work.mkdir(parents=True, exist_ok=True)
    try:
        return tuple(_unpack("", file, work, _Budget(limits), limits.nesting))
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, zipfile.BadZipFile) as error:
        raise NotUnpacked(f"it is cut off or damaged inside: {error}") from error
    except (RuntimeError, NotImplementedError) as error:  # zip: encrypted, or packed in a way that is not in use
        raise NotUnpacked(f"it cannot be unpacked: {error}") from error


def gunzip(file: Path, out: Path, limits: Limits) -> Path:
    """What a server packed for the way. Raises `NotUnpacked`."""
    try:
        with gzip.open(file) as packed:
            return _copy(packed, out, _Budget(limits))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise NotUnpacked(f"it is cut off or damaged inside: {error}") from error


def _unpack(name: str, file: Path, work: Path, budget: _Budget, levels: int) -> Iterator[Member]:
    kind = _kind(file)
    if kind is None:
        yield Member(name, file)
        return
    if levels == 0:
        raise NotUnpacked("it is an archive in an archive in an archive: it is no list")
    for inner_name, path in _KINDS[kind](name, file, work, budget):
        yield from _unpack(inner_name, path, work, budget, levels - 1)


def _kind(file: Path) -> str | None:
    with file.open("rb") as opened:
        head = opened.read(_TAR_MAGIC_AT + 5)
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    return "tar" if head[_TAR_MAGIC_AT:] == b"ustar" else None


def _gzip(name: str, file: Path, work: Path, budget: _Budget) -> Iterator[tuple[str, Path]]:
    budget.member()
    with gzip.open(file) as packed:
        yield name, _copy(packed, _new(work, budget), budget)


def _zip(name: str, file: Path, work: Path, budget: _Budget) -> Iterator[tuple[str, Path]]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            budget.member()
            if info.is_dir():
                continue
            with archive.open(info) as packed:
                path = _copy(packed, _new(work, budget), budget)
            yield info.filename, path


def _tar(name: str, file: Path, work: Path, budget: _Budget) -> Iterator[tuple[str, Path]]:
    with tarfile.open(file, "r:") as archive:
        for info in archive:
            budget.member()
            packed = archive.extractfile(info) if info.isreg() else None
            if packed is None:
                continue
            with packed:
                path = _copy(packed, _new(work, budget), budget)
            if path.stat().st_size != info.size:
                raise NotUnpacked("it is cut off inside")
            yield str(PurePosixPath(info.name)), path


_KINDS = {"gzip": _gzip, "zip": _zip, "tar": _tar}


def _new(work: Path, budget: _Budget) -> Path:
    return work / f"member-{budget.members}"


def _copy(packed: IO[bytes] | gzip.GzipFile, out: Path, budget: _Budget) -> Path:
    with out.open("wb") as plain:
        while chunk := packed.read(_CHUNK):
            budget.take(len(chunk))
            plain.write(chunk)
    return out


def clear(work: Path) -> None:
    """Takes away what unpacking left."""
    shutil.rmtree(work, ignore_errors=True)
