"""The control socket takes what anyone of the machine's admins may send by mistake, and goes on."""

from __future__ import annotations

import socket

import orjson
import pytest
from tests.failures.school import School
from tests.waiting import PATIENT_S, until

from schoolgate.control import ControlUnreachable

# What a request may have, and one more.
TOO_LONG = b'{"command": "' + b"x" * (64 * 1024) + b'"}\n'
GARBAGE = {
    "noise": b"\x00\xff\xfe\n",
    "no JSON": b"status\n",
    "a list": b"[1, 2, 3]\n",
    "no command": b"{}\n",
    "an unknown command": b'{"command": "shutdown"}\n',
    "a command that is a number": b'{"command": 7}\n',
    "arguments of the wrong kind": b'{"command": "explain", "name": 7, "type": "A"}\n',
    "a name that is none": b'{"command": "explain", "name": "a..b"}\n',
    "too long": TOO_LONG,
    "deeply nested": b"[" * 30_000 + b"\n",
}


def connected(here: School) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(PATIENT_S)
    client.connect(str(here.control_socket))
    return client


@pytest.mark.parametrize("what", GARBAGE)
def test_a_request_that_makes_no_sense_is_refused_with_a_reason(running: School, what: str) -> None:
    with connected(running) as client:
        client.sendall(GARBAGE[what])
        answer = orjson.loads(client.makefile("rb").readline())
    assert answer["ok"] is False
    assert answer["error"]
    assert "defect" not in answer["error"]
    assert running.filters()


def test_connections_that_say_nothing_keep_no_admin_out_of_the_dns(running: School) -> None:
    idle = [connected(running) for _ in range(40)]
    try:
        assert running.filters()
    finally:
        for one in idle:
            one.close()
    until(lambda: _answers(running))


def _answers(here: School) -> bool:
    try:
        return bool(here.status()["pid"] == here.pid)
    except ControlUnreachable:
        return False


def test_a_client_that_goes_away_half_way_is_no_defect(running: School) -> None:
    for half in (b"", b'{"command": ', b'{"command": "status"}\n'):
        with connected(running) as client:
            client.sendall(half)
    assert running.status()["pid"] == running.pid
