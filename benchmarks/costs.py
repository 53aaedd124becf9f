"""Where the time of a query goes: the server's processor time by what it is for, from samples of its call stacks.

`perf` (Debian: linux-perf) takes the samples. They are of processor time: of what a query costs, not of what it waits
for.
"""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks import generator_programs as programs
from benchmarks import machine, pages
from benchmarks import workloads as work
from benchmarks.plan import Plan, measured, say, setting
from benchmarks.processes import Process

SAMPLES_A_SECOND = 2000
Groups = tuple[tuple[str, tuple[str, ...]], ...]
# A sample in the kernel belongs to the first of these that has a word in any of its frames; one of ours to the first
# that has a word in the innermost frame for which there is one.
KERNEL: Groups = (
    ("kernel: receiving", ("__sys_recvmmsg", "do_recvmmsg")),
    ("kernel: sending, and the receiver's side of it", ("__sys_sendmmsg",)),
    ("kernel: waiting", ("do_sys_poll", "do_epoll", "schedule", "futex")),
    ("kernel: memory", ("asm_exc_page_fault", "mprotect", "madvise", "munmap", "mmap", "brk")),
)
OURS: Groups = (
    ("packet cache", ("schoolgate_plane::cache",)),
    ("judging the name", ("schoolgate_policy",)),
    ("reading and writing messages", ("schoolgate_wire", "domain::")),
    ("recording", ("schoolgate_querylog", "recording")),
    ("misses: pending, miss hub, exchanges", ("pending", "miss_hub", "exchange", "forwarding", "waiters")),
    ("malloc and free", ("malloc", "_int_free", "cfree", "unlink_chunk", "realloc")),
    ("Python", ("_Py", "Py", "uvloop")),
    ("the worker's own path", ("schoolgate_plane",)),
)
REST_KERNEL, REST_OURS = "kernel: other", "user mode, not told apart"

Stack = tuple[bool, Sequence[str]]


def run(plan: Plan) -> Path:
    """Hot, listed and mixed at full speed, mixed at half."""
    what = machine.describe()
    if shutil.which("perf") is None:
        raise SystemExit("benchmarks profile: perf is not installed (Debian: apt install linux-perf)")
    shares: dict[str, Counter[str]] = {}
    costs: dict[str, float] = {}

    def sample(title: str, load: Callable[[], programs.Load]) -> programs.Load:
        say(f"profile: {title}")
        samples = _Samples(process, plan.scratch / "perf.data")
        found = load()
        shares[title] = Counter(map(group, samples.stacks()))
        costs[title] = found.server_cores / found.right_per_s * 1e6
        return found

    with measured(plan) as one:
        process, port = one.running.process, one.running.port
        one.echo.pause()
        for salt, kind in enumerate(("hot", "listed", "mixed"), 700):
            file = work.build(kind, plan.names, plan.scratch / "queries")
            programs.warm(process, port, file)
            top = sample(kind, partial(programs.fastest, process, port, file, plan.seconds, salt))
        half = partial(programs.at_rate, process, port, file, top.right_per_s / 2, plan.seconds, 710)
        sample("mixed, half speed", half)
    titles = list(shares)
    share = {
        title: {name: count / counted.total() for name, count in counted.items()} for title, counted in shares.items()
    }
    names = sorted(
        {name for one in share.values() for name in one}, key=lambda name: -max(s.get(name, 0) for s in share.values())
    )
    rows = [[name, *(f"{costs[title] * share[title].get(name, 0):.2f}" for title in titles)] for name in names]
    rows.append(["all", *(f"{costs[title]:.2f}" for title in titles)])
    blocks = [
        "# Where the time of a query goes",
        "\n".join(setting(plan, what)),
        "Processor time of the whole server, microseconds a query: time used by its threads over answers, shared out"
        f" by call stacks ({SAMPLES_A_SECOND:,} samples a second; one run of each, which sampling slows down)."
        " Functions of ours are told apart where the module was built with its symbols.",
        pages.table(("", *titles), rows),
    ]
    figures = {"machine": what.as_dict(), "us_a_query": costs, "share": share}
    return pages.write(plan.out, "profile", blocks, figures, {})


class _Samples:
    """Samples of a process, from now until they are asked for."""

    def __init__(self, process: Process, file: Path) -> None:
        self._file = file
        command = ["perf", "record", "-q", "-g", "-F", str(SAMPLES_A_SECOND), "-p", str(process.pid), "-o", str(file)]
        self._perf = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stacks(self) -> Iterator[Stack]:
        """Whether in the kernel, and the functions, innermost first."""
        self._perf.terminate()
        self._perf.wait(30)
        command = ["perf", "script", "-i", str(self._file), "-F", "comm,ip,sym,dso"]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        return stacks_of(told.stdout.splitlines())


def stacks_of(lines: Iterable[str]) -> Iterator[Stack]:
    """Reads what `perf script -F comm,ip,sym,dso` prints: a line for the thread, one for each frame, an empty one."""
    frames: list[str] = []
    is_kernel = False
    for line in [*lines, ""]:
        if not line.strip():
            if frames:
                yield is_kernel, frames
            frames = []
        elif line[0].isspace():
            _, _, frame = line.strip().partition(" ")
            if not frames:
                is_kernel = "[kernel" in frame.rpartition(" (")[2]
            frames.append(frame)


def group(stack: Stack) -> str:
    """What a sample is for."""
    is_kernel, frames = stack
    if is_kernel:
        for name, words in KERNEL:
            if any(word in frame for frame in frames for word in words):
                return name
        return REST_KERNEL
    for frame in frames:
        for name, words in OURS:
            if any(word in frame for word in words):
                return name
    return REST_OURS
