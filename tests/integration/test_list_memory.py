"""New lists take the place of the old ones in memory too: a server that updates its lists every night does not grow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.integration.conftest import Start

# Large enough that their table is kept in huge pages, which is how it is known from outside.
NAMES = 130_000
LISTS = '[lists]\nextra = [{ path = "own.txt", category = "gambling", match = "suffix" }]\n'


def tables_octets(pid: int) -> int:
    """Room of the memory for which huge pages were asked (proc_pid_smaps(5), flag `hg`)."""
    text = Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8")
    sizes = re.findall(r"^Size: +(\d+) kB$", text, re.MULTILINE)
    flags = re.findall(r"^VmFlags: (.*)$", text, re.MULTILINE)
    return sum(int(size) * 1024 for size, flag in zip(sizes, flags, strict=True) if "hg" in flag.split())


def test_lists_that_were_replaced_leave_memory(start: Start) -> None:
    school = start(settings=LISTS, is_started=False)

    def write(generation: int) -> None:
        names = "\n".join(f"casino-{number}.gen{generation}.example" for number in range(NAMES))
        (school.folder / "own.txt").write_text(f"{names}\n", encoding="ascii")
        run = school.cli("lists", "build")
        assert run.returncode == 0, run.stderr

    write(0)
    school.start()
    assert school.process is not None
    first = tables_octets(school.process.pid)
    if first == 0:
        pytest.skip("this kernel gives no huge pages on request")
    for generation in range(1, 4):
        write(generation)
        assert school.rcode(f"casino-7.gen{generation}.example") == "NXDOMAIN"
        assert school.rcode(f"casino-7.gen{generation - 1}.example") == "NOERROR"
        # A page or two of the allocator's own, more or less.
        assert tables_octets(school.process.pid) == pytest.approx(first, rel=0.05)
