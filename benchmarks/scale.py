"""`python -m benchmarks.scale`: one thing at a time is made larger, and speed and memory are looked at.

Writes `results/scale.md`. Each point is a schoolgate of its own, prepared and started as a school's is; around each
stands the echo, so that a slow minute shows. The last table turns the figures into schools: nothing in it is guessed
but how much a device asks, and that is said.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import charts, machine, pages, subject
from benchmarks import generator_programs as programs
from benchmarks import workloads as work
from benchmarks.names import Names, load, made_up
from benchmarks.plan import RESULTS, SCRATCH, say
from benchmarks.processes import Memory, cores, free_ports
from benchmarks.servers import Ground, Server, running
from benchmarks.spread import Spread

# What a device asks a second in the busiest minute, an assumption: ten names for a page, a page every five seconds.
BUSY_DEVICE_PER_S = 2.0
SCHOOLS = (("a school of 500 devices", 500), ("a school of 5,000", 5_000), ("a trust of 200,000", 200_000))


@dataclass(frozen=True)
class Shape:
    """One installation."""

    names: int = 1_000_000
    segments: int = 1
    policies: int = 1
    cache_mib: int = subject.CACHE_MIB
    workers: int = 1

    def text(self, axis: str) -> str:
        return f"{getattr(self, axis):,}"


AXES: dict[str, tuple[int, ...]] = {
    "names": (100_000, 1_000_000, 5_000_000, 10_000_000),
    "segments": (1, 30, 1_000),
    "policies": (1, 30, 300),
    "cache_mib": (8, subject.CACHE_MIB, 128, 512),
    "workers": (1, 2),
}
QUICK: dict[str, tuple[int, ...]] = {"names": (100_000,), "segments": (1, 100), "cache_mib": (8,)}


@dataclass
class Point:
    """What was measured of one shape."""

    shape: Shape
    idle: Memory
    warm: Memory
    start_s: float
    per_s: dict[str, list[float]] = field(default_factory=dict)
    of_echo: dict[str, list[float]] = field(default_factory=dict)


def installation(shape: Shape, ground: Ground) -> list[str]:
    """Writes and builds it; returns the command that serves."""
    return subject.prepare(ground, workers=shape.workers, cache_mib=shape.cache_mib, policy=_policy(shape))


def _policy(shape: Shape) -> str:
    """So many policies that differ, and so many networks beside the one that asks, each with one of them."""
    head = (
        'format = 1\ntime_zone = "Europe/London"\nallowed_clients = ["127.0.0.0/8", "10.0.0.0/8", "::1/128"]\n'
        'strictest = "pupil-0"\n'
    )
    policies = [
        f'[policies.pupil-{at}]\naction = "nxdomain"\ndeny = ["only-{at}.example.org"]\n'
        f'categories = {{ {subject.CATEGORY} = "deny" }}\n'
        for at in range(shape.policies)
    ]
    asking = subject.segment("pupils", "127.0.0.0/8", "pupil-0")
    others = [
        subject.segment(f"room-{at}", f"10.{at // 256}.{at % 256}.0/24", f"pupil-{at % shape.policies}")
        for at in range(1, shape.segments)
    ]
    return "\n".join([head, *policies, asking, *others])


def measure(shape: Shape, listed: Names, rounds: int, seconds: float) -> Point:
    """One installation on the workloads, with the echo in each round."""
    scratch = SCRATCH / "scale"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    port, upstream_port, echo_port = free_ports(3)
    names = _names(listed, shape.names)
    asked = replace(listed, listed=names[: len(listed.listed)])
    files = [work.build(kind, asked, scratch / "queries") for kind in ("listed", "mixed")]
    server = Server("schoolgate", "schoolgate", lambda ground: installation(shape, ground))
    upstream = programs.stand_in(upstream_port, scratch / "upstream.log")
    echo = programs.echo(echo_port, scratch / "echo.log")
    try:
        with running(server, Ground(scratch / "school", port, upstream_port, names)) as one:
            echo.pause()
            point = Point(shape, one.process.memory(), Memory(0.0, 0.0), one.start_s)
            for file in files:
                programs.warm(one.process, port, file)
                for number in range(rounds):
                    ours = programs.fastest(one.process, port, file, seconds, number)
                    one.process.pause()
                    echo.resume()
                    floor = programs.fastest(echo, echo_port, file, seconds, number, checks=False)
                    echo.pause()
                    one.process.resume()
                    point.per_s.setdefault(file.name, []).append(ours.right_per_s)
                    point.of_echo.setdefault(file.name, []).append(ours.right_per_s / floor.right_per_s)
            point.warm = one.process.memory()
    finally:
        echo.stop()
        upstream.stop()
    return point


def _names(listed: Names, count: int) -> list[str]:
    """The real names, and made-up ones beyond them; those that are asked for are always among them."""
    if count <= len(listed.listed):
        return listed.listed[:count]
    return [*listed.listed, *made_up(count - len(listed.listed), 77)]


def page(points: dict[str, list[Point]], rounds: int, seconds: float, source: str, out: Path) -> Path:
    """The tables, the charts, and what they mean for a school."""
    what = machine.describe()
    server, generator = cores()
    blocks = [
        "# Scale: one thing at a time made larger",
        "\n".join(
            [
                *what.lines(),
                f"- {source}; server on core {server}, generator and upstream on core {generator}; {rounds} rounds of"
                f" {seconds:g} s, each beside the echo; figures are median (least to greatest)",
                f"- Where nothing else is said: {Shape()}",
            ]
        ),
    ]
    for axis, found in points.items():
        blocks += [f"## {axis.replace('_', ' ')}", pages.table(_HEAD, [_row(axis, one) for one in found])]
    blocks += ["## What a school needs", *_schools([one for found in points.values() for one in found])]
    drawn = {
        f"scale-{axis}": charts.bars(f"Mixed queries a second by {axis}", "queries a second", _groups(axis, found))
        for axis, found in points.items()
    }
    blocks += ["\n".join(f"![{axis}](scale-{axis}.svg)" for axis in points)]
    figures = {
        "machine": what.as_dict(),
        "points": {axis: [_figures(one) for one in of] for axis, of in points.items()},
    }
    return pages.write(out, "scale", blocks, figures, drawn)


_HEAD = ("", "listed, q/s", "of echo", "mixed, q/s", "of echo", "idle, MiB", "warm, MiB", "start, s")


def _row(axis: str, one: Point) -> list[str]:
    speed = [
        cell
        for kind in ("listed", "mixed")
        for cell in (Spread.of(one.per_s[kind]).text(), Spread.of(one.of_echo[kind]).text(2))
    ]
    return [one.shape.text(axis), *speed, f"{one.idle.pss:.0f}", f"{one.warm.pss:.0f}", f"{one.start_s:.2f}"]


def _groups(axis: str, found: Sequence[Point]) -> list[charts.Group]:
    return [
        charts.Group(f"{axis} {one.shape.text(axis)}", (charts.Bar("mixed", Spread.of(one.per_s["mixed"])),))
        for one in found
    ]


def _schools(points: Sequence[Point]) -> list[str]:
    usual = [one for one in points if one.shape == Shape()]
    if not usual:
        return ["(The usual shape was not measured in this run.)"]
    least = min(Spread.of(one.per_s["mixed"]).least for one in usual)
    warm = max(one.warm.pss for one in usual)
    rows = []
    for title, devices in SCHOOLS:
        busy = devices * BUSY_DEVICE_PER_S
        part = f"{busy / least:.2f}" if busy / least >= 0.01 else "less than 0.01"
        rows.append([title, f"{busy:,.0f}", part, f"{least / devices:,.1f}"])
    head = ("", "busiest second, queries (assumed)", "cores of this machine", "one core: queries a device a second")
    return [
        pages.table(head, rows),
        f"Assumed: {BUSY_DEVICE_PER_S:g} queries a device in the busiest second. Measured: the slowest mixed run of"
        f" the usual shape, {least:,.0f} q/s on one core, and {warm:.0f} MiB with its cache full. A trust of many"
        " sites runs one at each; the last line is what a single one would have to do.",
    ]


def _figures(one: Point) -> dict[str, Any]:
    return {
        "shape": vars(one.shape),
        "idle_mib": one.idle.pss,
        "warm_mib": one.warm.pss,
        "start_s": one.start_s,
        "per_s": one.per_s,
        "of_echo": one.of_echo,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("axes", nargs="*", metavar="axis", help=f"of: {', '.join(AXES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="shows that it works; its figures are none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run")
    parser.add_argument("--data", type=Path, help="directory of real names")
    parser.add_argument("--out", type=Path, help="where the page goes")
    given = parser.parse_args()
    axes = QUICK if given.quick else AXES
    if unknown := set(given.axes) - set(axes):
        parser.error(f"no such axis: {', '.join(sorted(unknown))}")
    os.sched_setaffinity(0, {cores()[1]})
    rounds, seconds = (1, 1.0) if given.quick else (given.rounds, given.seconds)
    listed = load(100_000 if given.quick else 1_000_000, given.data)
    usual = replace(Shape(), names=100_000) if given.quick else Shape()
    points: dict[str, list[Point]] = {}
    for axis in given.axes or axes:
        for size in axes[axis]:
            shape = replace(usual, **{axis: size})
            say(f"== {shape}")
            points.setdefault(axis, []).append(measure(shape, listed, rounds, seconds))
    out = given.out or (RESULTS / "quick" if given.quick else RESULTS)
    say(str(page(points, rounds, seconds, listed.source, out)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
