"""`python -m benchmarks.audit`: the audit log's append and verify. Writes benchmarks/results/audit.md.

The log is filled with made-up entries, many a transaction. Then single changes are measured: the append alone (what an
operation pays beside its own statements), and a whole change that does nothing else, with its commit. The disk's own
fsync is measured beside it, since no commit is faster.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import machine, pages
from benchmarks.names import CHECKOUT
from schoolgate.audit import keys
from schoolgate.audit.event import Event
from schoolgate.audit.verify import Verifier
from schoolgate.storage import audit_log, audit_reading
from schoolgate.storage.store import Store

RESULTS = CHECKOUT / "benchmarks" / "results"
ENTRIES, SINGLE, A_TRANSACTION, ROUNDS = 1_000_000, 2_000, 2_000, 3
START_US = 1_800_000_000_000_000
MIB = 1 << 20
# What is to be reached.
BAR_APPEND_MS, BAR_VERIFY_S = 2.0, 10.0


@dataclass
class Figures:
    """What was measured. Times in the unit that the name ends with."""

    entries: int = 0
    fill_s: float = 0.0
    store_mib: float = 0.0
    append_ms: list[float] = field(default_factory=list)
    change_ms: list[float] = field(default_factory=list)
    fsync_ms: list[float] = field(default_factory=list)
    proof_ms: list[float] = field(default_factory=list)
    verify_export_s: list[float] = field(default_factory=list)
    verify_export_cpu_s: list[float] = field(default_factory=list)
    verify_store_s: list[float] = field(default_factory=list)
    memory_mib: float = 0.0


def event(at: int) -> Event:
    """An entry as an operation writes it: about 400 octets, one in four with a personal value."""
    detail = {"revision": at, "reason": "open the maths site for year 9", "expected": at - 1}
    personal = {"client": f"10.1.{at >> 8 & 255}.{at & 255}"} if at % 4 == 0 else {}
    return Event(
        START_US + at * 1000, f"account:{at % 40}", "policy.apply", "school:1", detail=detail, personal=personal
    )


async def measure(folder: Path, entries: int, single: int) -> Figures:
    """Fills a log, appends one by one, verifies it."""
    figures = Figures()
    path = folder / "control.db"
    async with await Store.open(path, now_us=START_US, is_owner=True) as store:
        began = time.perf_counter()
        for start in range(0, entries, A_TRANSACTION):
            async with store.change() as change:
                some = [event(at) for at in range(start, min(start + A_TRANSACTION, entries))]
                await audit_log.append_all(change, some)
        figures.fill_s = time.perf_counter() - began
        await store.forget_old_pages()
        await _one_by_one(store, folder, entries, single, figures)
        key = keys.load_current(folder / "audit.key", None)
        async with store.change() as change:
            note = await audit_log.checkpoint(change, key, START_US, "local:benchmark")
        for at in range(200):
            began = time.perf_counter()
            await audit_reading.inclusion(store, at * entries // 200)
            figures.proof_ms.append((time.perf_counter() - began) * 1000)
        await _verify(store, folder, note, figures)
        await store.forget_old_pages()
    figures.store_mib = path.stat().st_size / MIB
    figures.memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


async def _one_by_one(store: Store, folder: Path, entries: int, single: int, figures: Figures) -> None:
    with (folder / "fsync").open("wb") as file:
        for at in range(entries, entries + single):
            began = time.perf_counter()
            async with store.change() as change:
                inside = time.perf_counter()
                await audit_log.append(change, event(at))
                figures.append_ms.append((time.perf_counter() - inside) * 1000)
            figures.change_ms.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            figures.fsync_ms.append((time.perf_counter() - began) * 1000)


async def _verify(store: Store, folder: Path, note: str, figures: Figures) -> None:
    export = folder / "export.jsonl"
    with export.open("wb") as file:
        async for lines in audit_reading.export(store, has_personal=False):
            file.writelines(line + b"\n" for line in lines)
    for _ in range(ROUNDS):
        began, processor = time.perf_counter(), time.process_time()
        with export.open("rb") as file:
            verifier = Verifier([note])
            verifier.feed(line.rstrip(b"\n") for line in file)
        found = verifier.finish()
        figures.verify_export_s.append(time.perf_counter() - began)
        figures.verify_export_cpu_s.append(time.process_time() - processor)
        assert found.exit_code == 0, found.problems
        figures.entries = found.entries
        began = time.perf_counter()
        verifier = Verifier([note])
        async for lines in audit_reading.export(store, has_personal=True):
            verifier.feed(lines)
        assert verifier.finish().exit_code == 0
        figures.verify_store_s.append(time.perf_counter() - began)


def page(figures: Figures, about: machine.Machine) -> list[str]:
    """The page of results."""
    append, verify = statistics.median(figures.append_ms), statistics.median(figures.verify_export_s)
    rows = [
        _row("append, inside a change", figures.append_ms, "ms", BAR_APPEND_MS),
        _row("a whole change with its commit", figures.change_ms, "ms", None),
        _row("fsync of 4 KiB on this disk, in between", figures.fsync_ms, "ms", None),
        _row("inclusion proof", figures.proof_ms, "ms", None),
        _row("verify an export, offline", figures.verify_export_s, "s", BAR_VERIFY_S),
        _row("the same, time of the processor", figures.verify_export_cpu_s, "s", None),
        _row("verify the store, with personal values", figures.verify_store_s, "s", None),
    ]
    verdicts = f"append {pages.verdict(append <= BAR_APPEND_MS)}, verify {pages.verdict(verify <= BAR_VERIFY_S)}"
    return [
        "# The audit log",
        "\n".join(about.lines()),
        f"{figures.entries:,} entries, SQLite, synchronous=FULL; filled by {figures.entries / figures.fill_s:,.0f}"
        f" entries a second, {A_TRANSACTION:,} a transaction; {figures.store_mib:,.0f} MiB; memory"
        f" {figures.memory_mib:,.0f} MiB.",
        pages.table(("what", "p50", "p95", "greatest", "bar"), rows),
        f"Bars: {verdicts}. A commit waits for the disk, so a whole change is never faster than its fsync.",
    ]


def _row(what: str, figures: list[float], unit: str, bar: float | None) -> tuple[str, ...]:
    ordered = sorted(figures)
    text: Callable[[float], str] = lambda value: f"{value:,.2f} {unit}"  # noqa: E731
    p95 = ordered[min(len(ordered) * 95 // 100, len(ordered) - 1)]
    return (
        what,
        text(statistics.median(ordered)),
        text(p95),
        text(ordered[-1]),
        "" if bar is None else f"<= {bar:g} {unit}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--single", type=int, default=SINGLE)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    about = machine.describe()
    with tempfile.TemporaryDirectory(prefix="audit-") as folder:
        figures = asyncio.run(measure(Path(folder), given.entries, given.single))
    blocks = page(figures, about)
    pages.write(given.results, "audit", blocks, {"machine": about.as_dict(), "figures": vars(figures)}, {})
    print("\n\n".join(blocks))


if __name__ == "__main__":
    main()
