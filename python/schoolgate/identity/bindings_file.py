"""The table of bindings as a file: the identity process writes it whole, others read it.

It holds addresses as they are, of this moment alone, as lease files do. Readers do not trust the process that wrote it:
a text that is not as this package writes texts makes the file damaged, and a damaged file names no device.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from schoolgate.identity.binding import Binding, Confidence, clean_host_name, client_address
from schoolgate.identity.binding_table import EMPTY, MOST_BINDINGS, BindingTable
from schoolgate.identity.device_key import is_key
from schoolgate.identity.source_reading import SourceState
from schoolgate.storage.atomic_file import write_whole
from schoolgate.storage.checked_file import CheckedFileDamaged, read_checked, write_checked

FOLDER = "identity"
# The group is that of the service: the identity process has a user of its own.
MODE = 0o640
# It writes every few seconds.
UNSEEN_US = 60 * 1_000_000
_KIND = "bindings"
_LONGEST_SOURCE = 31


@dataclass(frozen=True)
class IdentityStatus:
    """What the identity process says of itself. `alive_us`: when; None: it never ran."""

    alive_us: int | None
    sources: tuple[SourceState, ...] = ()
    bindings: int = 0
    disputed: int = 0
    crowded: int = 0
    left_out: int = 0
    problems: tuple[str, ...] = ()

    def is_alive(self, now_us: int) -> bool:
        """Whether it was there a moment ago."""
        return self.alive_us is not None and now_us - self.alive_us < UNSEEN_US


def path_of(state_dir: Path) -> Path:
    """Where the table is."""
    return state_dir / FOLDER / "bindings"


def write_bindings(state_dir: Path, table: BindingTable) -> None:
    """Replaces the file. Raises `OSError`."""
    rows = [
        (one.address, one.device, one.source, int(one.confidence), one.since_us, one.until_us, one.host_name)
        for one in table.bindings.values()
    ]
    fields = {"bindings": rows, "disputed": sorted(table.disputed), "crowded": sorted(table.crowded)}
    write_checked(path_of(state_dir), _KIND, fields | {"left_out": table.left_out}, MODE)


def read_bindings(state_dir: Path) -> BindingTable:
    """The table; an empty one where there is none. Raises `CheckedFileDamaged`."""
    path = path_of(state_dir)
    try:
        fields = read_checked(path, _KIND)
    except FileNotFoundError:
        return EMPTY
    try:
        bindings = {row[0]: _binding_of(*row) for row in fields["bindings"][:MOST_BINDINGS]}
        disputed = frozenset(map(_address, fields["disputed"][:MOST_BINDINGS]))
        crowded = frozenset(map(_device, fields["crowded"][:MOST_BINDINGS]))
        return BindingTable(MappingProxyType(bindings), disputed, crowded, int(fields["left_out"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckedFileDamaged(f"{path}: holds what no binding is ({error})") from error


def read_bindings_of(state_dir: Path, devices: Container[str]) -> tuple[Binding, ...]:
    """The bindings of some devices; nothing else of the file is looked at. Raises `CheckedFileDamaged`."""
    path = path_of(state_dir)
    try:
        rows = read_checked(path, _KIND)["bindings"][:MOST_BINDINGS]
        return tuple(_binding_of(*row) for row in rows if row[1] in devices)
    except FileNotFoundError:
        return ()
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CheckedFileDamaged(f"{path}: holds what no binding is ({error})") from error


def write_status(state_dir: Path, status: IdentityStatus) -> None:
    """Replaces the file that says how the process is. Raises `OSError`."""
    write_whole(state_dir / FOLDER / "status.json", orjson.dumps(asdict(status)), MODE)


def read_status(state_dir: Path) -> IdentityStatus:
    """What was written last; nothing where that cannot be read."""
    try:
        found: dict[str, Any] = orjson.loads((state_dir / FOLDER / "status.json").read_bytes())
        sources = tuple(SourceState(**one) for one in found.pop("sources"))
        problems = tuple(map(str, found.pop("problems")))
        return IdentityStatus(sources=sources, problems=problems, **found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return IdentityStatus(None)


def counted(
    table: BindingTable, sources: Iterable[SourceState], now_us: int, problems: Iterable[str]
) -> IdentityStatus:
    """The status of a moment."""
    return IdentityStatus(
        now_us, tuple(sources), len(table.bindings), len(table.disputed), len(table.crowded), table.left_out,
        tuple(problems),
    )  # fmt: skip


def _binding_of(
    address: object,
    device: object,
    source: object,
    confidence: object,
    since_us: object,
    until_us: object,
    name: object,
) -> Binding:
    """Raises `ValueError` or `TypeError`."""
    if not (isinstance(since_us, int) and isinstance(until_us, int) and isinstance(confidence, int)):
        raise TypeError("a time or a confidence is no number")
    if not isinstance(source, str) or not 1 <= len(source) <= _LONGEST_SOURCE or not source.isascii():
        raise ValueError("a source without a name")
    if name is not None and (not isinstance(name, str) or clean_host_name(name) != name):
        raise ValueError("a host name that was not cleaned")
    return Binding(_address(address), _device(device), source, Confidence(confidence), since_us, until_us, name)


def _address(text: object) -> str:
    if not isinstance(text, str) or client_address(text) != text:
        raise ValueError("an address that is none")
    return text


def _device(text: object) -> str:
    if not isinstance(text, str) or not is_key(text):
        raise ValueError("a device that is none")
    return text
