"""What a figure was measured on: without it, a figure means nothing."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.names import CHECKOUT


@dataclass(frozen=True)
class Machine:
    """Machine, kernel, versions and commit. `load` is the load average at the beginning: near 0, or it is noise."""

    processor: str
    cores: int
    memory_mib: int
    hypervisor: str
    kernel: str
    python: str
    rustc: str
    commit: str
    is_dirty: bool
    at: str
    load: float

    def as_dict(self) -> dict[str, object]:
        return asdict(self)

    def lines(self) -> list[str]:
        """For a page of results."""
        where = f"{self.processor}, {self.cores} cores, {self.memory_mib:,} MiB" + (
            f", virtual ({self.hypervisor})" if self.hypervisor else ""
        )
        dirty = " with uncommitted changes" if self.is_dirty else ""
        return [
            f"- Machine: {where}",
            f"- Kernel: {self.kernel}; Python {self.python}; {self.rustc}",
            f"- Commit: {self.commit}{dirty}",
            f"- When: {self.at} (UTC); load average at the start {self.load:.2f}"
            + (" — **not quiet, so the figures are noisy**" if self.load > 0.5 else ""),
        ]


def describe() -> Machine:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=models[0] if models else platform.machine(),
        cores=os.cpu_count() or 1,
        memory_mib=pages >> 20,
        hypervisor=_said("systemd-detect-virt") if "hypervisor" in info else "",
        kernel=f"{platform.system()} {platform.release()}",
        python=sys.version.split()[0],
        rustc=_said("rustc", "--version"),
        commit=_said("git", "rev-parse", "--short=12", "HEAD") or "unknown",
        is_dirty=bool(_said("git", "status", "--porcelain", "--", "rust", "python", "Cargo.lock")),
        at=dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M"),
        load=os.getloadavg()[0],
    )


def _said(*command: str) -> str:
    try:
        run = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=20)
    except OSError:
        return ""
    return run.stdout.strip()
