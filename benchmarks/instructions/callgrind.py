"""Runs `counted` under callgrind and reads what it wrote.

Callgrind counts inside the functions named `measured_…` only, and writes one file at the end of each. Of a file, the costs
of *our* program are added up; those of the C library are not: its memcpy and memcmp are chosen by the processor that the
emulator pretends to have, so their counts differ between machines that run the same program.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from benchmarks.names import CHECKOUT

MICRO = CHECKOUT / "benchmarks" / "micro"
PROGRAM = "counted"
# What each measured function does so many times (micro/src/bin/counted.rs).
TIMES = 2000
_PREFIX = "measured_"
_LONGEST_S = 300
_NAMED = re.compile(r"\((\d+)\)(?: (.*))?")


class NotCounted(Exception):
    """Callgrind or the program could not run, or wrote something else than expected."""


def build() -> Path:
    """The program, built as the product is."""
    command = ["cargo", "build", "--release", "--quiet", "--locked", "--bin", PROGRAM]
    subprocess.run(command, cwd=MICRO, check=True)
    target = os.environ.get("CARGO_TARGET_DIR")
    return (Path(target) if target else MICRO / "target") / "release" / PROGRAM


def count(program: Path) -> dict[str, float]:
    """Instructions of our own code for one call of each part."""
    with tempfile.TemporaryDirectory(prefix="schoolgate-callgrind-") as folder:
        command = [
            "valgrind", "--tool=callgrind", "--collect-atstart=no", f"--toggle-collect={_PREFIX}*",
            f"--dump-after={_PREFIX}*", f"--callgrind-out-file={folder}/out", "--dump-line=no", str(program),
        ]  # fmt: skip
        # Names come from the program itself, whatever the caller's environment says.
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SCHOOLGATE_BENCH_")}
        try:
            run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LONGEST_S, env=clean)
        except FileNotFoundError:
            raise NotCounted("valgrind is not installed (Debian: valgrind)") from None
        if run.returncode != 0:
            raise NotCounted(run.stderr[-2000:])
        counts = dict(filter(None, (_read(path, program.name) for path in Path(folder).iterdir())))
    if not counts:
        raise NotCounted("callgrind wrote no part")
    return {name: round(total / TIMES, 2) for name, total in sorted(counts.items())}


def _read(path: Path, program: str) -> tuple[str, int] | None:
    """The part that a file is about, and its instructions."""
    text = path.read_text(encoding="utf-8", errors="replace")
    found = re.search(rf"^desc: Trigger: --dump-after={_PREFIX}(\w+)", text, re.MULTILINE)
    return (found[1], own_cost(text, program)) if found else None


def own_cost(text: str, program: str) -> int:
    """Instructions of the functions of one object file, callees in other objects left out (callgrind's format, version 1)."""
    objects: dict[str, str] = {}
    total, is_ours, is_call = 0, False, False
    for line in text.splitlines():
        if line.startswith("ob="):
            is_ours = _object(line[3:], objects).endswith(f"/{program}")
        elif line.startswith("cob="):
            _object(line[4:], objects)
        elif line.startswith("calls="):
            # The line after it is the cost of the call with all below it, which is counted where it arises.
            is_call = True
        elif line[:1].isdigit() or line[:1] in "+-*":
            fields = line.split()
            if is_ours and not is_call and len(fields) > 1:
                total += int(fields[1])
            is_call = False
    return total


def _object(text: str, objects: dict[str, str]) -> str:
    """Names are written once and referred to by number."""
    found = _NAMED.fullmatch(text)
    if found is None:
        return text
    if found[2] is not None:
        objects[found[1]] = found[2]
    return objects.get(found[1], "")
