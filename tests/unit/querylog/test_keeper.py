"""Maintenance of the query log: nothing is lost and nothing comes twice, wherever it is killed."""

from __future__ import annotations

import datetime as dt
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.stand_in.query_log import NOON, all_rows, counted_rows, log_row, row, same, wal, write_rows, write_wals
from tests.unit.querylog.killing import Killed, killed_before

from schoolgate._core import log_write_sample
from schoolgate.config.retention import Retention
from schoolgate.querylog import QueryLog, Row
from schoolgate.querylog.erasure import ask_for, pending_in
from schoolgate.querylog.keeper import Keeper, KeeperBusy
from schoolgate.querylog.layout import LogFolder
from schoolgate.querylog.process import WorkerProcess
from schoolgate.querylog.retention import MIB

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
# The day after the rows, when hours and days are over.
AFTER = NOON + DAY
CLIENT = "192.0.2.1"
CLASSES = ("ordinary", "safeguarding")
WANTED = Retention().min_free_mib * MIB


def keeper(state_dir: Path, **kept: int) -> Keeper:
    settings = Retention(**{"min_free_mib": 0, **kept})
    return Keeper(state_dir / "log", settings, lambda class_, number: True, free=lambda folder: 1 << 40)


def made(count: int = 60, every: dt.timedelta = dt.timedelta(minutes=9)) -> list[Row]:
    """Rows of five clients over some hours, in the order they were asked; every seventh matters for safeguarding."""
    return [
        row(
            time=NOON - every * (count - number),
            client=f"192.0.2.{number % 5}",
            qname=f"www{number % 3}.example.org",
            category="gambling" if number % 7 == 0 else None,
            class_="safeguarding" if number % 7 == 0 else "ordinary",
        )
        for number in range(count)
    ]


def kinds(state_dir: Path) -> set[str]:
    return {file.kind for file in LogFolder(state_dir / "log").list().files}


def records(state_dir: Path) -> list[dict[str, object]]:
    path = state_dir / "log" / "erasures.jsonl"
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def test_where_the_server_never_wrote_there_is_nothing_to_do(tmp_path: Path) -> None:
    report = keeper(tmp_path).tick(AFTER)
    assert (report.converted, report.problems) == (0, [])
    assert not (tmp_path / "log").exists()


def test_closed_files_are_converted_and_the_open_ones_left_alone(tmp_path: Path) -> None:
    rows, fresh = made(), [row(time=NOON)]
    write_wals(tmp_path, rows, open_rows=fresh)
    assert same(all_rows(tmp_path), rows + fresh)
    report = keeper(tmp_path).tick(NOON)
    assert (report.rows, report.problems) == (len(rows), [])
    left = sorted(path.name for path in (tmp_path / "log" / "wal").iterdir())
    assert left == [f"ordinary-{7:020}.wal", f"safeguarding-{2:020}.wal"]
    assert same(all_rows(tmp_path), rows + fresh)


def test_what_the_monitor_has_not_read_stays_a_wal_and_is_found_all_the_same(tmp_path: Path) -> None:
    rows = made()
    write_wals(tmp_path, rows)
    waiting = Keeper(tmp_path / "log", Retention(min_free_mib=0), lambda class_, number: number < 3)
    assert waiting.tick(NOON).converted == 2 + 1
    assert len(LogFolder(tmp_path / "log").list().closed) == 4
    assert same(all_rows(tmp_path), rows)


def test_hours_and_then_days_become_one_file_sorted_by_client(tmp_path: Path) -> None:
    rows = made(200, dt.timedelta(minutes=1))
    write_wals(tmp_path, rows, each=5)
    assert keeper(tmp_path).tick(NOON + HOUR).compacted > 0
    assert kinds(tmp_path) == {"hour", "wal"}
    assert same(all_rows(tmp_path), rows)
    keeper(tmp_path).tick(AFTER)
    assert kinds(tmp_path) == {"day"}
    files = LogFolder(tmp_path / "log").list().files
    assert [file.class_ for file in files] == ["ordinary", "safeguarding"]
    assert same(all_rows(tmp_path), rows)
    assert list((tmp_path / "log" / "tmp").iterdir()) == []


def test_a_keeper_compacts_once_an_hour(tmp_path: Path) -> None:
    write_wals(tmp_path, made(200, dt.timedelta(minutes=1)), each=5)
    one = keeper(tmp_path)
    assert one.tick(NOON + HOUR).compacted > 0
    assert one.tick(NOON + HOUR + dt.timedelta(seconds=10)).compacted == 0


def test_rows_over_midnight_lie_in_both_days(tmp_path: Path) -> None:
    rows = [row(time=NOON + 12 * HOUR + dt.timedelta(seconds=second)) for second in range(-5, 5)]
    write_wals(tmp_path, rows)
    keeper(tmp_path).tick(NOON + 2 * DAY)
    assert len(LogFolder(tmp_path / "log").list().days) == 2
    assert same(all_rows(tmp_path), rows)


def test_a_wal_that_comes_late_joins_its_day(tmp_path: Path) -> None:
    rows = made()
    write_rows(tmp_path, f"day-{1:020}-{4:020}", rows[:30], order="client, time")
    write_rows(tmp_path, wal(5), rows[30:])
    keeper(tmp_path).tick(AFTER + DAY)
    names = {file.path.name for file in LogFolder(tmp_path / "log").list().files}
    assert f"day-{1:020}-{5:020}.parquet" in names
    assert same(all_rows(tmp_path), rows)


def rolled(state_dir: Path) -> dict[tuple[object, ...], int]:
    with QueryLog(state_dir) as log:
        found = log.rollup(NOON - 2 * DAY, NOON + 2 * DAY, by=("hour", "category"))
        assert log.problems == ()
    return {bucket.key: bucket.rows for bucket in found}


def by_hour(rows: list[Row]) -> dict[tuple[object, ...], int]:
    found: dict[tuple[object, ...], int] = {}
    for one in rows:
        key = (one.time.replace(minute=0, second=0, microsecond=0), one.category)
        found[key] = found.get(key, 0) + 1
    return found


def test_rollups_and_the_rest_make_the_sum_at_every_stage(tmp_path: Path) -> None:
    rows = made(120, dt.timedelta(minutes=5))
    write_wals(tmp_path, rows[:100])
    assert rolled(tmp_path) == by_hour(rows[:100])
    assert keeper(tmp_path).tick(NOON + HOUR).rolled_up == 1
    assert rolled(tmp_path) == by_hour(rows[:100])
    write_rows(tmp_path, wal(90), rows[100:])
    assert rolled(tmp_path) == by_hour(rows)
    keeper(tmp_path).tick(AFTER)
    assert rolled(tmp_path) == by_hour(rows)
    # What a rollup has counted stays counted when retention has taken the rows.
    shutil.rmtree(tmp_path / "log" / "rows")
    assert rolled(tmp_path) == by_hour(rows)
    keeper(tmp_path).tick(AFTER)
    assert rolled(tmp_path) == by_hour(rows)


def test_a_rollup_that_compaction_has_overtaken_is_not_believed(tmp_path: Path) -> None:
    rows = made()
    write_rows(tmp_path, wal(1), rows[:30])
    keeper(tmp_path).tick(NOON + HOUR)
    for path in (tmp_path / "log" / "rows").rglob("*.parquet"):
        path.unlink()
    write_rows(tmp_path, f"day-{1:020}-{2:020}", rows)  # and then it was killed
    assert rolled(tmp_path) == by_hour(rows)


def test_two_do_not_maintain_at_once(tmp_path: Path) -> None:
    write_wals(tmp_path, made())
    with LogFolder(tmp_path / "log").maintained(), pytest.raises(KeeperBusy):
        keeper(tmp_path).tick(NOON)


class Bench:
    """One place where a log is laid out again and again. Its worker process is real, and is not started anew each time:
    a process that was killed leaves nothing but its scratch, which `test_worker` looks at."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = place
        self.template = place.with_name("template")
        self._monkeypatch = monkeypatch
        self._worker = WorkerProcess(place / "log", "maintain")
        monkeypatch.setattr("schoolgate.querylog.keeper.WorkerProcess", lambda *_: self)

    def ask(self, *args: Any, **what: Any) -> Any:
        return self._worker.ask(*args, **what)

    def close(self) -> None:
        """A round is over; there are more."""

    def end(self) -> None:
        self._worker.close()

    def lay_out(self) -> None:
        for one in self.place.glob("log/*"):
            if one.is_file():
                one.unlink()
            elif one.name != "tmp":
                shutil.rmtree(one)
        shutil.copytree(self.template, self.place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("tmp"))

    def survives(self, step: int, now: dt.datetime) -> bool:
        """Whether a round ends that would be killed before this step."""
        with killed_before(step, self._monkeypatch):
            try:
                keeper(self.place).tick(now)
            except Killed:
                return False
            return True


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(tmp_path / "log-of-one", monkeypatch)
    yield made
    made.end()


def stages(state_dir: Path) -> None:
    """A log in the middle of its life: a compacted day, an old day, converted files, closed ones, an open one."""
    rows = made(30, dt.timedelta(minutes=2))
    old = [row(time=NOON - 200 * DAY), row(time=NOON - 200 * DAY, class_="safeguarding")]
    write_rows(state_dir, f"day-{1:020}-{1:020}", old)
    write_wals(state_dir, rows, each=12, open_rows=[row(time=NOON)], first=2)


@pytest.mark.parametrize("now", [NOON + HOUR, AFTER])
def test_killed_anywhere_nothing_is_lost_and_nothing_comes_twice(now: dt.datetime, bench: Bench) -> None:
    stages(bench.template)
    before = counted_rows(bench.template)
    expected = [one for one in before if one.class_ == "safeguarding" or one.time > NOON - 91 * DAY]
    assert len(expected) == len(before) - 1
    for step in itertools.count():
        bench.lay_out()
        survived = bench.survives(step, now)
        found = counted_rows(bench.place)
        assert same(found, expected) or same(found, before), f"killed before step {step}"
        assert keeper(bench.place).tick(now).problems == []
        assert same(counted_rows(bench.place), expected)
        assert len(records(bench.place)) == 1
        assert kinds(bench.place) == {"day"} if now == AFTER else "hour" in kinds(bench.place)
        if survived:
            break
    assert step > 10


def erased_completely(found: list[Row], before: list[Row]) -> bool:
    return same(found, [one for one in before if one.client != CLIENT])


def test_an_erasure_killed_anywhere_is_carried_out_by_the_next_round(bench: Bench) -> None:
    rows = made(24)
    write_rows(bench.template, f"day-{1:020}-{1:020}", rows[:10], order="client, time")
    write_wals(bench.template, rows[10:], each=30, first=2)
    for step in itertools.count():
        bench.lay_out()
        log = LogFolder(bench.place / "log")
        with log.maintained():
            ask_for(log, [CLIENT], "asked by a parent", "dpo", NOON)
        survived = bench.survives(step, AFTER)
        assert keeper(bench.place).tick(AFTER).problems == []
        assert erased_completely(counted_rows(bench.place), rows)
        assert pending_in(log) == []
        (record,) = records(bench.place)
        assert (record["rows"], record["clients"]) == (sum(one.client == CLIENT for one in rows), [CLIENT])
        if survived:
            break
    assert step > 10


def test_an_erasure_waits_for_a_row_in_the_open_file_and_keeps_what_came_later(tmp_path: Path) -> None:
    rows = made(20)
    theirs, later = row(time=NOON, client=CLIENT), row(time=NOON + HOUR, client=CLIENT)
    write_wals(tmp_path, rows, each=10, open_rows=[theirs])
    log = LogFolder(tmp_path / "log")
    with log.maintained():
        ask_for(log, [CLIENT], "asked", "dpo", NOON + dt.timedelta(minutes=1))
    now = NOON + HOUR
    keeper(tmp_path).tick(now)
    assert len(pending_in(log)) == 1
    assert same([one for one in all_rows(tmp_path) if one.client == CLIENT], [theirs])
    number = max(one.number for one in log.list().wals if one.class_ == "ordinary")

    log_write_sample(log.wal, "ordinary", number + 1, [log_row(later)])
    keeper(tmp_path).tick(now)
    assert pending_in(log) == []
    assert same([one for one in all_rows(tmp_path) if one.client == CLIENT], [later])
    assert records(tmp_path)[-1]["rows"] == 1 + sum(one.client == CLIENT for one in rows)


def test_days_past_their_age_go_by_class_and_that_is_recorded(tmp_path: Path) -> None:
    days = [row(time=NOON - DAY * age, class_=class_) for age in (0, 5, 6, 20, 21) for class_ in CLASSES]
    write_rows(tmp_path, wal(1), days)
    damaged = tmp_path / "log" / "rows" / f"day={NOON.date() - 20 * DAY}" / "class=safeguarding" / "x.parquet.damaged"
    damaged.write_bytes(b"personal data all the same")
    report = keeper(tmp_path, ordinary_days=5, safeguarding_days=20).tick(NOON + DAY)
    left = {((NOON - one.time) // DAY, one.class_) for one in all_rows(tmp_path)}
    assert left == {(0, "ordinary"), (0, "safeguarding"), (5, "safeguarding"), (6, "safeguarding")}
    assert not damaged.exists()
    gone = [(one["kind"], one["class"], one["day"], one["rows"]) for one in records(tmp_path)]
    assert len(gone) == len(report.erased) == 6
    assert ("age", "ordinary", str(NOON.date() - 5 * DAY), 1) in gone


def test_for_space_the_oldest_ordinary_days_go_first_and_safeguarding_ones_last(tmp_path: Path) -> None:
    write_rows(tmp_path, wal(1), [row(time=NOON - DAY * age, class_=class_) for age in range(12) for class_ in CLASSES])
    order: list[tuple[str, int]] = []
    for enough in range(1, 12):
        free = frees(tmp_path, files_to_go=1)
        report = Keeper(tmp_path / "log", Retention(), lambda class_, number: True, free=free).tick(NOON)
        if report.problems:
            break
        (gone,) = report.erased
        order.append((str(gone["class"]), (NOON.date() - dt.date.fromisoformat(str(gone["day"]))).days))
        assert enough < 11
    assert order == [(class_, age) for class_ in CLASSES for age in (11, 10, 9, 8)]
    assert "never erased for it" in report.problems[0]
    assert {(NOON - one.time) // DAY for one in all_rows(tmp_path)} == set(range(8))


def frees(state_dir: Path, files_to_go: int) -> Callable[[Path], int]:
    """A disk that lacks an octet until so many files are gone."""
    rows = state_dir / "log" / "rows"
    there = len(list(rows.rglob("*.parquet")))
    return lambda folder: (1 << 40) if there - len(list(rows.rglob("*.parquet"))) >= files_to_go else WANTED - 1


def test_a_log_over_its_size_loses_its_oldest_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(tmp_path, wal(1), [row(time=NOON - DAY * age) for age in range(12)])
    monkeypatch.setattr("schoolgate.querylog.retention.GIB", 20_000)  # a file here has about 3,000 octets
    report = keeper(tmp_path, max_gib=1, floor_days=1).tick(NOON)
    assert report.problems == []
    ages = {(NOON - one.time) // DAY for one in all_rows(tmp_path)}
    assert ages == set(range(len(ages)))
    assert 1 < len(ages) < 12


def test_a_damaged_file_is_named_put_aside_and_the_others_go_on(tmp_path: Path) -> None:
    rows = made(30)
    write_rows(tmp_path, wal(1), rows[:10])
    (bad, *_) = write_rows(tmp_path, wal(2), rows[10:20])
    bad.write_bytes(bad.read_bytes()[:-40])
    write_rows(tmp_path, wal(3), rows[20:])
    one = keeper(tmp_path)
    report = one.tick(AFTER)
    assert any(str(bad) in problem and "put aside" in problem for problem in report.problems)
    assert not bad.exists()
    keeper(tmp_path).tick(AFTER)
    assert bad.with_name(bad.name + ".damaged").exists()
    lost = [one for one in rows[10:20] if one.class_ == bad.parent.name.removeprefix("class=")]
    assert same(all_rows(tmp_path), [one for one in rows if one not in lost])


def test_an_erasure_says_which_damaged_file_it_could_not_look_into(tmp_path: Path) -> None:
    rows = made(20)
    write_rows(tmp_path, wal(1), rows[:10])
    (bad, *_) = write_rows(tmp_path, wal(2), rows[10:])
    bad.write_bytes(b"PAR1" + bytes(500) + b"PAR1")
    log = LogFolder(tmp_path / "log")
    with log.maintained():
        ask_for(log, [CLIENT], "asked", "dpo", NOON)
    report = keeper(tmp_path).tick(NOON + HOUR)
    assert any("may hold rows that were to be erased" in problem for problem in report.problems)
    assert records(tmp_path)[-1]["not_looked_into"] == [f"{bad}.damaged"]
    assert not any(one.client == CLIENT for one in all_rows(tmp_path))


def test_files_without_rows_of_a_client_are_looked_at_once_by_a_keeper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wals(tmp_path, made(20), open_rows=[row(time=NOON, client=CLIENT)])
    log = LogFolder(tmp_path / "log")
    with log.maintained():
        ask_for(log, [CLIENT], "asked", "dpo", NOON + dt.timedelta(minutes=1))
    one = keeper(tmp_path)
    one.tick(NOON + HOUR)
    asked: list[str] = []
    real = WorkerProcess.ask
    monkeypatch.setattr(WorkerProcess, "ask", lambda *args, **what: asked.append(args[1]) or real(*args, **what))
    one.tick(NOON + HOUR)
    assert asked == []
    assert len(pending_in(log)) == 1
