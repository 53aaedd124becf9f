"""Budgets: how the cost of a call may grow with what it works on. `make budgets`.

Each is a ratio of two things measured in turns in the same run, as processor time of this process: neither the speed of
the machine nor what else it does is in it. The ratios are several times what was seen; they are there for a walk over
all lists, or a square where a line should be. What a query costs is counted in instructions: `make instructions`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from schoolgate._core import (
    ListFile,
    LogRow,
    Plane,
    PolicyTable,
    Snapshot,
    compile_snapshot,
    log_read,
    log_to_parquet,
    log_write_sample,
)
from schoolgate.audit.merkle import CompactRange, leaf_hash
from schoolgate.config import shipped_lists
from schoolgate.policy import compile_policy, load_catalogue, parse

Work = Callable[[], object]
Budget = Callable[..., None]

ROUNDS = 7
# A look-up in a table of fixed height; what caches of the processor make of a larger one.
FLAT = 8.0
# For ten times as much: in proportion it is ten, and more where that much no longer fits into a cache. A square: 100.
LINEAR = 40.0
NOW = datetime(2026, 11, 23, 11, tzinfo=UTC)
DENIED, ASKED = b"\x83", "10.0.0.9"


@pytest.fixture
def budget(benchmark: Any) -> Budget:
    """`budget(work, floor, most)`: `work` may cost `most` times what `floor` costs. The least of some rounds counts."""

    def hold(work: Work, floor: Work, most: float) -> None:
        floors: list[float] = []

        def measure_floor() -> None:
            begun = time.process_time()
            floor()
            floors.append(time.process_time() - begun)

        benchmark._timer = time.process_time
        benchmark.pedantic(work, setup=measure_floor, rounds=ROUNDS, warmup_rounds=1)
        if benchmark.stats is None:
            pytest.skip("nothing is measured with --benchmark-disable")
        ratio = benchmark.stats.stats.min / min(floors)
        benchmark.stats.name = f"{benchmark.name} [{ratio:.1f} of {most:g}]"
        assert ratio <= most, f"{ratio:.1f} times the floor; {most:g} are allowed"

    return hold


# -- deciding ---------------------------------------------------------------------------------------------------------


def query(name: str) -> bytes:
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    return b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"


def table(*, segments: int = 1, own_names: int = 0) -> dict[str, Any]:
    return {
        "serial": 1,
        "policies": [
            {"id": "all", "action": "nxdomain", "unknown": "allow",
             "categories": {"gambling": {"layer": 9, "effect": "deny"}}}
        ],
        "names": [
            {"name": f"own-{at}.example.org", "match": "suffix", "policies": ["all"], "layer": 6, "effect": "deny",
             "rule": f"deny[{at}]"}
            for at in range(own_names)
        ],
        "segments": [
            {"id": f"segment-{at}", "prefixes": [f"10.{at // 200}.{at % 200}.0/24"], "policy": "all", "qps": 0,
             "burst": 0}
            for at in range(segments)
        ],
        "strictest": "all",
        "allowed_clients": ["10.0.0.0/8"],
    }  # fmt: skip


class Deciding:
    """A plane with so many listed names. Its workers are never started: it decides in the thread that asks."""

    def __init__(self, folder: Path, listed: int, lines: str = "", **described: int) -> None:
        path = folder / f"{listed}.txt"
        path.write_text(names(listed) + lines, encoding="ascii")
        snapshot = folder / f"{listed}.snapshot"
        compile_snapshot([ListFile(path, "budget", "gambling", dialect="adblock" if lines else None)], snapshot, 1)
        settings = json.dumps({"listen": ["127.0.0.1:0"], "workers": 1}).encode()
        compiled = PolicyTable.compile(json.dumps(table(**described)).encode())
        self._plane = Plane(settings, Snapshot.open(snapshot), compiled)

    def denies(self, asked: list[str]) -> Work:
        """2,000 questions, each denied."""
        queries = [query(name) for name in asked]

        def work() -> None:
            for at in range(2_000):
                answer = self._plane.ask(queries[at % len(queries)], ASKED, 4000, "10.0.0.53", 53)
                assert isinstance(answer, bytes) and answer[3:4] == DENIED

        return work


@cache
def names(count: int) -> str:
    return "".join(f"||host-{at}.site-{at % 997}.example.net^\n" for at in range(count))


def some_of(count: int) -> list[str]:
    return [f"www.host-{at}.site-{at % 997}.example.net" for at in range(0, count, max(1, count // 500))]


def test_a_listed_name_among_a_hundred_times_as_many(budget: Budget, tmp_path: Path) -> None:
    few, many = Deciding(tmp_path, 1_000), Deciding(tmp_path, 100_000)
    budget(many.denies(some_of(100_000)), few.denies(some_of(1_000)), FLAT)


def test_a_listed_name_among_many_expressions(budget: Budget, tmp_path: Path) -> None:
    expressions = "".join(f"/^ads-{at}[0-9]+\\.tracker-{at}\\./\n" for at in range(500))
    (tmp_path / "plain").mkdir()
    plain, patterns = Deciding(tmp_path / "plain", 1_000), Deciding(tmp_path, 1_000, expressions)
    budget(patterns.denies(some_of(1_000)), plain.denies(some_of(1_000)), FLAT)


def test_a_name_of_the_school_among_a_hundred_times_as_many(budget: Budget, tmp_path: Path) -> None:
    few, many = Deciding(tmp_path, 10, own_names=100), Deciding(tmp_path, 10, own_names=10_000)
    budget(
        many.denies([f"own-{at}.example.org" for at in range(0, 10_000, 20)]),
        few.denies([f"own-{at}.example.org" for at in range(100)]),
        FLAT,
    )


def test_a_client_of_one_segment_among_many(budget: Budget, tmp_path: Path) -> None:
    few, many = Deciding(tmp_path, 1_000, segments=400), Deciding(tmp_path, 1_000, segments=4_000)
    budget(many.denies(some_of(1_000)), few.denies(some_of(1_000)), FLAT)


def test_a_name_of_many_labels(budget: Budget, tmp_path: Path) -> None:
    made = Deciding(tmp_path, 1_000)
    deep = [f"{'a.' * 90}{name}" for name in some_of(1_000)]
    budget(made.denies(deep), made.denies(some_of(1_000)), LINEAR)


# -- compiling --------------------------------------------------------------------------------------------------------


def compiles_lists(folder: Path, count: int) -> Work:
    path = folder / f"{count}.txt"
    path.write_text(names(count), encoding="ascii")
    lists = [ListFile(path, "budget", "gambling")]
    return lambda: compile_snapshot(lists, folder / "out", 1)


def test_lists_are_compiled_in_proportion(budget: Budget, tmp_path: Path) -> None:
    budget(compiles_lists(tmp_path, 200_000), compiles_lists(tmp_path, 20_000), LINEAR)


def compiles_policy(count: int) -> Work:
    """A policy with so many names of the school and so many segments, from its text to the table."""
    deny = ", ".join(f'"own-{at}.example.org"' for at in range(count))
    text = 'format = 1\ntime_zone = "Etc/UTC"\nallowed_clients = ["10.0.0.0/8"]\nstrictest = "all"\n'
    text += f"[policies.all]\ndeny = [{deny}]\n"
    text += "".join(
        f'[segments.s{at}]\nprefixes = ["10.{at // 200}.{at % 200}.0/24"]\npolicy = "all"\n' for at in range(count)
    )
    catalogue = load_catalogue(shipped_lists())

    def work() -> None:
        checked = parse(text, "policy.toml", catalogue)
        PolicyTable.compile(compile_policy(checked, catalogue, (), serial=1, now=NOW).description)

    return work


def test_a_policy_is_compiled_in_proportion(budget: Budget) -> None:
    budget(compiles_policy(2_000), compiles_policy(200), LINEAR)


# -- the query log and the audit log ----------------------------------------------------------------------------------


def rows(count: int) -> list[LogRow]:
    return [
        LogRow(
            1_764_000_000_000_000 + at, "192.0.2.10", "pupils", "pupil", 7, "udp", f"www-{at}.example.org", None, 1, 0,
            "allow", "allow", None, None, 41, "cache", 90,
        )
        for at in range(count)
    ]  # fmt: skip


@pytest.fixture
def numbers() -> Iterator[int]:
    """A file of the query log is written once."""
    return iter(range(1, 1_000))


def writes_rows(folder: Path, numbers: Iterator[int], count: int) -> Work:
    some = rows(count)
    return lambda: log_write_sample(folder, "ordinary", next(numbers), some)


def test_rows_are_encoded_in_proportion(budget: Budget, tmp_path: Path, numbers: Iterator[int]) -> None:
    budget(writes_rows(tmp_path, numbers, 20_000), writes_rows(tmp_path, numbers, 2_000), LINEAR)


def written(folder: Path, number: int, count: int) -> Path:
    log_write_sample(folder, "ordinary", number, rows(count))
    (path,) = folder.glob(f"*{number}.wal")
    return path


def test_rows_at_the_end_of_a_long_file_are_read_without_the_rest(budget: Budget, tmp_path: Path) -> None:
    long, short = written(tmp_path, 1, 100_000), written(tmp_path, 2, 5_000)
    _, at = log_read(long, 0, 90_000)
    assert len(log_read(long, at, 1)[0]) > 3_000 < len(log_read(short, 0, 1)[0]), "a frame of each"
    budget(lambda: log_read(long, at, 1), lambda: log_read(short, 0, 1), FLAT)


def test_rows_become_parquet_in_proportion(budget: Budget, tmp_path: Path) -> None:
    long, short = written(tmp_path, 1, 20_000), written(tmp_path, 2, 2_000)
    budget(lambda: log_to_parquet(long, tmp_path / "rows"), lambda: log_to_parquet(short, tmp_path / "rows"), LINEAR)


def test_an_entry_of_a_long_audit_log_is_hashed_as_quickly_as_of_a_short_one(budget: Budget) -> None:
    leaves = [leaf_hash(str(at).encode()) for at in range(20_000)]

    def appends_to(size: int) -> Work:
        begun = CompactRange()
        for leaf in leaves[:size]:
            begun.append(leaf)
        octets = begun.compose()

        def work() -> None:
            range_ = CompactRange.parse(size, octets)
            for leaf in leaves[:200]:
                range_.append(leaf)
                range_.root()

        return work

    budget(appends_to(15_000), appends_to(15), FLAT)
