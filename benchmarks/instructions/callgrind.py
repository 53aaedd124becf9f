"""Runs `counted` under callgrind and reads what it wrote.

One run a part, counted inside its function `measured_…` only. The costs of *our* program are added up; those of the
C library are not: its memcpy and memcmp are chosen by the processor that the emulator pretends to have, so their counts
differ between machines that run the same program.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from benchmarks.names import CHECKOUT

MICRO = CHECKOUT / "benchmarks" / "micro"
PROGRAM = "counted"
# What each measured function does so many times (micro/src/bin/counted.rs).
TIMES = 2000
PARTS = (
    "peek", "decide_hit", "decide_popular_miss", "decide_unique_miss", "decide_deep_miss", "cache_get",
    "compose_denied", "compose_stored", "answer_denied", "answer_cached", "answer_grouped",
    "answer_recorded", "write_row",
)  # fmt: skip
_LONGEST_S = 300


class NotCounted(Exception):
    """Callgrind or the program could not run, or wrote something else than expected."""


def build() -> Path:
    """The program, built as the product is."""
    command = ["cargo", "build", "--release", "--quiet", "--bin", PROGRAM]
    subprocess.run(command, cwd=MICRO, check=True)
    target = os.environ.get("CARGO_TARGET_DIR")
    return (Path(target) if target else MICRO / "target") / "release" / PROGRAM


def count(program: Path) -> dict[str, float]:
    """Instructions of our own code for one call of each part."""
    with tempfile.TemporaryDirectory(prefix="schoolgate-callgrind-") as folder:
        return {part: round(_count_part(program, part, Path(folder)) / TIMES, 2) for part in PARTS}


def _count_part(program: Path, part: str, folder: Path) -> int:
    out = folder / part
    command = [
        "valgrind", "--tool=callgrind", "--collect-atstart=no", f"--toggle-collect=measured_{part}",
        f"--callgrind-out-file={out}", "--dump-line=no", "--compress-strings=no", str(program), part,
    ]  # fmt: skip
    # Names come from the program itself, whatever the caller's environment says.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SCHOOLGATE_BENCH_")}
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LONGEST_S, env=clean)
    except FileNotFoundError:
        raise NotCounted("valgrind is not installed (Debian: valgrind)") from None
    if run.returncode != 0:
        raise NotCounted(f"{part}: {run.stderr[-2000:]}")
    total = own_cost(out.read_text(encoding="utf-8", errors="replace"), program.name)
    if total == 0:
        raise NotCounted(f"{part}: callgrind counted nothing; is its function still called measured_{part}?")
    return total


def own_cost(text: str, program: str) -> int:
    """Instructions of the functions of one object file; those of callees in other objects are left out."""
    total, is_ours, is_call = 0, False, False
    for line in text.splitlines():
        if line.startswith("ob="):
            is_ours = line.endswith(f"/{program}")
        elif line.startswith("calls="):
            # The line after it is the cost of the call with all below it, which is counted where it arises.
            is_call = True
        elif line[:1] and line[0] in "0123456789+-*":
            fields = line.split()
            if is_ours and not is_call and len(fields) > 1:
                total += int(fields[1])
            is_call = False
    return total
