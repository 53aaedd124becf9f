"""`status` says how things are, quickly, and that nothing is there when nothing is there."""

from __future__ import annotations

import socket
import stat
import time
from pathlib import Path

import orjson
from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import Serving


def test_nothing_running_is_exit_code_1_with_a_remedy(start: Start) -> None:
    school = start(is_started=False)
    run = school.cli("status")
    assert run.returncode == 1
    assert "schoolgate serve" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_service_that_does_not_answer_is_given_up_soon(start: Start) -> None:
    school = start(is_started=False)
    school.state.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(str(school.state / "control.sock"))
        deaf.listen()
        began = time.monotonic()
        run = school.cli("status", "--timeout", "0.5")
    assert run.returncode == 1
    assert "does not answer" in run.stderr
    assert time.monotonic() - began < 10


def test_serials_ages_workers_and_listeners_are_told(server: Serving) -> None:
    told = orjson.loads(server.cli("status", "--json").stdout)
    assert told["policy"]["revision"] == 1
    assert told["lists"]["serial"] == 1
    assert told["lists"]["names"] > 1000
    assert told["workers_alive"] == told["workers"] == 1
    assert told["listening"]["udp"] == told["listening"]["tcp"] == [f"127.0.0.1:{server.port}"]
    assert told["policy"]["in_force"] == {"pupils": "pupil", "staff": "staff", "guests": "guest"}
    assert told["problems"] == []


def test_a_person_reads_it_too(server: Serving) -> None:
    said = server.cli("status").stdout
    assert "policy      revision 1" in said
    assert "segment   pupils has policy pupil now" in said
    assert "1 of 1 alive" in said


def test_counters_move_with_questions(server: Serving) -> None:
    before = sum(server.control("status")["counters"].values())
    server.ask("counted.example.org")
    server.until(lambda: sum(server.control("status")["counters"].values()) > before)
    assert server.control("status")["forwarders"][0]["state"] == "up"


def test_a_dead_forwarder_is_told_and_blocked_names_are_answered(start: Start) -> None:
    school = start(settings='[forwarders]\nservers = ["127.0.0.1:1"]\n', policy=POLICY)
    assert school.rcode("www.example.org") == "SERVFAIL"
    assert school.rcode("denied.example.org") == "NXDOMAIN"


def test_with_no_forwarder_at_all_it_starts_and_says_so(start: Start, tmp_path: Path) -> None:
    school = start(settings='[forwarders]\nservers = ["127.0.0.1:1"]\n', policy=POLICY, is_started=False)
    # "system" on a machine whose resolv.conf names only ourselves cannot be had in a test; no server is the same.
    patch = tmp_path / "sitecustomize.py"
    patch.write_text(
        "import schoolgate.resolver.forwarding as upstreams\nupstreams.default_servers = lambda *_: ()\n",
        encoding="utf-8",
    )
    school.environ = {"PYTHONPATH": str(tmp_path)}
    school.start()
    assert any("there is no forwarder" in problem for problem in school.control("status")["problems"])
    assert school.rcode("www.example.org") == "SERVFAIL"
    assert school.rcode("denied.example.org") == "NXDOMAIN"


def test_the_control_socket_is_the_service_users_alone(server: Serving) -> None:
    assert stat.S_IMODE((server.state / "control.sock").stat().st_mode) == 0o600


def test_the_same_is_there_for_prometheus(server: Serving) -> None:
    run = server.cli("status", "--metrics")
    assert run.returncode == 0
    assert "schoolgate_policy_revision 1" in run.stdout
    assert "schoolgate_lists_serial 1" in run.stdout
