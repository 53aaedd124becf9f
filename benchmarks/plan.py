"""What one run of the benchmarks is to do, and the three programs it does it with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import generator_programs as programs
from benchmarks import machine, subject
from benchmarks.names import CHECKOUT, Names
from benchmarks.processes import Process, cores, free_ports
from benchmarks.servers import Ground, Running, running

SCRATCH = CHECKOUT / "benchmarks" / "scratch"
RESULTS = CHECKOUT / "benchmarks" / "results"


@dataclass(frozen=True)
class Plan:
    """How much is done."""

    rounds: int
    seconds: float
    starts: int
    soak_s: float
    compile_sizes: tuple[int, ...]
    listed: int
    out: Path
    names: Names
    scratch: Path
    is_quick: bool = False


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def setting(plan: Plan, what: machine.Machine) -> list[str]:
    """The first lines of every page."""
    server, generator = cores()
    return [
        *what.lines(),
        f"- Names: {plan.names.source}; server on core {server}, generator and upstream on core {generator}",
        f"- {plan.rounds} rounds, each run {plan.seconds:g} s, interleaved with the echo;"
        f" {programs.WINDOW} queries in flight; figures are median (least to greatest)",
    ]


@dataclass
class Measured:
    """The server under measurement, and the echo it is held against."""

    running: Running
    echo: Process
    echo_port: int


@contextmanager
def measured(plan: Plan) -> Iterator[Measured]:
    """Upstream, echo and schoolgate, started and stopped together."""
    plan.scratch.mkdir(parents=True, exist_ok=True)
    port, upstream_port, echo_port = free_ports(3)
    with ExitStack() as stack:
        upstream = programs.stand_in(upstream_port, plan.scratch / "upstream.log")
        stack.callback(upstream.stop)
        echo = programs.echo(echo_port, plan.scratch / "echo.log")
        stack.callback(echo.stop)
        say("building lists and starting")
        one = stack.enter_context(running(subject.SCHOOLGATE, ground_of(plan, port, upstream_port)))
        yield Measured(one, echo, echo_port)


def ground_of(plan: Plan, port: int, upstream_port: int) -> Ground:
    """Where schoolgate lives while it is measured."""
    return Ground(plan.scratch / "schoolgate", port, upstream_port, plan.names.listed)
