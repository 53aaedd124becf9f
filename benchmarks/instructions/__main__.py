"""`python -m benchmarks.instructions [--update]`: the gate. Fails where a part takes 3 % more or fewer instructions.

Fewer fails too: then the baseline no longer guards what was gained. `--update` writes the new counts; commit them with
the change that explains them.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.instructions.callgrind import NotCounted, build, count
from benchmarks.machine import describe

TOLERANCE = 0.03
_HERE = Path(__file__).resolve().parent


def baseline_path(architecture: str) -> Path:
    """Counts of another architecture are another program's."""
    return _HERE / f"baseline.{architecture}.json"


def differences(counted: Mapping[str, float], baseline: Mapping[str, float]) -> list[str]:
    """What a person must look at; empty where every part is within the tolerance."""
    found = [f"{part}: not in the baseline" for part in counted if part not in baseline]
    for part, before in baseline.items():
        now = counted.get(part)
        if now is None:
            found.append(f"{part}: no longer counted")
        elif abs(now / before - 1) > TOLERANCE:
            found.append(f"{part}: {before:.1f} -> {now:.1f} instructions ({now / before - 1:+.1%})")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--update", action="store_true", help="make these counts the baseline")
    given = parser.parse_args()
    path, rustc = baseline_path(platform.machine()), describe().rustc
    try:
        counted = count(build())
    except NotCounted as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for part, instructions in counted.items():
        sys.stdout.write(f"{part:24} {instructions:10.1f}\n")
    if given.update:
        path.write_text(json.dumps({"rustc": rustc, "instructions": counted}, indent=1) + "\n", encoding="utf-8")
        return 0
    if not path.exists():
        sys.stdout.write(f"skipped: no baseline for {platform.machine()}; --update makes one\n")
        return 0
    baseline: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    found = differences(counted, baseline["instructions"])
    if found and baseline["rustc"] != rustc:
        found.append(f"note: the baseline was counted with {baseline['rustc']}, this is {rustc}")
    sys.stdout.write("".join(f"{line}\n" for line in found) or f"all within {TOLERANCE:.0%} of the baseline\n")
    if found:
        sys.stdout.write(
            "if the change is meant: python -m benchmarks.instructions --update, and commit the baseline\n"
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
