"""Earlier keys of pseudonyms go with the last row under them: not before, and not later.

A row under a key is one of its time, or one whose pseudonym that key turns back into an address of IPv4 (where a clock
was wrong). What cannot be read may hold such rows: the key stays.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from schoolgate._core import log_client, log_read
from schoolgate.privacy.pseudonyms import PseudonymKey, forget
from schoolgate.querylog import records
from schoolgate.querylog.layout import DAMAGED
from schoolgate.querylog.log_query import PSEUDONYM, microseconds
from schoolgate.querylog.maintenance import Maintenance
from schoolgate.querylog.pseudonym import KEY_SETTLES, keys_of_log

# Of other keys' pseudonyms; where a file has more, the key stays until they are gone.
_MOST_PSEUDONYMS = 100_000
_ROWS_AT_ONCE = 20_000


def forget_keys(work: Maintenance, now: dt.datetime) -> None:
    """Removes each earlier key that no row is under, and records that."""
    kept = keys_of_log(work.log.folder)
    work.report.problems += kept.problems
    for key in kept.keys:
        if key.retired_at is None:
            continue
        until = key.retired_at + KEY_SETTLES
        if now <= until or _has_rows(work, key, until):
            continue
        record = {"at": now.isoformat(timespec="seconds"), "kind": "key", "key": key.identity}
        record |= {"made_at": key.made_at.isoformat(), "retired_at": key.retired_at.isoformat()}
        records.append(work.log.erasures, record)
        forget(work.log.folder, key)
        work.report.erased.append(record)


def _has_rows(work: Maintenance, key: PseudonymKey, until: dt.datetime) -> bool:
    listing, day = work.log.list(), until.astimezone(dt.UTC).date()
    # Rows in files that were put aside are found by no search, and are there all the same.
    if any(file.day <= day for file in listing.aside) or any(work.log.wal.glob(f"*{DAMAGED}")):
        return True
    if any(_in_file(work, file.path, key, until) for file in listing.files if file.day <= day):
        return True
    return any(_in_wal(wal.path, key, until) for wal in listing.wals)


def _in_wal(path: Path, key: PseudonymKey, until: dt.datetime) -> bool:
    since_us, until_us = microseconds(key.made_at), microseconds(until)
    offset = 0
    while True:
        try:
            rows, offset = log_read(str(path), offset, _ROWS_AT_ONCE)
        except FileNotFoundError:  # converted, and looked at as Parquet in the next round
            return True
        if not rows:
            return False
        theirs = [row for row in rows if row.client.startswith(PSEUDONYM) and row.time_us <= until_us]
        if any(row.time_us >= since_us or _made_by(key, row.client) for row in theirs):
            return True


def _in_file(work: Maintenance, path: Path, key: PseudonymKey, until: dt.datetime) -> bool:
    asked = {"file": str(path), "until_us": microseconds(until)}
    found = work.rewrite("pseudonyms", **asked, since_us=microseconds(key.made_at), most=1)
    if found is None or found["clients"]:
        return True
    before = work.rewrite("pseudonyms", **asked, since_us=None, most=_MOST_PSEUDONYMS)
    if before is None or len(before["clients"]) >= _MOST_PSEUDONYMS:
        return True
    return any(_made_by(key, client) for client in before["clients"])


def _made_by(key: PseudonymKey, client: str) -> bool:
    address = log_client(key.key, client)
    return address is not None and ipaddress.ip_address(address).version == 4
