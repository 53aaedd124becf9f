"""The Rust programs of `generator/`: built here, run here."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.names import CHECKOUT
from benchmarks.processes import Process, cores
from benchmarks.workloads import Workload

GENERATOR = CHECKOUT / "benchmarks" / "generator"
# In flight at a time. A receive buffer of the default size holds some 190 small datagrams: more would measure buffers.
WINDOW = 160
# A generator less idle than this, before a server that was not busy, was the limit.
BUSY_GENERATOR, BUSY_SERVER = 0.02, 0.93


class LoadFailed(Exception):
    """The generator could not run."""


@dataclass(frozen=True)
class Load:
    """One run of the generator, with what the server used meanwhile (cores)."""

    result: dict[str, Any]
    server_cores: float

    @property
    def right_per_s(self) -> float:
        return float(self.result["right_per_s"])

    @property
    def p99_us(self) -> float:
        return float(self.result["latency"]["p99_us"])

    @property
    def bad(self) -> int:
        """Lost and wrong."""
        return int(self.result["lost"] + self.result["wrong"])

    @property
    def limit(self) -> str:
        """Which of the two was measured."""
        if self.result["idle"] < BUSY_GENERATOR and self.server_cores < BUSY_SERVER:
            return "generator"
        return "server"


@cache
def built() -> Path:
    """The directory of the programs, built when needed."""
    subprocess.run(["cargo", "build", "--release", "--quiet", "--locked"], cwd=GENERATOR, check=True)
    target = os.environ.get("CARGO_TARGET_DIR")
    return (Path(target) if target else GENERATOR / "target") / "release"


def echo(port: int, log: Path) -> Process:
    """The floor, on the server's core."""
    server_core, _ = cores()
    return Process([str(built() / "dnsecho"), "--listen", f"127.0.0.1:{port}"], server_core, log)


def stand_in(port: int, log: Path) -> Process:
    """The upstream, on the generator's core."""
    _, generator_core = cores()
    return Process([str(built() / "dnsstandin"), "--listen", f"127.0.0.1:{port}"], generator_core, log)


def warm(server: Process, port: int, workload: Workload) -> None:
    """Asks everything that a cache is to hold, once."""
    if workload.warm is not None:
        _run(server, port, workload.warm, "--window", "50", "--once", "1", "--check-rcode", "0")


def fastest(server: Process, port: int, workload: Workload, seconds: float, salt: int, checks: bool = True) -> Load:
    """As many as the server answers."""
    options = ["--window", str(WINDOW), "--seconds", str(seconds), "--salt", str(salt), *_place(workload, salt)]
    return _run(server, port, workload.path, *options, "--check-rcode", str(int(checks)))


def at_rate(
    server: Process,
    port: int,
    workload: Workload,
    rate: float,
    seconds: float,
    salt: int,
    checks: bool = True,
    slice_ms: int = 0,
) -> Load:
    """So many a second, whatever comes back."""
    options = ["--rate", f"{rate:.0f}", "--seconds", str(seconds), "--salt", str(salt), *_place(workload, salt)]
    options += ["--slice-ms", str(slice_ms), "--check-rcode", str(int(checks))]
    return _run(server, port, workload.path, *options)


def _place(workload: Workload, salt: int) -> list[str]:
    """Each run starts elsewhere in the file, every server at the same place in the same round."""
    return ["--offset", str(salt * 77_773 % workload.queries)]


def _run(server: Process, port: int, path: Path, *options: str) -> Load:
    _, core = cores()
    command = [str(built() / "dnsload"), "--server", f"127.0.0.1:{port}", "--workload", str(path), "--core", str(core)]
    before_s = server.used_s()
    run = subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=300)
    if run.returncode != 0:
        raise LoadFailed(f"{' '.join(command)}: {run.stderr.strip()}")
    result = json.loads(run.stdout)
    return Load(result, (server.used_s() - before_s) / result["seconds"])
