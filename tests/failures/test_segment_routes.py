"""A network that cannot reach the server turns red, and one whose address is gone is said to be checked no more."""

from __future__ import annotations

import subprocess
import sys

import orjson
from tests.failures.conftest import MakeSchool
from tests.failures.namespaces import inside_network, needs_network, with_network
from tests.failures.school import READY_WITHIN_S

POLICY = """\
format = 1
allowed_clients = ["10.0.0.0/8"]
strictest = "strict"
[policies.strict]
categories = { gambling = "deny" }
[segments.pupils]
prefixes = ["10.2.0.0/24"]
policy = "strict"
[segments.staff]
prefixes = ["10.3.0.0/24"]
policy = "strict"
"""
# What must be open is answered from here: in a network of its own there is no forwarder.
ANSWERS = '[local]\nrecords = """\nwww.childline.org.uk. 60 IN A 192.0.2.1\npool.ntp.org. 60 IN A 192.0.2.2\n"""\n'
NETWORK = "ip link set lo up\nip addr add 10.2.0.1/24 dev lo\nip addr add 10.3.0.1/24 dev lo"
CHECK = """
import datetime, json, subprocess, sys
from pathlib import Path
from schoolgate.checks.segment_check import check_segments
from schoolgate.config import load
config = Path(sys.argv[1])
def told():
    found = check_segments(config, load(config), datetime.datetime.now(datetime.UTC))
    return {one.segment: [one.state, one.reason] for one in found.networks}
def ip(*words):
    subprocess.run(["ip", *words], check=True)
before = told()
ip("rule", "add", "pref", "50", "from", "10.3.0.1", "prohibit")
ip("rule", "add", "pref", "100", "lookup", "local")
ip("rule", "del", "pref", "0")
without_route = told()
ip("addr", "del", "10.3.0.1/24", "dev", "lo")
print(json.dumps([before, without_route, told()]))
"""


@needs_network
def test_a_missing_route_and_a_missing_address_are_found_in_the_network_that_has_them(school: MakeSchool) -> None:
    made = school(forwarders='"10.2.0.9:1"', is_started=False, listen="10.2.0.1:5300", policy=POLICY, settings=ANSWERS)
    made.start(wrap=with_network(NETWORK))
    told = subprocess.run(
        [*inside_network(made.pid), sys.executable, "-c", CHECK, str(made.config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=READY_WITHIN_S,
    )
    assert told.returncode == 0, told.stderr
    before, without_route, without_address = orjson.loads(told.stdout)
    assert before == {"pupils": ["good", ""], "staff": ["good", ""]}
    assert without_route["pupils"] == without_address["pupils"] == ["good", ""]
    state, reason = without_route["staff"]
    assert state == "failed"
    assert "no answer" in reason
    assert without_address["staff"] == [
        "not covered", "not checked from inside: this machine has no address there",
    ]  # fmt: skip
