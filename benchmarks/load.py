"""Rounds: every server measured on every workload beside the echo, one after the other, again and again.

A machine changes from minute to minute, a virtual one more so. What is compared is therefore measured in the same
round, and every figure is also a ratio to the echo of its round. While one server is measured the others are stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks import generator_programs as programs
from benchmarks.processes import Process
from benchmarks.servers import Running
from benchmarks.spread import Spread
from benchmarks.workloads import Workload

ECHO = "echo"


@dataclass
class Series:
    """The runs of one server on one workload."""

    per_s: list[float] = field(default_factory=list)
    p99_us: list[float] = field(default_factory=list)
    server_cores: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    sent: int = 0
    lost: int = 0
    wrong: int = 0

    def add(self, load: programs.Load) -> None:
        self.per_s.append(load.right_per_s)
        self.server_cores.append(load.server_cores)
        self.idle.append(float(load.result["idle"]))
        self.limits.append(load.limit)
        self._count(load)

    def add_half(self, load: programs.Load) -> None:
        self.p99_us.append(load.p99_us)
        self._count(load)

    def _count(self, load: programs.Load) -> None:
        self.sent += int(load.result["sent"])
        self.lost += int(load.result["lost"])
        self.wrong += int(load.result["wrong"])

    def as_dict(self) -> dict[str, Any]:
        figures = {"per_s": self.per_s, "p99_us_at_half": self.p99_us, "server_cores": self.server_cores}
        found = {name: Spread.of(runs).as_dict() for name, runs in figures.items() if runs}
        return found | {
            "limits": self.limits,
            "idle": self.idle,
            "sent": self.sent,
            "lost": self.lost,
            "wrong": self.wrong,
        }


Results = dict[tuple[str, str], Series]


def measure(
    servers: Sequence[Running],
    echo: Process,
    echo_port: int,
    workloads: Sequence[Workload],
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> Results:
    """All rounds. Afterwards every server runs."""
    results: Results = {}
    for one in servers:
        one.process.pause()
    echo.pause()
    salt = 0
    for number in range(rounds):
        for workload in workloads:
            salt += 1
            turn = number % (len(servers) or 1)
            for one in [*servers[turn:], *servers[:turn]]:
                one.process.resume()
                load, half = _one(one, workload, seconds, salt, is_first=number == 0)
                one.process.pause()
                series = results.setdefault((one.server.name, workload.name), Series())
                series.add(load)
                if half is not None:
                    series.add_half(half)
                say(f"round {number + 1}: {workload.name}: {one.server.name} {load.right_per_s:,.0f}/s, {load.bad} bad")
            echo.resume()
            load = programs.fastest(echo, echo_port, workload, seconds, salt, checks=False)
            echo.pause()
            results.setdefault((ECHO, workload.name), Series()).add(load)
            say(f"round {number + 1}: {workload.name}: echo {load.right_per_s:,.0f}/s")
    for one in servers:
        one.process.resume()
    echo.resume()
    return results


def _one(
    one: Running, workload: Workload, seconds: float, salt: int, is_first: bool
) -> tuple[programs.Load, programs.Load | None]:
    """The fastest run, and the one at half of it where waiting is what matters."""
    if is_first:
        programs.warm(one.process, one.port, workload)
    load = programs.fastest(one.process, one.port, workload, seconds, salt)
    half = None
    if workload.name == "mixed" and load.right_per_s > 1:
        # A salt of its own: its unique names must not be those of the run before.
        half = programs.at_rate(one.process, one.port, workload, load.right_per_s / 2, seconds, salt + 100_000)
    return load, half
