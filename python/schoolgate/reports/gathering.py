"""Facts for a report, from the query log, the monitor's alerts, the checks and the running service.

Only reads. Whatever is not there is left out and said: a report that does not come is no help.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from schoolgate.checks.own_questions import read_questions
from schoolgate.checks.record import CheckRecord, moment_of
from schoolgate.config import Settings
from schoolgate.control import call_if_running
from schoolgate.errors import SchoolgateError
from schoolgate.governance.due_file import read_dues
from schoolgate.policy import load_catalogue
from schoolgate.policy.calendar_file import read_calendar
from schoolgate.policy.school_calendar import SATURDAY
from schoolgate.querylog import Query, QueryLog, Top
from schoolgate.querylog.log_query import BucketBy
from schoolgate.reports.facts import Alerts, Counted, Day, Facts
from schoolgate.reports.own_checks import OwnChecks
from schoolgate.reports.period import Period
from schoolgate.reports.self_tests import SELF_TEST, SelfTestRow, self_test_rows
from schoolgate.sealed import SealedStore

T = TypeVar("T")
# The columns that a sum of the log is grouped by; and the answers to our own checks that are taken out of it. What
# these had denied is counted by the checks themselves, also where the log keeps no names.
CELLS: Final[tuple[BucketBy, ...]] = ("segment", "action", "layer", "category")
ANSWERED: Final = ("allow", "rewrite", "fail")

SECOND = dt.timedelta(seconds=1)
# A term of a large school, read while lessons go on.
TIME_LIMIT_S = 120.0
# Rows of one table: what people read.
MOST_SHOWN = 20
BLOCKED = frozenset({"deny", "deny-revealed"})
_CIRCUMVENTION = "circumvention"
# Clients stand in reports under their pseudonyms only.
_PSEUDONYM = "p-"


@dataclass(frozen=True)
class Wanted:
    """Which report. `segments` () is the whole school; `with_clients` for the safeguarding lead alone."""

    period: Period
    before: Period
    segments: tuple[str, ...] = ()
    with_names: bool = True
    with_clients: bool = False


def gather(settings: Settings, zone: ZoneInfo, wanted: Wanted, now: dt.datetime) -> Facts:
    """Blocks for as long as the log takes. Raises `LogProblem` when the log cannot be read."""
    state_dir, period = settings.server.state_dir, wanted.period
    problems: list[str] = []
    names = {one.id: one.name for one in load_catalogue(settings.lists.dir).categories.values()}
    with QueryLog(state_dir, time_limit_s=TIME_LIMIT_S) as log:
        tests = self_test_rows(state_dir, wanted.before.since, period.until)
        if wanted.segments:
            tests = tuple(one for one in tests if one.segment in wanted.segments)
        own = OwnChecks(state_dir)
        sums = _Sums(log, wanted, names, tests, own)
        tests = tuple(one for one in tests if one.at >= period.since)
        query = Query(since=period.since, until=period.until, segments=wanted.segments, actions=tuple(sorted(BLOCKED)))
        # Test names of lists, which our own checks ask for each hour.
        asked_by_checks = read_questions(state_dir).names
        blocked_names = _top(log, "names", query) if wanted.with_names else ()
        blocked_names = tuple(one for one in blocked_names if one.what not in asked_by_checks)
        clients: tuple[Counted, ...] = ()
        if wanted.with_clients:
            asked = Query(
                since=period.since, until=period.until, segments=wanted.segments, class_="safeguarding"
            )  # all actions: what alerts speak of
            checks = own.clients(period.since, period.until, wanted.segments)
            clients = _pseudonyms(_without(_top(log, "clients", asked), tests, checks))
        problems += log.problems
    running = _try(problems, lambda: call_if_running(settings.server.control_socket, "status"))
    return Facts(
        period=period,
        made_at=now,
        school_time_zone=str(zone),
        segments=wanted.segments,
        rows=sums.rows,
        blocked=sums.blocked,
        rows_before=sums.rows_before,
        blocked_before=sums.blocked_before,
        days=_days(log_days=sums.by_hour, period=period, zone=zone),
        by_segment=sums.by_segment(),
        by_category=sums.by_category(),
        bypass=sums.bypass(),
        blocked_names=blocked_names,
        clients=clients,
        alerts=read_alerts(state_dir / "monitor" / "alerts.db", period, wanted.segments),
        over_blocking=_checks(state_dir, period),
        status=running,
        self_test=_self_test(SealedStore(state_dir).last_selftest()),
        problems=tuple(problems),
        days_logged=_days_with_rows(sums.by_hour, zone),
        days_before=_days_with_rows(sums.by_hour_before, zone),
        overdue=_overdue(state_dir, now),
        **_school_days(state_dir, period, zone),
    )


def _school_days(state_dir: Path, period: Period, zone: ZoneInfo) -> dict[str, Any]:
    """What the calendar says of the period; nothing where there is none, or it cannot be read."""
    calendar, _ = read_calendar(state_dir)
    first, last = period.since.astimezone(zone).date(), (period.until - SECOND).astimezone(zone).date()
    days = [first + dt.timedelta(days=at) for at in range((last - first).days + 1)]
    weekdays = [day for day in days if day.weekday() < SATURDAY]
    closed = tuple((day, calendar.words_of(day)) for day in weekdays if calendar.is_closed(day))
    is_holiday = len(closed) == len(weekdays) and any(calendar.is_holiday(day) for day, _ in closed)
    return {"closed": closed, "is_holiday": is_holiday}


def _overdue(state_dir: Path, now: dt.datetime) -> tuple[tuple[str, dt.datetime], ...] | None:
    dues = read_dues(state_dir)
    if dues is None:
        return None
    found = ((one.words, dt.datetime.fromtimestamp(one.due_us / 1e6, dt.UTC)) for one in dues)
    return tuple((words, due) for words, due in found if due <= now)


class _Sums:
    """The sums of a period and of the one before, from the hourly rollups."""

    def __init__(
        self,
        log: QueryLog,
        wanted: Wanted,
        names: Mapping[str, str],
        tests: Sequence[SelfTestRow] = (),
        own: OwnChecks | None = None,
    ) -> None:
        self._own = own
        self._names = names
        self._tests = tests
        now, old = wanted.period, wanted.before
        self._cells = self._read(log, now, wanted.segments)
        self._old = self._read(log, old, wanted.segments)
        self.rows, self.blocked = _both(self._cells)
        self.rows_before, self.blocked_before = _both(self._old)
        self.by_hour = self._hours(log, now, wanted.segments)
        self.by_hour_before = self._hours(log, old, wanted.segments)

    def _hours(self, log: QueryLog, period: Period, segments: tuple[str, ...]) -> list[tuple[Any, str, int]]:
        hours = log.rollup(period.since, period.until, by=("hour", "action"), segments=segments, without_own=ANSWERED)
        of_hour = Counter((one.hour, "deny") for one in self._tests)
        if self._own is not None:
            of_hour += self._own.hours(period.since, period.until, segments)
        return [
            (one.key[0], str(one.key[1]), max(0, one.rows - of_hour[one.key[0], str(one.key[1])]))  # type: ignore[index]
            for one in hours
        ]

    def _read(
        self, log: QueryLog, period: Period, segments: tuple[str, ...]
    ) -> list[tuple[tuple[str, str, str, str], int]]:
        found = log.rollup(period.since, period.until, by=CELLS, segments=segments, without_own=ANSWERED)
        made = Counter(one.cell for one in self._tests if period.since <= one.at < period.until)
        if self._own is not None:
            made += self._own.cells(period.since, period.until)
        cells = (((*(str(key or "") for key in one.key),), one.rows) for one in found)
        return [(key, rows - made[key]) for key, rows in cells if rows > made[key]]  # type: ignore[index, misc]

    def by_segment(self) -> tuple[Counted, ...]:
        return self._table(lambda key: key[0] or "in no network", lambda _: True)

    def by_category(self) -> tuple[Counted, ...]:
        """What was blocked as what; a sealed verdict has no category and is named by its layer."""
        return self._table(self._title, lambda key: key[1] in BLOCKED)

    def bypass(self) -> tuple[Counted, ...]:
        return self._table(self._title, lambda key: key[2] == _CIRCUMVENTION and key[1] in BLOCKED)

    def _title(self, key: tuple[str, str, str, str]) -> str:
        _, _, layer, category = key
        return self._names.get(category) or category or LAYERS.get(layer, layer)

    def _table(
        self, title: Callable[[tuple[str, str, str, str]], str], counts: Callable[[tuple[str, str, str, str]], bool]
    ) -> tuple[Counted, ...]:
        rows, blocked, before = Counter[str](), Counter[str](), Counter[str]()
        for key, count in self._cells:
            if counts(key):
                rows[title(key)] += count
                blocked[title(key)] += count * (key[1] in BLOCKED)
        for key, count in self._old:
            if counts(key) and key[1] in BLOCKED:
                before[title(key)] += count
        made = (Counted(one, rows[one], blocked[one], before[one]) for one in rows)
        return tuple(sorted(made, key=lambda one: (-one.blocked, -one.rows, one.what)))[:MOST_SHOWN]


LAYERS = {
    "sealed": "Illegal content (sealed lists)",
    "trust-locked": "Locked by the trust",
    "own-list": "The school's own lists",
    "unknown": "Not on the allow list",
    "threat": "Threats",
    _CIRCUMVENTION: "Ways around the filter",
}


def _both(cells: Iterable[tuple[tuple[str, str, str, str], int]]) -> tuple[int, int]:
    rows = blocked = 0
    for key, count in cells:
        rows += count
        blocked += count * (key[1] in BLOCKED)
    return rows, blocked


def _days(log_days: Sequence[tuple[Any, str, int]], period: Period, zone: ZoneInfo) -> tuple[Day, ...]:
    """Each day of the period by the school's own midnights, those without a query too."""
    rows, blocked = Counter[dt.date](), Counter[dt.date]()
    for hour, action, count in log_days:
        day = hour.astimezone(zone).date()
        rows[day] += count
        blocked[day] += count * (action in BLOCKED)
    return tuple(Day(day, rows[day], blocked[day]) for day in period.days())


def _days_with_rows(hours: Sequence[tuple[Any, str, int]], zone: ZoneInfo) -> int:
    return len({hour.astimezone(zone).date() for hour, _, count in hours if count})


def _top(log: QueryLog, what: Any, query: Query) -> tuple[Counted, ...]:
    found: tuple[Top, ...] = log.top(what, query, most=MOST_SHOWN)
    return tuple(Counted(one.value, one.rows, one.denied) for one in found)


def _without(
    clients: Sequence[Counted], tests: Sequence[SelfTestRow], checks: Mapping[str, int]
) -> tuple[Counted, ...]:
    """Clients without the questions of self-tests and of checks."""
    made = Counter(one.client for one in tests) + Counter(checks)
    counted = (Counted(one.what, one.rows - made[one.what], one.blocked - made[one.what]) for one in clients)
    return tuple(one for one in counted if one.rows > 0)


def _pseudonyms(clients: Sequence[Counted]) -> tuple[Counted, ...]:
    """An address never stands in a report, not even where the log holds addresses."""
    made = []
    for number, one in enumerate(clients, start=1):
        what = one.what if one.what.startswith(_PSEUDONYM) else f"device {number} of this report"
        made.append(Counted(what, one.rows, one.blocked))
    return tuple(made)


def read_alerts(path: Path, period: Period, segments: Sequence[str]) -> Alerts | None:
    """What the monitor found and raised; None where no monitor ever ran, or its file cannot be read."""
    if not path.exists():
        return None
    since, until = (one.astimezone(dt.UTC).isoformat(timespec="milliseconds") for one in (period.since, period.until))
    only = f" AND segment IN ({', '.join('?' * len(segments))})" if segments else ""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5.0)) as database:
            findings = database.execute(
                "SELECT detector, severity, count(*) FROM findings WHERE seen_at >= ? AND seen_at < ?"
                f"{only} AND detector != '{SELF_TEST}' GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
                (since, until, *segments),
            ).fetchall()
            alerts = database.execute(
                "SELECT detector, coalesce(outcome, state), count(*) FROM alerts WHERE opened_at >= ? AND opened_at < ?"
                f"{only} AND detector != '{SELF_TEST}' GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
                (since, until, *segments),
            ).fetchall()
            (still_open,) = database.execute(
                f"SELECT count(*) FROM alerts WHERE state != 'closed' AND opened_at < ?{only}", (until, *segments)
            ).fetchone()
    except sqlite3.Error:
        return None
    return Alerts(tuple(findings), tuple(alerts), still_open)


def _checks(state_dir: Path, period: Period) -> tuple[dict[str, Any], ...]:
    rows = CheckRecord(state_dir).history("reachability")
    return tuple(row for row in rows if (at := moment_of(row)) is not None and period.since <= at < period.until)


def _self_test(last: dict[str, Any] | None) -> str | None:
    """What `schoolgate sealed selftest` recorded last; a report asks for nothing itself."""
    if last is None:
        return None
    on = f"on {str(last.get('at'))[:10]}"
    failed = [str(one["segment"]) for one in last.get("segments", ()) if not one["denied"]]
    if last.get("passed") is True:
        return f"passed in every network {on}"
    return f"FAILED in network {', '.join(failed)} {on}" if failed else f"FAILED over the network {on}"


def _try(problems: list[str], step: Callable[[], T]) -> T | None:
    try:
        return step()
    except SchoolgateError as error:
        problems.append(str(error))
        return None
