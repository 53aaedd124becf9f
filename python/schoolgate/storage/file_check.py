"""Recognises the file of control.db by its first 100 octets, before SQLite opens it (sqlite.org/fileformat.html).

SQLite would make a database of an empty file without a word, and read a foreign one until the first missing table.
"""

from __future__ import annotations

import stat
from pathlib import Path

from schoolgate.storage.errors import StoreDamaged, StoreEmpty, StoreForeign, StoreMissing, StoreProblem

# "SGct", at octet 68 of the file: PRAGMA application_id.
APPLICATION_ID = 0x53476374
MAGIC = b"SQLite format 3\x00"
HEADER_OCTETS = 100
_RESTORE = "restore it from the backup, or move it away to begin anew"


def refuse_what_is_not_ours(path: Path) -> None:
    """Raises `StoreMissing`, `StoreEmpty`, `StoreForeign`, `StoreDamaged`, or `StoreProblem` where it is unreadable."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise StoreForeign(f"{path}: this is no file; move it away")
        with path.open("rb") as file:
            header = file.read(HEADER_OCTETS)
    except FileNotFoundError:
        raise StoreMissing(f"{path}: there is no database yet: nothing has been recorded here") from None
    except OSError as error:
        raise StoreProblem(f"{path}: {error.strerror}; check rights") from error
    if not header:
        raise StoreEmpty(f"{path}: the file is empty; {_RESTORE}")
    if not header.startswith(MAGIC):
        raise StoreForeign(f"{path}: this is no SQLite database; {_RESTORE}")
    if len(header) < HEADER_OCTETS:
        raise StoreDamaged(f"{path}: the file was cut short; {_RESTORE}")
    if int.from_bytes(header[68:72]) != APPLICATION_ID:
        raise StoreForeign(f"{path}: this is a database of another program; {_RESTORE}")
    _refuse_cut(path, header, status.st_size)


def _refuse_cut(path: Path, header: bytes, octets: int) -> None:
    page = int.from_bytes(header[16:18])
    page = 65536 if page == 1 else page
    # A write-ahead log beside it holds the pages that a full disk or a kill kept from being moved into the file.
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        return
    # The page count counts only where the last writer set it: octets 24 and 92 are then the same.
    if header[24:28] == header[92:96] and octets < int.from_bytes(header[28:32]) * page:
        raise StoreDamaged(f"{path}: the file was cut short to {octets} octets; {_RESTORE}")
