"""What a publication costs those who ask: new lists put in force under load."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from benchmarks import generator_programs as programs
from benchmarks import machine, pages, subject
from benchmarks import workloads as work
from benchmarks.names import made_up
from benchmarks.plan import Plan, measured, say, setting
from benchmarks.processes import Process
from benchmarks.servers import rcode
from benchmarks.spread import Spread

BAR_SWAP_P99, BAR_IN_FORCE_S, BAR_SWAP_MEMORY = 2.0, 0.1, 1.2
SWAP_RATE = 20_000
_NXDOMAIN = 3


def run(plan: Plan) -> Path:
    """A new list of the same size put in force under load, compiled before: what a publication costs those who ask."""
    what = machine.describe()
    file = work.build("mixed", plan.names, plan.scratch / "queries")
    only_new = "only-in-the-new-list.example"
    serial = 1000
    state = plan.scratch / "schoolgate" / "state"
    quiet_p99, swap_p99, worst, in_force, grown, lost = [], [], [], [], [], 0
    with measured(plan) as one:
        process, port = one.running.process, one.running.port
        programs.warm(process, port, file)
        one.echo.pause()
        for number in range(plan.rounds):
            candidates = [_next_list(plan, serial + at, only_new, at % 2 == 0) for at in (0, 1)]
            quiet = programs.at_rate(process, port, file, SWAP_RATE, plan.seconds, 500 + number)
            before = process.resident_mib()
            for at, candidate in enumerate(candidates):
                watch = _Watch(port, only_new, is_listed=at % 2 == 0)
                found = _swap_during(
                    plan, process, port, file, 600 + 2 * number + at, state, candidate, serial + at, watch
                )
                swap_p99.append(found.p99_us)
                worst.append(float(found.result["latency"]["max_us"]) / 1000)
                lost += int(found.result["lost"])
                in_force.append(watch.took_s)
                grown.append(watch.peak_of(process) / before if before else 1.0)
            quiet_p99.append(quiet.p99_us)
            serial += 2
            say(f"round {number + 1}: quiet p99 {quiet.p99_us:.0f} us, swap p99 {swap_p99[-1]:.0f} us, {lost} lost")
    quiet_s, swap_s, force_s, grown_s = (Spread.of(runs) for runs in (quiet_p99, swap_p99, in_force, grown))
    times = swap_s.median / quiet_s.median
    rows = [
        ["queries lost", str(lost), "0", pages.verdict(lost == 0)],
        ["p99 quiet, us", quiet_s.text(1), "", ""],
        ["p99 of the seconds around a swap, us", swap_s.text(1), f"<= {BAR_SWAP_P99:g}x quiet",
         pages.verdict(times <= BAR_SWAP_P99)],
        ["longest wait around a swap, ms", Spread.of(worst).text(2), "", ""],
        ["in force after publication, s", force_s.text(3), f"<= {BAR_IN_FORCE_S:g}",
         pages.verdict(force_s.median <= BAR_IN_FORCE_S)],
        ["memory, at most, as a multiple of before", grown_s.text(2), f"<= {BAR_SWAP_MEMORY:g}",
         pages.verdict(grown_s.greatest <= BAR_SWAP_MEMORY)],
    ]  # fmt: skip
    blocks = [
        f"# Swap: a new list of {len(plan.names.listed):,} names under {SWAP_RATE:,} q/s",
        "\n".join(setting(plan, what)),
        pages.table(("", "measured", "bar", ""), rows),
        "The list is compiled before, by another process, as `schoolgate lists build` does; the time is from the start"
        " of publication (file renamed, service told) to the first answer by the new list. The service reads and proves"
        " the file on the server's core, beside the one worker that answers.",
    ]
    figures = {"machine": what.as_dict(), "quiet_p99_us": quiet_s.as_dict(), "swap_p99_us": swap_s.as_dict(),
               "in_force_s": force_s.as_dict(), "memory_multiple": grown_s.as_dict(), "lost": lost}  # fmt: skip
    return pages.write(plan.out, "swap", blocks, figures, {})


class _Watch:
    """Asks for a name that one list knows and the other does not until the answer changes; follows memory meanwhile."""

    def __init__(self, port: int, name: str, is_listed: bool) -> None:
        self._port, self._name, self._is_listed = port, name, is_listed
        self._peaks: list[float] = []
        self.took_s = 0.0

    def follow(self, since: float, process: Process, deadline_s: float) -> None:
        while time.monotonic() < since + deadline_s:
            self._peaks.append(process.resident_mib())
            if (rcode(self._port, self._name, 0.5) == _NXDOMAIN) == self._is_listed:
                self.took_s = time.monotonic() - since
                return
            time.sleep(0.002)
        raise TimeoutError("the new list never came into force")

    def peak_of(self, process: Process) -> float:
        return max([*self._peaks, process.resident_mib()])


def _next_list(plan: Plan, serial: int, name: str, is_listed: bool) -> Path:
    """The names with a hundredth exchanged, as from one day to the next."""
    listed = plan.names.listed
    fresh = made_up(len(listed) // 100, serial)
    names = [*listed[len(fresh) :], *fresh, *([name] if is_listed else [])]
    subject.compiled_list(names, plan.scratch, serial)
    return plan.scratch / f"{serial}.new"


def _swap_during(
    plan: Plan,
    process: Process,
    port: int,
    file: work.Workload,
    salt: int,
    state: Path,
    candidate: Path,
    serial: int,
    watch: _Watch,
) -> programs.Load:
    """A run with a swap in its middle."""
    failed: list[BaseException] = []

    def change() -> None:
        try:
            time.sleep(plan.seconds / 2)
            since = time.monotonic()
            teller = threading.Thread(target=subject.publish, args=(state, candidate, serial))
            teller.start()
            watch.follow(since, process, 30.0)
            teller.join()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=change)
    thread.start()
    found = programs.at_rate(process, port, file, SWAP_RATE, plan.seconds, salt, slice_ms=100)
    thread.join()
    if failed:
        raise failed[0]
    return found
