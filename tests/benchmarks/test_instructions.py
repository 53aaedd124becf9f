"""The gate of instruction counts: what it adds up, and when it fails."""

from __future__ import annotations

from benchmarks.instructions.__main__ import differences
from benchmarks.instructions.callgrind import own_cost

# As callgrind writes it with --compress-strings=no: own costs, a call with the cost below it, the C library's own.
_WRITTEN = """\
ob=/build/release/counted
fl=/src/counted.rs
fn=measured_peek
0 30
fi=/src/peek.rs
0 12
cob=/usr/lib/libc.so.6
cfi=???
cfn=__memcpy_avx_unaligned
calls=7 0
0 700

ob=/usr/lib/libc.so.6
fl=???
fn=__memcpy_avx_unaligned
0 700

totals: 742
"""


def test_the_c_library_is_not_counted() -> None:
    assert own_cost(_WRITTEN, "counted") == 42


def test_a_part_within_three_percent_passes() -> None:
    assert differences({"peek": 102.9}, {"peek": 100.0}) == []


def test_a_part_that_costs_more_or_less_is_named() -> None:
    found = differences({"peek": 104.0, "decide": 90.0}, {"peek": 100.0, "decide": 100.0})
    assert [line.partition(":")[0] for line in found] == ["peek", "decide"]


def test_parts_that_come_or_go_are_named() -> None:
    assert len(differences({"new": 1.0}, {"old": 1.0})) == 2
