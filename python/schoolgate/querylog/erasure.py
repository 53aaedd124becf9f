"""Erasing a client's rows on request: every row up to the moment of asking, wherever it lies.

The request is on disk before the first row goes, and is carried out by the log's next maintainer if this process
is killed. It is done, and recorded, when no file holds such a row any more. Sums of rollups stay: they name no client.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from schoolgate._core import log_read
from schoolgate.querylog import records
from schoolgate.querylog.layout import FILE_MODE, LogFolder, Wal, put_in_place
from schoolgate.querylog.log_query import LogProblem, microseconds
from schoolgate.querylog.maintenance import Maintenance
from schoolgate.storage.atomic_file import write_whole

# A query may be this long on its way from a worker of the server to the file.
ON_ITS_WAY = dt.timedelta(seconds=5)
_ROWS_AT_ONCE = 20_000


# For each request, the files that hold no row of it any more. Rows that come later are newer than the request.
Cleared = dict[str, set[Path]]


class ErasureUnreadable(LogProblem):
    """The file of requested erasures is damaged."""


@dataclass(frozen=True)
class Erasure:
    """A request under way. `removed`: rows removed from each file. `clients`: the texts the log may know the client by,
    forgotten when it is done; `asked`: what was asked for, which is recorded."""

    id: str
    clients: tuple[str, ...]
    reason: str
    who: str
    asked_at: str
    removed: dict[str, int] = field(default_factory=dict)
    asked: str = ""

    @property
    def until_us(self) -> int:
        return microseconds(dt.datetime.fromisoformat(self.asked_at))


def ask_for(
    log: LogFolder, clients: Iterable[str], reason: str, who: str, now: dt.datetime, asked: str = ""
) -> Erasure:
    """Writes a request down. The caller maintains the log meanwhile."""
    made = Erasure(secrets.token_hex(8), tuple(clients), reason, who, now.isoformat(), asked=asked)
    _write(log, [*pending_in(log), made])
    return made


def pending_in(log: LogFolder) -> list[Erasure]:
    """Requests that are not done."""
    try:
        raw = orjson.loads(log.erasing.read_bytes())
        return [Erasure(**{**one, "clients": tuple(one["clients"])}) for one in raw]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError) as error:
        raise ErasureUnreadable(
            f"{log.erasing}: cannot be read ({error}); move it away, and ask for the erasures in it again"
        ) from error


def carry_out(work: Maintenance, now: dt.datetime, cleared: Cleared) -> None:
    """Goes on with every request. One waits for files that cannot be opened, and says which."""
    pending = pending_in(work.log)
    for erasure in tuple(pending):
        is_clear = _erase(work, erasure, pending, cleared.setdefault(erasure.id, set()))
        if not is_clear or not _is_done(work.log, erasure, now):
            continue
        at = next(one for one in pending if one.id == erasure.id)
        _record(work, at, now)
        pending.remove(at)
        _write(work.log, pending)
        cleared.pop(erasure.id, None)


def _erase(work: Maintenance, erasure: Erasure, pending: list[Erasure], looked_at: set[Path]) -> bool:
    """Whether every converted file could be looked into."""
    is_clear = True
    for file in work.log.list().files:
        if file.path in looked_at:
            continue
        try:
            _erase_from(work, erasure, file.path, pending)
            looked_at.add(file.path)
        except (LogProblem, OSError) as error:
            is_clear = False
            work.report.problems.append(f"{file.path}: an erasure waits for it: {error}")
    return is_clear


def _erase_from(work: Maintenance, erasure: Erasure, path: Path, pending: list[Erasure]) -> None:
    """Takes the client's rows out of a file. How many is written down before it changes."""
    found = work.rewrite("without", file=str(path), clients=list(erasure.clients), until_us=erasure.until_us)
    if found is None or found["made"] is None:
        return
    at = next(index for index, one in enumerate(pending) if one.id == erasure.id)
    removed = {**pending[at].removed, str(path.relative_to(work.log.rows)): found["rows"]}
    pending[at] = replace(pending[at], removed=removed)
    _write(work.log, pending)
    put_in_place(Path(found["made"]), path)


def _is_done(log: LogFolder, erasure: Erasure, now: dt.datetime) -> bool:
    if now < dt.datetime.fromisoformat(erasure.asked_at) + ON_ITS_WAY:
        return False
    return not any(_holds(wal, erasure) for wal in log.list().wals)


def _holds(wal: Wal, erasure: Erasure) -> bool:
    """Whether a write-ahead file has a row that must go."""
    offset = 0
    while True:
        try:
            rows, offset = log_read(str(wal.path), offset, _ROWS_AT_ONCE)
        except FileNotFoundError:
            return False
        if not rows:
            return False
        if any(row.client in erasure.clients and row.time_us <= erasure.until_us for row in rows):
            return True


def _record(work: Maintenance, erasure: Erasure, now: dt.datetime) -> None:
    record: dict[str, Any] = {"at": now.isoformat(timespec="seconds"), "kind": "asked", "id": erasure.id}
    # A pseudonym beside its address would outlast every key.
    clients = [erasure.asked] if erasure.asked else erasure.clients
    record |= {"clients": clients, "reason": erasure.reason, "who": erasure.who, "asked_at": erasure.asked_at}
    record |= {"rows": sum(erasure.removed.values())}
    if damaged := sorted(map(str, work.log.put_aside())):
        record["not_looked_into"] = damaged
        advice = "is damaged and may hold rows that were to be erased; delete it"
        work.report.problems += [f"{path}: {advice}" for path in damaged]
    if not any(one.get("id") == erasure.id for one in records.read(work.log.erasures)):
        records.append(work.log.erasures, record)
    work.report.erased.append(record)


def _write(log: LogFolder, pending: Iterable[Erasure]) -> None:
    write_whole(log.erasing, orjson.dumps([asdict(one) for one in pending]), FILE_MODE)
