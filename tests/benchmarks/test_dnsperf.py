"""What dnsperf is given, and what is read of what it prints."""

from __future__ import annotations

from pathlib import Path

import dns.message
import pytest
from benchmarks.dnsperf import Run, Unreadable, as_stream, read
from benchmarks.names import Names
from benchmarks.workloads import build

SAID = """\
Statistics:

  Queries sent:         9000
  Queries completed:    8990 (99.89%)
  Queries lost:         10 (0.11%)

  Response codes:       NOERROR 40 (0.44%), NXDOMAIN 8950 (99.56%)
  Average packet size:  request 40, response 60
  Run time (s):         2.000000
  Queries per second:   4495.000000
"""


def test_its_input_is_every_question_of_the_workload(tmp_path: Path) -> None:
    names = Names(["ads.example.com", "x.example.net"], ["www.example.org"], "of a test")
    octets, asked = as_stream(build("listed", names, tmp_path, 4).path).read_bytes(), []
    while octets:
        length = int.from_bytes(octets[:2])
        asked.append(dns.message.from_wire(octets[2 : 2 + length]).question[0].name.to_text(omit_final_dot=True))
        octets = octets[2 + length :]
    assert sorted(asked) == ["ads.example.com"] * 2 + ["x.example.net"] * 2


@pytest.mark.parametrize(
    ("dnsperf_s", "server_s", "limit"), [(1.98, 1.2, "dnsperf"), (1.98, 1.99, "server"), (1.2, 1.2, "neither")]
)
def test_its_figures_are_read_and_the_busy_one_of_two_is_the_limit(
    dnsperf_s: float, server_s: float, limit: str
) -> None:
    run = read(SAID, dnsperf_s, server_s)
    assert run == Run(4495.0, 10, {"NOERROR": 40, "NXDOMAIN": 8950}, dnsperf_s / 2, server_s / 2)
    assert run.limit == limit


def test_what_is_no_report_is_an_error() -> None:
    with pytest.raises(Unreadable, match="Response codes"):
        read("Run time (s):  2.0\n", 1.0, 1.0)
