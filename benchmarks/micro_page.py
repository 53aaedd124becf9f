"""The micro-benchmarks as a page: runs criterion (`micro/`) on the names of all parts, and reads what it found."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine, pages
from benchmarks.names import CHECKOUT, Names

MANIFEST = CHECKOUT / "benchmarks" / "micro" / "Cargo.toml"
# Of one lookup in a million names, ns, many in a row; with five million names 1.4 times as much.
BAR_NS = {"hit": 70.0, "popular miss": 50.0, "unique miss": 25.0, "deep miss": 90.0}
BAR_5M = 1.4


def run(names: Names, scratch: Path, out: Path, quick: bool) -> Path:
    """Runs all of them; takes some minutes."""
    what = machine.describe()
    found = _measured(names, scratch, quick)
    rows = [
        [name, f"{median:,.1f} ({least:,.1f} to {most:,.1f})", *_judged(name, median, found)]
        for name, (least, median, most) in sorted(found.items())
    ]
    head = [
        *what.lines(),
        f"- Names: {names.source}, asked at random; what is more than those is made up",
        "- criterion: median (its 95 % confidence interval) of one call; `in a row`: none waits for the one before;"
        " `ahead`: what the name three further on will need is brought near, as a worker does in a batch",
    ]
    blocks = [
        "# Each part of the hot path",
        "\n".join(head),
        pages.table(("part", "ns", "bar", ""), rows),
        "The bars are those of the matcher alone, for lookups in a row. A worker looks ahead"
        " (`rust/plane/src/parsed_query.rs`), so what a look-up costs it is `find ahead`.",
    ]
    figures = {name: dict(zip(("low", "median", "high"), values, strict=True)) for name, values in found.items()}
    return pages.write(out, "micro", blocks, {"machine": what.as_dict(), "ns": figures}, {})


def _measured(names: Names, scratch: Path, quick: bool) -> dict[str, tuple[float, float, float]]:
    target = Path(os.environ.get("CARGO_TARGET_DIR", MANIFEST.parent / "target")) / "criterion"
    shutil.rmtree(target, ignore_errors=True)
    environment = dict(os.environ)
    for variable, of in (("LISTED", names.listed), ("POPULAR", names.popular)):
        path = scratch / f"micro-{variable.lower()}.txt"
        path.write_text("\n".join(of) + "\n", encoding="ascii")
        environment[f"SCHOOLGATE_BENCH_{variable}"] = str(path)
    if quick:
        environment["SCHOOLGATE_BENCH_SMALL"] = "1"
    command = ["cargo", "bench", "--quiet", "--manifest-path", str(MANIFEST), "--", *(["--quick"] if quick else [])]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return {_name(at): _estimate(at) for at in target.glob("**/new/estimates.json")}


def _name(estimates: Path) -> str:
    described = json.loads((estimates.parent / "benchmark.json").read_text(encoding="utf-8"))
    return str(described["full_id"])


def _estimate(path: Path) -> tuple[float, float, float]:
    median = json.loads(path.read_text(encoding="utf-8"))["median"]
    bounds = median["confidence_interval"]
    return bounds["lower_bound"], median["point_estimate"], bounds["upper_bound"]


def _judged(name: str, median: float, found: dict[str, tuple[float, float, float]]) -> Sequence[str]:
    part, _, size = name.partition("/")
    kind = part.removeprefix("find in a row ")
    if kind == part or kind not in BAR_NS:
        return "", ""
    if size == "1M":
        return f"<= {BAR_NS[kind]:g}", pages.verdict(median <= BAR_NS[kind])
    bar = BAR_5M * found[f"{part}/1M"][1]
    return f"<= {BAR_5M:g}x 1M = {bar:,.1f}", pages.verdict(median <= bar)
