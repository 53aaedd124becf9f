"""`python -m benchmarks.compare`: schoolgate and other DNS servers, same list, same queries, one core each.

Each is configured as its own documentation advises (benchmarks/peers/), loads the same names, forwards to the same
stand-in, and is measured in turn with all others stopped, all in the same rounds. What is not installed is left out,
and the page says why. Where another server wins, the page says so too.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks import charts, machine, pages, subject
from benchmarks import generator_programs as programs
from benchmarks import workloads as work
from benchmarks.load import ECHO, Results, measure
from benchmarks.names import load
from benchmarks.peers import PEERS
from benchmarks.plan import RESULTS, SCRATCH, Plan, say, setting
from benchmarks.processes import Memory, cores, free_ports
from benchmarks.servers import DoesNotAnswer, Ground, Running, Server, start
from benchmarks.spread import Spread

KINDS = ("listed", "hot", "mixed")
# What nearly every server here can answer.
EVEN_RATE = 20_000


def compare(plan: Plan, wanted: Sequence[str], kinds: Sequence[str]) -> Path:
    """Measures all that can be, and writes the page."""
    what = machine.describe()
    files = [work.build(kind, plan.names, plan.scratch / "queries") for kind in kinds]
    left_out: dict[str, str] = {}
    with ExitStack() as stack:
        upstream_port, echo_port = free_ports(2)
        upstream = programs.stand_in(upstream_port, plan.scratch / "upstream.log")
        stack.callback(upstream.stop)
        echo = programs.echo(echo_port, plan.scratch / "echo.log")
        stack.callback(echo.stop)
        servers = _start_all(plan, wanted, upstream_port, left_out, stack)
        results = measure(servers, echo, echo_port, files, plan.rounds, plan.seconds, say, EVEN_RATE)
        memory = {one.server.name: one.process.memory() for one in servers}
    return _page(plan, what, files, servers, results, memory, left_out)


def _start_all(
    plan: Plan, wanted: Sequence[str], upstream_port: int, left_out: dict[str, str], stack: ExitStack
) -> list[Running]:
    """Starts them one after the other, each stopped as soon as it has answered, so that none disturbs the next."""
    running = []
    for server in (subject.SCHOOLGATE, *PEERS):
        if wanted and server.name not in (*wanted, "schoolgate"):
            continue
        reason = server.absent()
        if reason is not None:
            left_out[server.title] = reason
            continue
        say(f"starting {server.name}")
        ground = Ground(plan.scratch / server.name, free_ports(1)[0], upstream_port, plan.names.listed)
        try:
            one = _started(server, ground)
        except DoesNotAnswer as error:
            left_out[server.title] = f"did not answer: {' '.join(str(error).split())[-300:]}"
            say(left_out[server.title])
            continue
        stack.callback(one.process.stop)
        one.process.pause()
        running.append(one)
    return running


def _started(server: Server, ground: Ground) -> Running:
    shutil.rmtree(ground.directory, ignore_errors=True)
    return start(server, server.prepare(ground), ground)


def _page(
    plan: Plan,
    what: machine.Machine,
    files: Sequence[work.Workload],
    servers: Sequence[Running],
    results: Results,
    memory: dict[str, Memory],
    left_out: dict[str, str],
) -> Path:
    blocks = ["# schoolgate and other DNS servers", "\n".join(setting(plan, what))]
    groups = []
    for file in files:
        echo = Spread.of(results[ECHO, file.name].per_s)
        found = sorted(servers, key=lambda one: -Spread.of(results[one.server.name, file.name].per_s).median)
        rows = []
        for one in found:
            series = results[one.server.name, file.name]
            per_s = Spread.of(series.per_s)
            p99 = Spread.of(series.p99_us).text(0) if series.p99_us else ""
            even = Spread.of(series.p99_us_even).text(0) if series.p99_us_even else ""
            rows.append(
                [one.server.title, per_s.text(), per_s.over(echo).text(2), p99, even,
                 f"{series.lost} / {series.wrong} of {series.sent:,}", ", ".join(sorted(set(series.limits)))]
            )  # fmt: skip
        head: tuple[str, ...] = (
            "server",
            "q/s",
            f"of echo ({echo.text()} q/s)",
            "p99 at half, us",
            f"p99 at {EVEN_RATE:,} q/s, us",
            "lost / wrong",
            "limited by",
        )
        if file.name != "mixed":
            head, rows = (*head[:3], *head[5:]), [[*row[:3], *row[5:]] for row in rows]
        blocks += [
            f"## {file.title.capitalize()}",
            _winner(file.title, found, results, file.name),
            pages.table(head, rows),
        ]
        bars = tuple(
            charts.Bar(one.server.title, Spread.of(results[one.server.name, file.name].per_s)) for one in found
        )
        groups.append(charts.Group(file.title, (*bars, charts.Bar("echo", echo))))
    rows = [
        [
            one.server.title,
            one.server.version(),
            f"{one.start_s:.2f}",
            f"{memory[one.server.name].rss:,.0f}",
            one.server.notes,
        ]
        for one in sorted(servers, key=lambda one: one.start_s)
    ]
    head = ("server", "version", "start to the first right answer, s", "memory warm, MiB", "")
    blocks += [
        "## Start and memory",
        _least(servers, memory),
        pages.table(head, rows),
        "![queries a second](compare.svg)",
    ]
    if left_out:
        blocks.append("## Left out\n\n" + "\n".join(f"- {title}: {reason}" for title, reason in left_out.items()))
    blocks.append(
        "Each server's configuration is the template in benchmarks/peers/ (ours: benchmarks/subject.py). One start"
        " each; memory is resident, at the end. Most of these servers do much that schoolgate does not, and the other"
        " way round: validation, recursion, load balancing, views. None of that is measured here."
    )
    figures = {
        "machine": what.as_dict(),
        "names": plan.names.source,
        "results": {f"{name}/{kind}": series.as_dict() for (name, kind), series in results.items()},
        "start_s": {one.server.name: one.start_s for one in servers},
        "memory_mib": {name: one.rss for name, one in memory.items()},
        "left_out": left_out,
    }
    chart = charts.bars("Answers a second, one core each", "queries a second", groups)
    return pages.write(plan.out, "compare", blocks, figures, {"compare": chart})


def _winner(title: str, found: Sequence[Running], results: Results, kind: str) -> str:
    """Who is fastest, in words; ranges of runs that overlap are a tie."""
    if len(found) < 2:
        return "Nothing to compare with."
    first, second = (Spread.of(results[one.server.name, kind].per_s) for one in found[:2])
    lead = first.median / second.median if second.median else float("inf")
    tie = " (their runs overlap: a tie on this machine)" if first.least <= second.greatest else ""
    return f"Fastest at *{title}*: **{found[0].server.title}**, {lead:.2f} times {found[1].server.title}{tie}."


def _least(servers: Sequence[Running], memory: dict[str, Memory]) -> str:
    quick = min(servers, key=lambda one: one.start_s)
    small = min(servers, key=lambda one: memory[one.server.name].rss)
    return f"First to answer: **{quick.server.title}**. Least memory: **{small.server.title}**."


def main() -> int:
    known = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("servers", nargs="*", metavar="server", help=f"of: {', '.join(known)} (default: all installed)")
    parser.add_argument("--quick", action="store_true", help="short runs that show that it works")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run")
    parser.add_argument("--listed", type=int, default=1_000_000, help="how many names are listed")
    parser.add_argument("--data", type=Path, help="directory of real names")
    parser.add_argument("--out", type=Path, help="where the page goes")
    given = parser.parse_args()
    if unknown := set(given.servers) - set(known):
        parser.error(f"no such server: {', '.join(sorted(unknown))}")
    # Told to end, it still stops what it started: a server that changes its user is not ended with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.sched_setaffinity(0, {cores()[1]})
    names = load(given.listed, given.data)
    plan = Plan(given.rounds, given.seconds, 1, 0, (), given.listed, given.out or RESULTS, names, SCRATCH)
    if given.quick:
        plan = replace(plan, rounds=2, seconds=1.0, out=given.out or RESULTS / "quick")
    plan.scratch.mkdir(parents=True, exist_ok=True)
    say(str(compare(plan, given.servers, KINDS)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
