"""The control process and its socket: what callers may send, a flood of them, and SIGKILL at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from tests.failures.control_process import Control, request
from tests.waiting import PATIENT_S

from schoolgate.operations.socket_messages import LARGEST_REQUEST_OCTETS
from schoolgate.operations.socket_service import MOST_OF_ONE_USER

OPEN = '[policies.all]\n[segments.all]\nnetworks = ["127.0.0.0/8"]\npolicy = "all"\n'


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(tmp_path)
    made.start()
    yield made
    assert made.process is not None
    if made.process.poll() is None:
        assert made.end() == 0, made.log.read_text()
    assert "Traceback" not in made.log.read_text()


GARBAGE = {
    "noise": b"\x00\xff\xfe\n",
    "no JSON": b"status\n",
    "a list": b"[1, 2, 3]\n",
    "no operation": b"{}\n",
    "an operation that is a number": b'{"operation": 7}\n',
    "arguments that are a list": b'{"operation": "policy.show", "arguments": [1]}\n',
    "an unknown operation": b'{"operation": "policy.burn", "arguments": {}}\n',
    "deeply nested": b"[" * 30_000 + b"\n",
    "too long": b'{"operation": "' + b"x" * LARGEST_REQUEST_OCTETS + b'"}\n',
}


def test_a_request_that_makes_no_sense_is_refused_with_a_reason(control: Control) -> None:
    for what, octets in GARBAGE.items():
        reply = control.ask(octets)
        assert reply["ok"] is False, what
        assert reply["error"]["message"], what
        assert reply["error"]["type"] != "Defect", what
    assert control.ask(request("policy.revisions"))["ok"] is True


def test_a_caller_claims_no_role(control: Control) -> None:
    """What stands beside operation and arguments is not read; who calls, the kernel says."""
    claim = {"actor": "account:head", "roles": ["head"], "uid": 4_711}
    octets = orjson.dumps({"operation": "policy.block", "arguments": {"name": "example.com"}, **claim}) + b"\n"
    reply = control.ask(octets)
    assert reply["ok"] is True, reply
    begun, done = control.audit()[-2:]
    assert (begun["actor"], done["actor"]) == (f"uid:{os.getuid()}", f"uid:{os.getuid()}")
    forged = request("policy.revisions", session="0" * 64)
    assert control.ask(forged)["error"]["type"] == "SessionEnded", "root has no role behind a session"


def test_roles_of_the_settings_count_at_once(control: Control) -> None:
    with control.config.open("a", encoding="utf-8") as file:
        file.write('[operations]\nlocal_roles = ["data_protection_officer"]\n')
    reply = control.ask(request("policy.block", {"name": "example.com"}))
    assert (reply["ok"], reply["error"]["type"]) == (False, "NotPermitted")
    assert "network manager" in reply["error"]["message"]
    assert control.ask(request("policy.revisions"))["ok"] is True


def test_a_flood_of_connections_keeps_out_nobody_for_long(control: Control) -> None:
    idle = []
    try:
        for _ in range(3 * MOST_OF_ONE_USER):
            idle.append(control.connected())
    finally:
        for one in idle:
            one.close()
    control.until(lambda: _answers(control))


def _answers(control: Control) -> bool:
    try:
        return control.ask(request("policy.revisions"))["ok"] is True
    except (OSError, AssertionError):
        return False


def test_what_was_begun_ends_though_the_caller_hangs_up(control: Control) -> None:
    with control.connected() as client:
        client.sendall(request("policy.block", {"name": "example.com"}))
    control.until(lambda: [one["outcome"] for one in control.audit()][-2:] == ["begun", "done"])
    assert "example.com" in control.cli("policy", "show").stdout


def test_killed_at_any_moment_no_change_is_half(control: Control) -> None:
    """Each revision that is stored was begun on record; what was begun and not ended is said at the next start."""
    for delay_s in (0.0, 0.05, 0.2, 0.4):
        with control.connected() as client:
            client.sendall(request("policy.block", {"name": f"n{int(delay_s * 100)}.example.com"}))
            time.sleep(delay_s)
            control.end(signal.SIGKILL)
        control.start()
    entries = control.audit()
    begun = {one["number"] for one in entries if one["outcome"] == "begun"}
    ended = {one["detail"]["begun"] for one in entries if "begun" in one["detail"]}
    interrupted = {
        n for one in entries if one["operation"] == "operation.interrupted" for n in one["detail"]["entries"]
    }
    assert begun == ended | interrupted
    assert not ended & interrupted
    revisions = control.ask(request("policy.revisions"))["result"]
    assert len(revisions) <= len(begun)
    assert control.ask(request("policy.files"))["result"]["problem"] is None
    assert control.cli("audit", "verify").returncode == 3, "sound, and nothing from outside was given"


def test_the_command_line_works_with_it_and_without_it(control: Control) -> None:
    control.policy.write_text(control.cli("policy", "templates", "primary-school").stdout, encoding="utf-8")
    with_it = control.cli("policy", "apply", str(control.policy), "--reason", "with it")
    assert "stored as revision 1" in with_it.stdout, with_it.stderr
    assert control.end() == 0
    assert not (control.state / "operations.sock").exists()
    without = control.cli("policy", "block", "example.com")
    assert "stored as revision 2" in without.stdout, without.stderr
    control.start()
    assert [one["outcome"] for one in control.audit()] == ["begun", "done"] * 2


def test_two_editors_do_not_overwrite_each_other(control: Control) -> None:
    text = control.cli("policy", "templates", "primary-school").stdout
    control.policy.write_text(text, encoding="utf-8")
    assert control.cli("policy", "apply", str(control.policy), "--reason", "first", "--expected", "0").returncode == 0
    assert control.cli("policy", "block", "example.com").returncode == 0
    control.policy.write_text(text + "\n# mine\n", encoding="utf-8")
    stale = control.cli("policy", "apply", str(control.policy), "--reason", "mine", "--expected", "1")
    assert stale.returncode == 1
    assert "revision 2 is the latest" in stale.stderr
    assert "example.com" in stale.stderr, "what changed meanwhile is shown"
    assert control.audit()[-1]["outcome"] == "refused"
    assert control.cli("policy", "apply", str(control.policy), "--reason", "mine", "--expected", "2").returncode == 0


def test_arguments_that_cannot_be_written_down_are_refused_with_and_without_it(control: Control) -> None:
    for _ in range(2):
        for strange in (("rollback", str(10**30), "--reason", "x"), ("block", os.fsdecode(b"\xff.example.org"))):
            run = control.cli("policy", *strange)
            assert run.returncode in (1, 2), run.stderr
            assert "Traceback" not in run.stderr and "defect" not in run.stderr
        if control.process is not None and control.process.poll() is None:
            assert control.end() == 0


def test_a_second_control_process_is_refused(control: Control) -> None:
    second = subprocess.run(
        [sys.executable, "-c", "from schoolgate.operations import control_process as c; c.STARTS_WITHIN_S = 0.2;"
         f"from pathlib import Path; c.run(Path({str(control.config)!r}))"],
        capture_output=True, text=True, check=False, timeout=PATIENT_S,
    )  # fmt: skip
    assert second.returncode != 0
    assert "another schoolgate" in second.stderr
    assert control.ask(request("policy.revisions"))["ok"] is True
