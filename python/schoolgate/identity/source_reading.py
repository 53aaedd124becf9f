"""One source, read again and again: what it said last counts until its leases end, whatever happens to its file.

A file may be missing, unreadable, too large or in the middle of being written. None of that stops the other sources,
and none of it makes a device out of half a line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from schoolgate.config.identity import IdentitySource
from schoolgate.identity.binding import Claim
from schoolgate.identity.dnsmasq_leases import read_dnsmasq
from schoolgate.identity.isc_leases import read_isc
from schoolgate.identity.kea_leases import files_of, read_kea
from schoolgate.identity.lease_lines import LeasesRead
from schoolgate.identity.neighbours import read_neighbours

# Fifty thousand leases with all their renewals since the last tidying.
LARGEST_OCTETS = 64 * 1024 * 1024
# A file that is written without a pause is read all the same after so many looks.
MOST_LOOKS_AT_MOVING = 5
# A lease without an end is believed for a day from when it was read.
READ_AGAIN_US = 1800 * 1_000_000
_IP_PATHS = os.pathsep.join(["/usr/sbin", "/sbin", "/usr/bin", "/bin"])
_IP_WITHIN_S = 10

_Signature = tuple[tuple[str, int, int, int], ...]


class SourceUnreadable(Exception):
    """Why a source could not be read now; what it said before counts on."""


@dataclass(frozen=True)
class SourceState:
    """How a source is. `read_us`: when it was read last, None: never. `odd`: lines that were not understood."""

    name: str
    kind: str
    read_us: int | None
    leases: int
    odd: int
    problem: str | None


class SourceReader:
    """Blocking; `look` is called by one thread."""

    def __init__(self, source: IdentitySource, neighbours: Callable[[], bytes] | None = None) -> None:
        self._source = source
        self._neighbours = neighbours or _neighbours
        self._read: LeasesRead = LeasesRead()
        self._read_us: int | None = None
        self._signature: _Signature | None = None
        self._moving = 0
        self._is_shrinking = False
        self._problem: str | None = None

    @property
    def claims(self) -> list[Claim]:
        """What it said last."""
        return list(self._read.claims.values())

    @property
    def state(self) -> SourceState:
        """How it is now."""
        return SourceState(
            self._source.called, self._source.kind, self._read_us, len(self._read.claims), self._read.odd, self._problem
        )

    def look(self, now_us: int) -> None:
        """Reads the source if it changed. Never raises: `state` says what is wrong."""
        try:
            found = self._look(now_us)
            self._problem = None
        except SourceUnreadable as error:
            self._problem = str(error)
            return
        if found is not None and not self._is_half(found):
            self._read, self._read_us = found, now_us

    def _is_half(self, found: LeasesRead) -> bool:
        """Whether much less is there than before. dnsmasq empties its file before it writes it: believed when it is
        seen twice."""
        is_less = 2 * len(found.claims) < len(self._read.claims)
        self._is_shrinking = is_less and not self._is_shrinking
        if self._is_shrinking:
            self._signature = None
        return self._is_shrinking

    def _look(self, now_us: int) -> LeasesRead | None:
        """None where there is nothing new."""
        name = self._source.called
        if self._source.kind == "neighbours":
            try:
                return read_neighbours(self._neighbours(), name, now_us)
            except ValueError as error:
                raise SourceUnreadable(f"ip -j neigh: what it printed cannot be read ({error})") from error
        paths = files_of(self._source.path) if self._source.kind == "kea" else [self._source.path]
        before = _signature_of(paths)
        is_due = self._read_us is None or now_us - self._read_us >= READ_AGAIN_US
        if before == self._signature and not is_due:
            return None
        parts = [_octets_of(path) for path in paths]
        if _signature_of(paths) != before and self._moving < MOST_LOOKS_AT_MOVING:
            self._moving += 1
            return None
        self._moving, self._signature = 0, before
        if self._source.kind == "kea":
            return read_kea(parts, name, now_us)
        return (read_dnsmasq if self._source.kind == "dnsmasq" else read_isc)(parts[0], name, now_us)


def _signature_of(paths: list[Path]) -> _Signature:
    """What changes when a file does. Raises `SourceUnreadable`."""
    found = []
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            raise _unreadable(path, error) from error
        found.append((path.name, status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def _octets_of(path: Path) -> bytes:
    """Raises `SourceUnreadable`."""
    try:
        # A pipe or a device has no end.
        if not path.is_file():
            raise SourceUnreadable(f"{path}: is no file; set the path of the lease file in [identity]")
        with path.open("rb") as file:
            octets = file.read(LARGEST_OCTETS + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(octets) > LARGEST_OCTETS:
        raise SourceUnreadable(f"{path}: is larger than {LARGEST_OCTETS >> 20} MiB; have its server tidy it")
    return octets


def _unreadable(path: Path, error: OSError) -> SourceUnreadable:
    why = (error.strerror or str(error)).lower()
    return SourceUnreadable(f"{path}: {why}; check the path in [identity], and that this user may read it")


def _neighbours() -> bytes:
    """What the kernel knows now. Raises `SourceUnreadable`."""
    program = shutil.which("ip", path=_IP_PATHS)
    if program is None:
        raise SourceUnreadable("the program ip is not installed; install iproute2")
    try:
        run = subprocess.run(
            [program, "-j", "neigh", "show"],
            capture_output=True,
            check=True,
            timeout=_IP_WITHIN_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SourceUnreadable(f"ip -j neigh: {error}") from error
    return run.stdout[:LARGEST_OCTETS]
