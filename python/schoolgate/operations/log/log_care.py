"""The query log itself: how much there is, and maintenance by hand."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from schoolgate.operations.log.log_erasure import keeper_of
from schoolgate.operations.log.log_rows import opened
from schoolgate.operations.registry import changes, looks
from schoolgate.operations.work import Progress, Work
from schoolgate.querylog.erasure import pending_in
from schoolgate.querylog.positions import unread_by_monitor
from schoolgate.querylog.retention import free_octets, octets_of
from schoolgate.storage import state_dir


@dataclass(frozen=True)
class Held:
    """Rows of one class."""

    rows: int
    oldest: dt.datetime
    newest: dt.datetime


@dataclass(frozen=True)
class LogStatus:
    """`classes`: by name. `waiting`: closed files to convert. `erasures`: when each that is under way was asked for,
    ISO 8601. `free_octets`: of the disk; None before there is a log."""

    classes: dict[str, Held]
    octets: int
    free_octets: int | None
    days: int
    files: int
    waiting: int
    erasures: tuple[str, ...]
    problems: tuple[str, ...]
    retention: dict[str, Any]


@dataclass(frozen=True)
class Maintained:
    """`problems`: what could not be done. `waits`: what waits for the monitor."""

    problems: tuple[str, ...]
    waits: str | None

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"problems": len(self.problems)}


@looks("log.status")
def status(work: Work) -> LogStatus:
    """How many rows there are, since when, what they take of the disk, and how long they are kept."""
    with opened(work) as log:
        held, problems, folder = log.held(), log.problems, log.folder
    listing, is_there = folder.list(), folder.folder.is_dir()
    return LogStatus(
        classes={name: Held(rows, old, new) for name, rows, old, new in held},
        octets=octets_of(folder.folder) if is_there else 0,
        free_octets=free_octets(folder.folder) if is_there else None,
        days=len(listing.days),
        files=len(listing.files),
        waiting=len(listing.closed),
        erasures=tuple(one.asked_at for one in pending_in(folder)),
        problems=problems,
        retention=work.settings.retention.model_dump(mode="json"),
    )


@changes("log.maintain")
def maintain(work: Work) -> Maintained:
    """Converts, compacts and erases what is due, until nothing is left to convert; each round is said."""
    folder = work.settings.server.state_dir
    state_dir.refuse_strangers(folder)
    keeper = keeper_of(work.settings)
    is_going_on = True
    problems: dict[str, None] = {}
    while is_going_on:
        report = keeper.tick(dt.datetime.now(dt.UTC))
        said = f"{report.converted} files of {report.rows:,} rows converted, {report.compacted} compacted"
        work.say(Progress(said, report.converted))
        for record in report.erased:
            what = record.get("class") or record.get("key") or ", ".join(record.get("clients", ()))
            work.say(Progress(f"erased ({record['kind']}): {what} {record.get('day', '')}".rstrip()))
        problems |= dict.fromkeys(report.problems)
        is_going_on = report.converted > 0
    return Maintained(tuple(problems), unread_by_monitor(folder, keeper.log.list().closed))
