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
    # At half of its own greatest speed, and the echo's in the same round at the same rate.
    p99_us: list[float] = field(default_factory=list)
    echo_p99_us: list[float] = field(default_factory=list)
    # At the rate that is the same for all servers.
    p99_us_even: list[float] = field(default_factory=list)
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

    def add_half(self, load: programs.Load, echo: programs.Load) -> None:
        self.p99_us.append(load.p99_us)
        self.echo_p99_us.append(echo.p99_us)
        self._count(load)

    def add_even(self, load: programs.Load) -> None:
        self.p99_us_even.append(load.p99_us)
        self._count(load)

    def _count(self, load: programs.Load) -> None:
        self.sent += int(load.result["sent"])
        self.lost += int(load.result["lost"])
        self.wrong += int(load.result["wrong"])

    def as_dict(self) -> dict[str, Any]:
        figures = {
            "per_s": self.per_s,
            "p99_us_at_half": self.p99_us,
            "echo_p99_us_at_that_rate": self.echo_p99_us,
            "p99_us_at_even_rate": self.p99_us_even,
            "server_cores": self.server_cores,
        }
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
    even_rate: float | None = None,
) -> Results:
    """All rounds; with `even_rate` also how long every server lets wait at the same so many a second. Afterwards every
    server runs."""
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
                series = results.setdefault((one.server.name, workload.name), Series())
                one.process.resume()
                if number == 0:
                    programs.warm(one.process, one.port, workload)
                load = programs.fastest(one.process, one.port, workload, seconds, salt)
                series.add(load)
                # Waiting is measured on one workload. Each run has a salt of its own: its unique names must be unique.
                rate = load.right_per_s / 2 if workload.name == "mixed" and load.right_per_s > 1 else None
                if rate is not None:
                    half = programs.at_rate(one.process, one.port, workload, rate, seconds, salt + 100_000)
                    if even_rate is not None:
                        even = programs.at_rate(one.process, one.port, workload, even_rate, seconds, salt + 200_000)
                        series.add_even(even)
                one.process.pause()
                if rate is not None:
                    echo.resume()
                    floor = programs.at_rate(echo, echo_port, workload, rate, seconds, salt + 100_000, checks=False)
                    echo.pause()
                    series.add_half(half, floor)
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
