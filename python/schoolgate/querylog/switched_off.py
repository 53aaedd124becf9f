"""What is left of the query log where it is switched off: it must age and go like any other.

The last file of each class is taken for the one being written as long as none has a higher number, and a key that is
no longer used must not look like one in use.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from schoolgate.privacy.pseudonyms import FILE, read_key, retire
from schoolgate.querylog.layout import FILE_MODE, LogFolder

# A file in which no row was written: the name of its format.
WITHOUT_ROWS_OCTETS = 38


def close_files(state_dir: Path) -> None:
    """Ends what a server wrote before. Raises `OSError`. No server may be writing the log."""
    log = LogFolder(state_dir / "log")
    listing = log.list()
    for wal in listing.wals:
        if wal.number == listing.highest[wal.class_] and wal.path.stat().st_size > WITHOUT_ROWS_OCTETS:
            (log.wal / f"{wal.class_}-{wal.number + 1:020}.wal").touch(FILE_MODE, exist_ok=False)


def retire_overdue_key(state_dir: Path, days: int, now: dt.datetime) -> None:
    """Puts the key of pseudonyms among the earlier ones once its days are over; it goes from there with the last row
    under it. Raises `OSError`."""
    path = state_dir / FILE
    known = read_key(path)
    if known is not None and now >= known.made_at + dt.timedelta(days=days):
        retire(path.parent, known, now)
        path.unlink(missing_ok=True)
