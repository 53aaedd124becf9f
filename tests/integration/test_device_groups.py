"""A device in a group, from its lease to its answer: a real server, a real `identity`, a real `control`."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import READY_WITHIN_S, Serving
from tests.program.forked import Forked
from tests.waiting import PATIENT_S, until

from schoolgate.identity.bindings_file import path_of, read_bindings
from schoolgate.identity.group_file import path_of_groups

LOST, FOUND = "00:00:5e:00:53:01", "00:00:5e:00:53:02"
NAME = "www.example.org"
GROUPS = """
[policies.nothing]
extends = "strict"
unknown = "deny"

[groups.lost]
policy = "nothing"

[groups.staff]
policy = "open"
"""


def own_address() -> str:
    """An address of this machine that is not loopback: a client of a school has one. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        try:
            door.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(door.getsockname()[0])


class School:
    """A server whose clients have leases."""

    def __init__(self, serving: Serving, folder: Path) -> None:
        self.serving, self.leases, self.log = serving, folder / "leases", folder / "identity.log"
        self.client = own_address()
        self.identity: Forked | None = None

    def start_identity(self) -> None:
        with self.log.open("ab") as log:
            self.identity = Forked(["identity", "--config", str(self.serving.config)], log, log, os.environ)

    def end_identity(self, number: signal.Signals) -> None:
        process, self.identity = self.identity, None
        if process is not None:
            process.send_signal(number)
            process.wait(PATIENT_S)

    def lease(self, mac: str, lasts_s: int = 3600) -> None:
        """The address has one lease, of this device."""
        fresh = self.leases.with_suffix(".new")
        fresh.write_text(f"{int(time.time()) + lasts_s} {mac} {self.client} ipad *\n")
        fresh.rename(self.leases)

    def until_bound(self, mac: str) -> None:
        def is_so() -> bool:
            found = read_bindings(self.serving.state).bindings.get(self.client)
            return found is not None and found.device == f"mac:{mac}"

        until(is_so, self.log.read_text, READY_WITHIN_S, process=self.identity)

    def until_answered(self, rcode: int, name: str = NAME) -> None:
        until(lambda: self.rcode(name) == rcode, self.serving.said, READY_WITHIN_S)

    def rcode(self, name: str = NAME) -> int:
        return int(self.serving.ask(name, source=self.client).rcode())

    def devices(self, *words: str) -> None:
        run = self.serving.cli("devices", *words)
        assert run.returncode == 0, run.stderr


@pytest.fixture
def school(start: Start, tmp_path: Path) -> Iterator[School]:
    address = own_address()
    source = f'[identity]\nread_every_s = 1\n[[identity.sources]]\nkind = "dnsmasq"\npath = "{tmp_path / "leases"}"\n'
    policy = POLICY.replace('["127.0.0.0/8"]', f'["127.0.0.0/8", "{address}/32"]')
    policy = policy.replace('["127.0.0.1/32"]', f'["127.0.0.1/32", "{address}/32"]')
    made = School(start(policy=policy + GROUPS, settings=source), tmp_path)
    made.lease(LOST)
    made.start_identity()
    yield made
    made.end_identity(signal.SIGKILL)


def test_a_lost_device_is_denied_and_the_next_holder_of_its_address_is_not(school: School) -> None:
    assert school.rcode() == 0
    school.devices("lost", LOST)
    school.until_answered(3)
    said = school.serving.control("explain", name=NAME, qtype=1, client=school.client, local="127.0.0.1", local_port=53)
    assert "lost" in str(said)
    school.lease(FOUND)
    school.until_answered(0)
    school.lease(LOST)
    school.until_answered(3)
    school.devices("lost", LOST, "--found")
    school.until_answered(0)


def test_a_group_with_a_laxer_policy_opens_nothing(school: School) -> None:
    assert school.rcode("denied.example.org") == 3
    school.devices("group", LOST, "staff")
    until(lambda: school.serving.control("status")["device_groups"]["addresses"], school.serving.said, READY_WITHIN_S)
    assert school.rcode("denied.example.org") == 3


def test_with_identity_killed_the_group_lasts_as_long_as_the_lease(school: School) -> None:
    school.devices("group", LOST, "Lost")
    school.until_answered(3)
    school.lease(LOST, lasts_s=8)
    until(
        lambda: read_bindings(school.serving.state).bindings[school.client].until_us < (time.time() + 60) * 1e6,
        school.log.read_text, READY_WITHIN_S, process=school.identity,
    )  # fmt: skip
    school.end_identity(signal.SIGKILL)
    school.until_answered(0)


@pytest.mark.parametrize("file", [path_of, path_of_groups])
def test_a_damaged_file_gives_the_policy_of_the_network_and_is_said(school: School, file: object) -> None:
    school.devices("lost", LOST)
    school.until_answered(3)
    school.end_identity(signal.SIGKILL)
    path = file(school.serving.state)  # type: ignore[operator]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    school.until_answered(0)
    assert any(str(path) in problem for problem in school.serving.control("status")["problems"])
    path.write_bytes(whole)
    school.until_answered(3)
