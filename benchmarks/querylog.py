"""`python -m benchmarks.querylog`: the query log's size and speed, on made-up rows. Writes benchmarks/results/log.md.

A week of a school: clients with habits of their own, names by Zipf's law, more by day than by night, one row in twelve
denied. The same for the same number of rows. Write-ahead files are written as the server does it, and read and kept by
what reads and keeps them in a school; nothing is measured on a copy made for measuring.
"""

from __future__ import annotations

import argparse
import bisect
import datetime as dt
import itertools
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import machine, pages
from benchmarks.names import CHECKOUT, SEED, made_up
from benchmarks.spread import Spread
from schoolgate._core import LogRow, log_to_parquet, log_write_sample
from schoolgate.config.retention import Retention
from schoolgate.querylog import Query, QueryLog
from schoolgate.querylog.keeper import Keeper
from schoolgate.querylog.layout import LogFolder

RESULTS = CHECKOUT / "benchmarks" / "results"
ROWS = 20_000_000
# A busy minute of a large school.
ROWS_A_WAL = 50_000
CLIENTS, NAMES, DAYS = 60, 60_000, 7
MONDAY = dt.datetime(2026, 11, 16, tzinfo=dt.UTC)
ROUNDS = 7
MIB = 1 << 20
# What is to be reached.
BAR_OCTETS_A_ROW, BAR_REPORT_S, BAR_CLIENT_DAY_S, BAR_INGEST, BAR_MEMORY_MIB = 12.0, 1.0, 0.1, 500_000, 512
# Rows by the hour of the day, UTC: lessons, then the evening.
_HOURS = [1, 1, 1, 1, 1, 2, 6, 30, 90, 100, 95, 100, 80, 95, 90, 60, 30, 20, 18, 15, 12, 8, 4, 2]


@dataclass
class Figures:
    """What was measured."""

    rows: int = 0
    files: int = 0
    ingest_s: float = 0.0
    wal_octets: int = 0
    parquet_octets: int = 0
    compacted_octets: int = 0
    compaction_s: float = 0.0
    seconds: dict[str, list[float]] = field(default_factory=dict)
    worker_mib: float = 0.0


class School:
    """Rows as a school makes them."""

    def __init__(self, rows: int) -> None:
        self.chance = random.Random(SEED)
        self.names = made_up(NAMES, SEED)
        self._weights = list(itertools.accumulate(1 / rank for rank in range(1, NAMES + 1)))
        self._clients = [_pseudonym(number) for number in range(CLIENTS)]
        self._times = self._all_times(rows)

    def wals(self) -> Iterator[list[LogRow]]:
        while batch := list(itertools.islice(self._times, ROWS_A_WAL)):
            yield [self._row(time_us) for time_us in batch]

    def _all_times(self, rows: int) -> Iterator[int]:
        """Evenly spread within each hour, with some noise."""
        start = int(MONDAY.timestamp()) * 1_000_000
        total = sum(_HOURS) * DAYS
        left = rows
        for hour in range(24 * DAYS):
            count = left if hour == 24 * DAYS - 1 else rows * _HOURS[hour % 24] // total
            left -= count
            step = 3_600_000_000 / max(1, count)
            for number in range(count):
                yield start + hour * 3_600_000_000 + int((number + self.chance.random()) * step)

    def _row(self, time_us: int) -> LogRow:
        draw = self.chance.random
        rank = bisect.bisect_left(self._weights, draw() * self._weights[-1])
        # Each client has names of its own besides those everybody asks for.
        client = int(draw() * CLIENTS)
        if rank > 2_000:
            rank = 2_000 + (rank * CLIENTS + client * 911) % (NAMES - 2_000)
        denied = rank % 12 == 5
        cached = draw() < 0.7
        qtype = (1, 1, 1, 28, 28, 65)[int(draw() * 6)]
        segment = "pupils" if client % 4 else "staff"
        asked: tuple[Any, ...] = (time_us, self._clients[client], segment, "pupil", 12, "udp", self.names[rank], None)
        end: tuple[Any, ...]
        if denied:
            category = ("ads", "ads", "ads", "games", "social")[rank % 5]
            end = ("deny", "categories", category, f"feed-{category}", 41, "policy", 1 + int(draw() * 9), None)
            return LogRow(*(*asked, qtype, 3, *end))
        source, latency = ("cache", 1 + int(draw() * 9)) if cached else ("forwarder", 4_000 + int(draw() * 30_000))
        cname = f"edge{rank % 97}.example.net" if rank % 3 == 0 else None
        end = ("allow", "allow", None, None, 41, source, latency, cname)
        return LogRow(*(*asked, qtype, 0, *end))


def _pseudonym(number: int) -> str:
    """26 characters that look like a pseudonym's; the last holds three bits."""
    chance = random.Random(number)
    return "p-" + "".join(chance.choices("abcdefghijklmnopqrstuvwxyz234567", k=25)) + chance.choice("aeimquy4")


def ingest(state_dir: Path, rows: int, figures: Figures) -> None:
    """Writes the WAL files, one at a time, and times how each becomes Parquet."""
    folder, place = state_dir / "log" / "wal", state_dir / "log" / "rows"
    for number, batch in enumerate(School(rows).wals(), 1):
        log_write_sample(folder, "ordinary", number, batch)
        (wal,) = folder.iterdir()
        figures.wal_octets += wal.stat().st_size
        begun = time.perf_counter()
        log_to_parquet(wal, place)
        figures.ingest_s += time.perf_counter() - begun
        wal.unlink()
        figures.rows += len(batch)
        figures.files += 1
        say(f"\r{figures.rows:,} rows written", end="")
    say("")
    figures.parquet_octets = _octets(place)


def compact(state_dir: Path, figures: Figures) -> None:
    """As the monitor does it, hour by hour and day by day, in one go."""
    keeper = Keeper(state_dir / "log", Retention(min_free_mib=0), lambda class_, number: True)
    begun = time.perf_counter()
    report = keeper.tick(MONDAY + dt.timedelta(days=DAYS + 1))
    figures.compaction_s = time.perf_counter() - begun
    assert not report.problems, report.problems
    figures.compacted_octets = _octets(state_dir / "log" / "rows")


def ask(state_dir: Path, figures: Figures) -> None:
    """The searches, each in turn, in one worker that has been started before."""
    week = Query(since=MONDAY, until=MONDAY + dt.timedelta(days=DAYS))
    wednesday = MONDAY + dt.timedelta(days=2)
    part, client = School(0).names[400][:7], _pseudonym(7)
    day_of_client = Query(since=wednesday, until=wednesday + dt.timedelta(days=1), client=client)
    with QueryLog(state_dir) as log:
        questions: dict[str, Callable[[], object]] = {
            "category by hour, a week": lambda: log.rollup(MONDAY, MONDAY + dt.timedelta(days=DAYS)),
            "`contains`, newest 100 of the week": lambda: log.search(Query(name=part, match="contains")),
            "`contains`, nothing found": lambda: log.search(Query(name="qqzzqq", match="contains")),
            "`contains`, all counted": lambda: log.totals(Query(name=part, match="contains")),
            "one client's day, newest 100": lambda: log.search(day_of_client),
            "one client's day, 5,000 rows": lambda: log.search(day_of_client, most=5_000),
            "newest 100, no filter": lambda: log.search(Query()),
            "top 20 names of the week": lambda: log.top("names", week),
            "top 20 registrable domains of the week": lambda: log.top("domains", week),
        }
        for name, question in questions.items():
            question()
            figures.seconds[name] = [_timed(question) for _ in range(ROUNDS)]
        for path in LogFolder(state_dir / "log").list().rollups.values():
            path.unlink()
        name = "category by hour, a week, without rollups"
        figures.seconds[name] = [
            _timed(lambda: log.rollup(MONDAY, MONDAY + dt.timedelta(days=DAYS))) for _ in range(ROUNDS)
        ]
    figures.worker_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def page(figures: Figures, out: Path) -> Path:
    """Writes log.md and log.json."""
    here = machine.describe()
    octets = figures.compacted_octets / figures.rows
    rate = figures.rows / figures.ingest_s
    sizes = [
        ["write-ahead files", f"{figures.wal_octets / figures.rows:.1f}", ""],
        ["Parquet of single files", f"{figures.parquet_octets / figures.rows:.1f}", ""],
        ["after daily compaction", f"{octets:.1f}", pages.verdict(octets <= BAR_OCTETS_A_ROW) + " (≤ 12)"],
    ]
    bars = {
        "category by hour, a week": BAR_REPORT_S,
        "`contains`, newest 100 of the week": BAR_REPORT_S,
        "`contains`, nothing found": BAR_REPORT_S,
        "one client's day, newest 100": BAR_CLIENT_DAY_S,
    }
    asked = [[name, _milliseconds(taken), _bar(taken, bars.get(name))] for name, taken in figures.seconds.items()]
    others = [
        ["ingest, one core", f"{rate:,.0f} rows/s", pages.verdict(rate >= BAR_INGEST) + f" (≥ {BAR_INGEST:,})"],
        ["compaction of all days", f"{figures.rows / figures.compaction_s:,.0f} rows/s", ""],
        [
            "most memory of a worker (maintenance or search)",
            f"{figures.worker_mib:.0f} MiB",
            pages.verdict(figures.worker_mib <= BAR_MEMORY_MIB) + f" (≤ {BAR_MEMORY_MIB})",
        ],
    ]
    blocks = [
        "# Query log",
        "\n".join(here.lines()),
        f"{figures.rows:,} rows of a made-up week (seed {SEED}): {CLIENTS} clients, {NAMES:,} names by Zipf's law, one"
        f" row in about twelve denied, in {figures.files:,} write-ahead files of {ROWS_A_WAL:,} rows.",
        "## Octets a row",
        pages.table(["", "octets", "bar"], sizes),
        "## Questions, the worker running",
        f"Median (least to greatest) of {ROUNDS}, in milliseconds, the files in the page cache.",
        pages.table(["question", "ms", "bar"], asked),
        "## The rest",
        pages.table(["", "figure", "bar"], others),
    ]
    return pages.write(out, "log", blocks, {"machine": here.as_dict(), "figures": vars(figures)}, {})


def _bar(taken: list[float], bar: float | None) -> str:
    return "" if bar is None else f"{pages.verdict(Spread.of(taken).median <= bar)} (≤ {bar * 1000:.0f})"


def _milliseconds(taken: list[float]) -> str:
    return Spread.of([one * 1e3 for one in taken]).text(1)


def _timed(question: Callable[[], object]) -> float:
    begun = time.perf_counter()
    question()
    return time.perf_counter() - begun


def _octets(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def say(text: str, end: str = "\n") -> None:
    sys.stderr.write(text + end)
    sys.stderr.flush()


def main() -> None:
    arguments = argparse.ArgumentParser(prog="benchmarks.querylog", description=__doc__)
    arguments.add_argument("--rows", type=int, default=ROWS)
    arguments.add_argument("--out", type=Path, default=RESULTS)
    arguments.add_argument("--keep", type=Path, help="make the log here, and leave it")
    given = arguments.parse_args()
    state_dir = given.keep or Path(tempfile.mkdtemp(dir=CHECKOUT / "benchmarks"))
    state_dir.mkdir(parents=True, exist_ok=True)
    figures = Figures()
    try:
        ingest(state_dir, given.rows, figures)
        compact(state_dir, figures)
        ask(state_dir, figures)
    finally:
        if given.keep is None:
            shutil.rmtree(state_dir, ignore_errors=True)
    say(f"wrote {page(figures, given.out)}")


if __name__ == "__main__":
    main()
