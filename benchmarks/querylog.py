"""`python -m benchmarks.querylog [--rows N]`: how fast closed write-ahead files become Parquet, and what a row takes.

The mix is a school's: names by popularity, clients under pseudonyms, a tenth denied, a third with an alias.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from benchmarks.machine import describe
from schoolgate._core import log_pseudonym, log_read, log_to_parquet, log_write_sample

START_US = 1_780_300_800_000_000
# A busy day of 50 queries a second; time between two rows varies around it.
GAP_US = 20_000
NAMES, CLIENTS = 20_000, 900


def mix(rows: int) -> Iterator[tuple[Any, ...]]:
    """Rows that are always the same."""
    chance = random.Random(1)
    words = ["www", "cdn", "api", "img", "login", "static", "edge", "media"]
    names = [f"{chance.choice(words)}.{chance.getrandbits(28):x}.example.{chance.choice(['com', 'net', 'org'])}"
             for _ in range(NAMES)]  # fmt: skip
    clients = [log_pseudonym(bytes(16), f"10.{at >> 8}.{at & 255}.7") for at in range(CLIENTS)]
    time_us = START_US
    for _ in range(rows):
        time_us += int(chance.expovariate(1 / GAP_US))
        name = names[min(NAMES - 1, int(chance.paretovariate(0.7)) - 1)]
        denied, alias = chance.random() < 0.1, chance.random() < 0.33
        verdict = ("deny", "category", "ads", "a-feed") if denied else ("allow", "allow", None, None)
        answered = "policy" if denied else chance.choices(["cache", "forwarder", "local"], [80, 18, 2])[0]
        latency_us = int(chance.lognormvariate(9, 0.7)) if answered == "forwarder" else chance.randrange(15, 90)
        segment = chance.choice(["pupils", "staff", "guests"])
        yield (time_us, chance.choice(clients), segment, segment, 7, "udp", name, None, chance.choice([1, 1, 28, 65]),
               3 if denied else 0, *verdict, 41, answered, latency_us,
               f"edge.{name}" if alias and not denied else None, None, None)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.querylog", description=__doc__)
    parser.add_argument("--rows", type=int, default=400_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="schoolgate-bench-") as folder:
        log_write_sample(folder, "ordinary", 1, list(mix(rows)))
        wal = next(Path(folder).glob("*.wal"))
        began, cpu = time.perf_counter(), time.process_time()
        done = orjson.loads(log_to_parquet(wal, Path(folder) / "rows"))
        ingest_s, ingest_cpu_s = time.perf_counter() - began, time.process_time() - cpu
        began, at, read = time.perf_counter(), 0, 0
        while (batch := log_read(wal, at, 10_000))[0]:
            at, read = batch[1], read + len(batch[0])
        read_s = time.perf_counter() - began
        octets = sum(Path(path).stat().st_size for path in done["files"])
        wal_octets = wal.stat().st_size
    if not done["rows"] == read == rows:
        raise SystemExit(f"{rows} rows written, {done['rows']} taken in, {read} read")
    machine = describe()
    sys.stdout.write(
        f"{machine.processor}, {rows} rows\n"
        f"write-ahead file   {wal_octets / rows:8.1f} octets a row\n"
        f"Parquet            {octets / rows:8.1f} octets a row\n"
        f"taken in           {rows / ingest_s:8.0f} rows/s, {rows / ingest_cpu_s:.0f} a second of processor time\n"
        f"followed           {rows / read_s:8.0f} rows/s\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
