"""`python -m benchmarks.run`: schoolgate beside the floor. Writes a page for each part to benchmarks/results/.

Parts: micro, load (listed, hot, mixed, misses), recording, swap, start, compile, soak. `--quick` shows in a few minutes
that it all works; its figures are no figures, and go to results/quick/.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import charts, costs, dnsperf, machine, micro_page, pages, subject, swap
from benchmarks import generator_programs as programs
from benchmarks import workloads as work
from benchmarks.load import ECHO, Series, measure
from benchmarks.names import load
from benchmarks.plan import RESULTS, SCRATCH, Plan, ground_of, measured, say, setting
from benchmarks.processes import Process, cores, free_ports
from benchmarks.servers import Ground, start
from benchmarks.spread import Spread

# What we want to reach, as a part of echo (listed, hot, mixed), or a second (misses).
BAR_OF_ECHO = {"listed": 0.85, "hot": 0.80, "mixed": 0.60}
BAR_MISSES_PER_S = 40_000
BAR_P99_US, BAR_MEMORY_MB, BAR_START_S = 80.0, 100, 0.5
_MB_A_MIB = 2**20 / 1e6
BAR_RECORDING = 0.90


# -- load -------------------------------------------------------------------------------------------------------------


def run_load(plan: Plan, kinds: Sequence[str]) -> Path:
    """Speed on each workload, waiting at half speed, memory when warm."""
    what = machine.describe()
    files = [work.build(kind, plan.names, plan.scratch / "queries") for kind in kinds]
    with measured(plan) as one:
        results = measure([one.running], one.echo, one.echo_port, files, plan.rounds, plan.seconds, say)
        memory = one.running.process.memory()
    rows, groups, ratios = [], [], []
    for file in files:
        ours, echo = results["schoolgate", file.name], results[ECHO, file.name]
        ratio = Spread.of(ours.per_s).over(Spread.of(echo.per_s))
        reached, bar = _bar_of(file.name, ours.per_s, ratio)
        rows.append(
            [file.title, Spread.of(ours.per_s).text(), Spread.of(echo.per_s).text(), ratio.text(2), bar,
             pages.verdict(reached), f"{ours.lost} / {ours.wrong} of {ours.sent:,}",
             ", ".join(sorted(set(ours.limits))), Spread.of(ours.idle).text(2)]
        )  # fmt: skip
        groups.append(
            charts.Group(
                file.title, (charts.Bar("schoolgate", Spread.of(ours.per_s)), charts.Bar("echo", Spread.of(echo.per_s)))
            )
        )
        ratios.append(charts.Group(file.title, (charts.Bar("schoolgate / echo", ratio, BAR_OF_ECHO.get(file.name)),)))
    waits = [
        _waiting(file.title, results["schoolgate", file.name])
        for file in files
        if results["schoolgate", file.name].p99_us
    ]
    blocks = [
        "# Load: schoolgate beside the echo",
        "\n".join(setting(plan, what)),
        pages.table(
            (
                "workload",
                "schoolgate, q/s",
                "echo, q/s",
                "ratio",
                "bar",
                "",
                "lost / wrong",
                "limited by",
                "generator idle",
            ),
            rows,
        ),
        "![queries a second](load.svg)\n\n![ratio to the echo](load-ratio.svg)",
        "## Waiting at half of its own maximum, microseconds\n\n"
        + pages.table(("workload", "p99", "echo at that rate", "over the echo", "bar", ""), waits)
        if waits
        else "",
        f"## Memory when warm\n\n{memory.rss:.0f} MiB resident ({memory.pss:.0f} MiB proportional) with"
        f" {len(plan.names.listed):,} names and the cache full; bar: <= {BAR_MEMORY_MB} MB"
        f" ({BAR_MEMORY_MB / _MB_A_MIB:.0f} MiB) resident, {pages.verdict(memory.rss * _MB_A_MIB <= BAR_MEMORY_MB)}.",
        "Where the generator was the limit, the server is faster than the figure says.",
    ]
    figures = {
        "machine": what.as_dict(),
        "names": plan.names.source,
        "results": {f"{name}/{kind}": series.as_dict() for (name, kind), series in results.items()},
        "memory_mib": {"rss": memory.rss, "pss": memory.pss},
    }
    drawn = {
        "load": charts.bars("Answers a second, one core", "queries a second", groups),
        "load-ratio": charts.bars("Part of the echo's speed", "ratio; dashed: the bar", ratios, 2),
    }
    return pages.write(plan.out, "load", [block for block in blocks if block], figures, drawn)


def _waiting(title: str, series: Series) -> list[str]:
    ours, floor = Spread.of(series.p99_us), Spread.of(series.echo_p99_us)
    return [title, ours.text(1), floor.text(1), ours.over(floor).text(1), f"<= {BAR_P99_US:g}",
            pages.verdict(ours.median <= BAR_P99_US)]  # fmt: skip


def _bar_of(kind: str, per_s: Sequence[float], ratio: Spread) -> tuple[bool, str]:
    if kind == "misses":
        return Spread.of(per_s).median >= BAR_MISSES_PER_S, f">= {BAR_MISSES_PER_S:,} q/s"
    return ratio.median >= BAR_OF_ECHO[kind], f">= {BAR_OF_ECHO[kind]:.2f}"


# -- start, compile, soak ---------------------------------------------------------------------------------------------


def run_start(plan: Plan) -> Path:
    """From the start of the process to the first right answer."""
    what = machine.describe()
    ground = ground_of(plan, *free_ports(2))
    command = subject.prepare(ground)
    took = []
    for _ in range(plan.starts):
        one = start(subject.SCHOOLGATE, command, ground)
        one.process.stop()
        took.append(one.start_s)
    spread = Spread.of(took)
    blocks = [
        f"# Start with {len(plan.names.listed):,} names",
        "\n".join(setting(plan, what)),
        f"{spread.text(3)} s from the start of the process to the first right answer, over {plan.starts} starts;"
        f" bar: <= {BAR_START_S:g} s, {pages.verdict(spread.median <= BAR_START_S)}.",
    ]
    return pages.write(plan.out, "start", blocks, {"machine": what.as_dict(), "start_s": spread.as_dict()}, {})


def run_compile(plan: Plan) -> Path:
    """Time, memory and size of a compile."""
    what = machine.describe()
    rows, figures = [], {}
    for size in plan.compile_sizes:
        names = load(size).listed
        text = plan.scratch / f"compile-{size}.txt"
        subject.write_list(text, names)
        seconds, peaks, octets = [], [], 0.0
        for _ in range(plan.rounds):
            took_s, peak_mib, octets = _compile_once(text, plan.scratch / "compile.new")
            seconds.append(took_s)
            peaks.append(peak_mib)
        text.unlink()
        rows.append([f"{len(names):,}", Spread.of(seconds).text(2), Spread.of(peaks).text(0), f"{octets:.1f}"])
        figures[str(size)] = {
            "seconds": Spread.of(seconds).as_dict(),
            "peak_mib": Spread.of(peaks).as_dict(),
            "octets_a_name": octets,
        }
    head = ("names", "seconds", "peak memory, MiB", "octets a name (bar: <= 14)")
    blocks = ["# Compile", "\n".join(setting(plan, what)), pages.table(head, rows)]
    return pages.write(plan.out, "compile", blocks, {"machine": what.as_dict(), "compile": figures}, {})


_COMPILE = r"""
import json, re, sys, time
from schoolgate._core import ListFile, compile_snapshot
began = time.monotonic()
report = json.loads(compile_snapshot([ListFile(sys.argv[1], "benchmark", "gambling", reviewed=True)], sys.argv[2], 1))
took = time.monotonic() - began
# Not ru_maxrss: across fork and exec that begins with what the parent had.
peak = int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) / 1024
print(json.dumps([took, peak, report["size_octets"] / report["entries"]]))
"""


def _compile_once(text: Path, out: Path) -> tuple[float, float, float]:
    run = subprocess.run(
        ["taskset", "-c", str(cores()[0]), sys.executable, "-c", _COMPILE, str(text), str(out)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    took_s, peak_mib, octets = map(float, json.loads(run.stdout))
    return took_s, peak_mib, octets


def run_recording(plan: Plan) -> Path:
    """What it costs to record every query: the server with its query log beside the one without."""
    what = machine.describe()
    kinds = ("hot", "listed", "mixed")
    files = [work.build(kind, plan.names, plan.scratch / "queries") for kind in kinds]
    echo_port, upstream_port, *ports = free_ports(4)
    echo = programs.echo(echo_port, plan.scratch / "echo.log")
    upstream = programs.stand_in(upstream_port, plan.scratch / "standin.log")
    servers = []
    try:
        for port, is_recording in zip(ports, (True, False), strict=True):
            name = "recording" if is_recording else "silent"
            ground = Ground(plan.scratch / name, port, upstream_port, plan.names.listed)
            command = subject.prepare(ground, is_recording=is_recording)
            servers.append(start(replace(subject.SCHOOLGATE, name=name), command, ground))
        results = measure(servers, echo, echo_port, files, plan.rounds, plan.seconds, say)
    finally:
        for process in (*(one.process for one in servers), echo, upstream):
            process.stop()
    rows, figures = [], {}
    for file in files:
        on, off = (Spread.of(results[name, file.name].per_s) for name in ("recording", "silent"))
        ratio = on.over(off)
        bar = (
            (f">= {BAR_RECORDING:.2f}", pages.verdict(ratio.median >= BAR_RECORDING))
            if file.name == "hot"
            else ("", "")
        )
        rows.append([file.title, on.text(), off.text(), ratio.text(2), *bar])
        figures[file.name] = {"on": on.as_dict(), "off": off.as_dict(), "ratio": ratio.as_dict()}
    blocks = [
        "# What recording costs: every query in the query log, or none",
        "\n".join(setting(plan, what)),
        pages.table(("workload", "with the log, q/s", "without, q/s", "ratio", "bar", ""), rows),
    ]
    return pages.write(plan.out, "recording", blocks, {"machine": what.as_dict(), "recording": figures}, {})


def run_soak(plan: Plan) -> Path:
    """A while at half speed: does memory grow, is anything lost?"""
    what = machine.describe()
    file = work.build("mixed", plan.names, plan.scratch / "queries")
    memory: list[float] = []
    ended = threading.Event()
    with measured(plan) as one:
        process, port = one.running.process, one.running.port
        one.echo.pause()
        programs.warm(process, port, file)
        top = programs.fastest(process, port, file, plan.seconds, 900)
        sampler = threading.Thread(target=lambda: _sample(process, memory, ended))
        sampler.start()
        found = programs.at_rate(process, port, file, top.right_per_s / 2, plan.soak_s, 901, slice_ms=1000)
        ended.set()
        sampler.join()
    half = memory[len(memory) // 2]
    slices = [one for one in found.result["slices"] if one["sent"]]
    p99 = Spread.of([float(one["p99_us"]) for one in slices])
    rows = [
        ["queries", f"{found.result['sent']:,}"],
        ["lost / wrong", f"{found.result['lost']} / {found.result['wrong']}"],
        ["p99 of a second, us: median, worst", f"{p99.median:.0f}, {p99.greatest:.0f}"],
        ["memory: begin, half, end, MiB", f"{memory[0]:.0f}, {half:.0f}, {memory[-1]:.0f}"],
    ]  # fmt: skip
    blocks = [
        f"# Soak: {plan.soak_s:g} s of mixed queries at half speed",
        "\n".join(setting(plan, what)),
        pages.table(("", ""), rows),
    ]
    figures = {"machine": what.as_dict(), "memory_mib": memory, "result": found.result}
    return pages.write(plan.out, "soak", blocks, figures, {})


def _sample(process: Process, memory: list[float], ended: threading.Event) -> None:
    while True:
        memory.append(process.resident_mib())
        if ended.wait(1.0):
            return


PARTS: dict[str, Callable[[Plan], Path]] = {
    "micro": lambda plan: micro_page.run(plan.names, plan.scratch, plan.out, plan.is_quick),
    "load": lambda plan: run_load(plan, tuple(work.TITLES)),
    **{kind: (lambda plan, kind=kind: run_load(plan, (kind,))) for kind in work.TITLES},  # type: ignore[misc]
    "recording": run_recording,
    "swap": swap.run,
    "start": run_start,
    "compile": run_compile,
    "soak": run_soak,
    "profile": costs.run,
    "dnsperf": dnsperf.run,
}
ALL = ("micro", "load", "recording", "swap", "start", "compile", "soak")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of: {', '.join(PARTS)} (default: {' '.join(ALL)})")
    parser.add_argument("--quick", action="store_true", help="short runs that show that it works")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run")
    parser.add_argument("--soak-s", type=float, default=600.0)
    parser.add_argument("--listed", type=int, default=1_000_000, help="how many names are listed")
    parser.add_argument("--data", type=Path, help="directory of real names")
    parser.add_argument("--out", type=Path, help="where the pages go")
    given = parser.parse_args()
    unknown = set(given.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    # Told to end, it still stops what it started: a server that changes its user is not ended with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.sched_setaffinity(0, {cores()[1]})
    names = load(given.listed, given.data)
    plan = Plan(
        given.rounds,
        given.seconds,
        10,
        given.soak_s,
        (1_000_000, 5_000_000),
        given.listed,
        given.out or RESULTS,
        names,
        SCRATCH,
    )
    if given.quick:
        plan = Plan(2, 1.0, 2, 5.0, (100_000,), given.listed, given.out or RESULTS / "quick", names, SCRATCH, True)
    for part in given.parts or ALL:
        say(f"== {part}")
        say(str(PARTS[part](plan)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
