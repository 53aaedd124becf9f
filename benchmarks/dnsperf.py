"""The same questions from dnsperf, which others wrote, as a check of our own generator.

dnsperf (Debian: dnsperf) sends one datagram a system call, so on one core it is often the limit; the page says which
was. It cannot write unique names, so it asks what is listed or cached.
"""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import generator_programs as programs
from benchmarks import machine, pages
from benchmarks import workloads as work
from benchmarks.plan import Plan, measured, say, setting
from benchmarks.processes import Process, cores
from benchmarks.spread import Spread

KINDS = ("listed", "hot")
# Of its core: above it the generator had no time left.
BUSY_DNSPERF = 0.95

_HEAD = (
    "workload", "schoolgate, q/s", "cores used: dnsperf / it", "limited by",
    "echo, q/s", "cores used: dnsperf / it", "limited by", "schoolgate by dnsload, q/s", "lost", "RCODEs",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One run: answers a second, and how many cores the two programs used meanwhile."""

    per_s: float
    lost: int
    rcodes: dict[str, int]
    dnsperf_cores: float
    server_cores: float

    @property
    def limit(self) -> str:
        """Which of the two was measured: `neither` where both had to wait, as for the machine."""
        if self.server_cores >= programs.BUSY_SERVER:
            return "server"
        return "dnsperf" if self.dnsperf_cores > BUSY_DNSPERF else "neither"


class Unreadable(Exception):
    """dnsperf printed something else than it does."""


def run(plan: Plan) -> Path:
    """Speed of listed and of cached names by dnsperf, beside our generator in the same rounds."""
    if shutil.which("dnsperf") is None:
        raise SystemExit("benchmarks dnsperf: dnsperf is not installed (Debian: apt install dnsperf)")
    what = machine.describe()
    rows: list[list[str]] = []
    figures: dict[str, Any] = {}
    with measured(plan) as one:
        process, port = one.running.process, one.running.port
        one.echo.pause()
        for kind in KINDS:
            workload = work.build(kind, plan.names, plan.scratch / "queries")
            questions = as_stream(workload.path)
            programs.warm(process, port, workload)
            theirs, ours, floor = [], [], []
            for number in range(plan.rounds):
                theirs.append(_ask(process, port, questions, plan.seconds))
                ours.append(programs.fastest(process, port, workload, plan.seconds, number).right_per_s)
                process.pause()
                one.echo.resume()
                floor.append(_ask(one.echo, one.echo_port, questions, plan.seconds))
                one.echo.pause()
                process.resume()
                say(f"round {number + 1}: {kind}: dnsperf {theirs[-1].per_s:,.0f}/s, dnsload {ours[-1]:,.0f}/s")
            rows.append(_row(workload.title, theirs, ours, floor))
            figures[kind] = {
                "dnsperf": [vars(run) for run in theirs],
                "dnsload": ours,
                "echo": [vars(run) for run in floor],
            }
    blocks = [
        "# By dnsperf: the same questions from a generator that others wrote",
        "\n".join(setting(plan, what)),
        pages.table(_HEAD, rows),
        f"{_version()}, one client and one thread: `{' '.join(_options(Path('QUESTIONS'), plan.seconds))}`; QUESTIONS"
        " are `benchmarks/scratch/queries/*.stream`. It sends and receives one datagram a system call, dnsload batches."
        " Where it was the limit, the server is faster than the figure says, and how near it is to the echo is open.",
    ]
    return pages.write(plan.out, "dnsperf", blocks, {"machine": what.as_dict(), "dnsperf": figures}, {})


def _row(title: str, theirs: list[Run], ours: list[float], floor: list[Run]) -> list[str]:
    rcodes = {rcode for run in theirs for rcode in run.rcodes}
    return [
        title,
        *(cell for runs in (theirs, floor) for cell in _cells(runs)),
        Spread.of(ours).text(),
        f"{sum(run.lost for run in theirs):,}",
        ", ".join(sorted(rcodes)),
    ]


def _cells(runs: list[Run]) -> list[str]:
    dnsperf, server = (Spread.of([getattr(run, of) for run in runs]) for of in ("dnsperf_cores", "server_cores"))
    return [Spread.of([run.per_s for run in runs]).text(), f"{dnsperf.text(2)} / {server.text(2)}", _limits(runs)]


def _limits(runs: list[Run]) -> str:
    return ", ".join(sorted({run.limit for run in runs}))


def as_stream(path: Path) -> Path:
    """The query file of a workload as messages behind their lengths, as over TCP: dnsperf's binary input (-B)."""
    octets, at = path.read_bytes(), len(work.MAGIC)
    stream = path.with_suffix(".stream")
    with stream.open("wb") as file:
        while at < len(octets):
            length = int.from_bytes(octets[at : at + 2])
            file.write(octets[at : at + 2] + octets[at + 3 : at + 3 + length])
            at += 3 + length
    return stream


def _ask(server: Process, port: int, questions: Path, seconds: float) -> Run:
    _, core = cores()
    command = ["taskset", "-c", str(core), *_options(questions, seconds), "-s", "127.0.0.1", "-p", str(port)]
    server_s, own_s = server.used_s(), _children_s()
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    server_s, own_s = server.used_s() - server_s, _children_s() - own_s
    if run.returncode != 0:
        raise programs.LoadFailed(f"{' '.join(command)}: {run.stderr.strip()}")
    return read(run.stdout, own_s, server_s)


def _options(questions: Path, seconds: float) -> list[str]:
    return ["dnsperf", "-B", "-d", str(questions), "-l", f"{seconds:g}", "-q", str(programs.WINDOW), "-t", "2"]


def _version() -> str:
    help_page = subprocess.run(["dnsperf", "-h"], capture_output=True, text=True, check=False)
    match = re.search(r"^Version (\S+)", help_page.stdout + help_page.stderr, re.MULTILINE)
    return f"dnsperf {match[1]}" if match else "dnsperf"


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read(said: str, dnsperf_s: float, server_s: float) -> Run:
    """What dnsperf prints at its end, with the processor time (seconds) that the two programs used."""

    def found(what: str) -> str:
        match = re.search(rf"^\s*{what}:\s+(.*)$", said, re.MULTILINE)
        if match is None:
            raise Unreadable(f"dnsperf printed no {what!r}: {said[-500:]}")
        return match[1]

    took_s = float(found(r"Run time \(s\)"))
    rcodes = {rcode: int(count) for rcode, count in re.findall(r"([A-Z0-9]+) (\d+) \(", found("Response codes"))}
    lost = int(found("Queries lost").split()[0])
    per_s = float(found("Queries per second"))
    return Run(per_s, lost, rcodes, dnsperf_s / took_s, server_s / took_s)
