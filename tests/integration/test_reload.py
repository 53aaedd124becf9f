"""A reload reads everything anew; a broken file keeps all that is in force; no query is lost meanwhile."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path

import dns.message
import dns.query
from tests.integration.conftest import Start
from tests.integration.policies import POLICY, STRICTER
from tests.integration.serving import Serving, texts
from tests.integration.upstream_thread import UpstreamThread
from tests.waiting import PATIENT_S


def local_record(address: str) -> str:
    return f'[local]\nrecords = "printer.school.example. 300 IN A {address}"\n'


def test_a_changed_local_record_is_answered_after_a_reload(start: Start) -> None:
    school = start(settings=local_record("10.0.0.9"))
    assert texts(school.ask("printer.school.example")) == ["10.0.0.9"]
    text = school.config.read_text(encoding="utf-8")
    school.config.write_text(text.replace("10.0.0.9", "10.0.0.10"), encoding="utf-8")
    run = school.cli("reload")
    assert run.returncode == 0, run.stderr
    assert "local.records changed" in run.stdout
    assert texts(school.ask("printer.school.example")) == ["10.0.0.10"]


def test_a_broken_configuration_keeps_the_one_in_force_and_says_so(start: Start) -> None:
    school = start(settings=local_record("10.0.0.9"))
    good = school.config.read_text(encoding="utf-8")
    school.config.write_text(good + "[forwarderz]\n", encoding="utf-8")
    run = school.cli("reload", config=write_elsewhere(school, good))
    assert run.returncode == 1
    assert "forwarderz" in run.stderr
    assert texts(school.ask("printer.school.example")) == ["10.0.0.9"]
    status = school.control("status")
    assert status["last_reload"]["ok"] is False
    assert any("forwarderz" in problem for problem in status["problems"])
    school.config.write_text(good, encoding="utf-8")
    assert school.cli("reload").returncode == 0
    assert school.problems() == []


def write_elsewhere(school: Serving, text: str) -> Path:
    """A good file for the command itself, which must find the socket; the service reads its own."""
    path = school.folder / "good.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_sighup_reloads_too(start: Start) -> None:
    school = start(settings=local_record("10.0.0.9"))
    text = school.config.read_text(encoding="utf-8")
    school.config.write_text(text.replace("10.0.0.9", "10.0.0.10"), encoding="utf-8")
    school.signal(signal.SIGHUP)
    school.until(lambda: texts(school.ask("printer.school.example")) == ["10.0.0.10"])


def test_other_forwarders_are_asked_after_a_reload(start: Start, upstream: UpstreamThread) -> None:
    school = start(settings='[forwarders]\nservers = ["127.0.0.1:1"]\n')
    assert school.rcode("other.example.org") == "SERVFAIL"
    text = school.config.read_text(encoding="utf-8")
    school.config.write_text(text.replace("127.0.0.1:1", f"127.0.0.1:{upstream.port}"), encoding="utf-8")
    assert school.cli("reload").returncode == 0
    assert school.rcode("another.example.org") == "NOERROR"


def test_a_setting_that_needs_a_restart_is_named_and_left(start: Start) -> None:
    school = start()
    text = school.config.read_text(encoding="utf-8")
    school.config.write_text(text.replace("workers = 1", "workers = 2"), encoding="utf-8")
    run = school.cli("reload")
    assert run.returncode == 0
    assert "server.workers" in run.stderr
    status = school.control("status")
    assert status["waits_for_restart"] == ["server.workers"]
    assert status["workers"] == 1


def test_a_list_of_the_school_counts_after_a_build(start: Start) -> None:
    school = start(policy=POLICY)
    assert school.rcode("our-games.example.net") == "NOERROR"
    (school.folder / "ours.txt").write_text("our-games.example.net\n", encoding="utf-8")
    text = school.config.read_text(encoding="utf-8")
    extra = '[lists]\nextra = [{ path = "ours.txt", category = "gambling", match = "suffix" }]\n'
    school.config.write_text(text + extra, encoding="utf-8")
    run = school.cli("lists", "build")
    assert run.returncode == 0, run.stderr
    assert "the running service now decides by serial 2" in run.stdout
    assert school.rcode("www.our-games.example.net") == "NXDOMAIN"


def test_lists_that_cannot_be_built_leave_those_in_force(start: Start) -> None:
    school = start(policy=POLICY)
    text = school.config.read_text(encoding="utf-8")
    extra = '[lists]\nextra = [{ path = "missing.txt", category = "gambling", match = "suffix" }]\n'
    school.config.write_text(text + extra, encoding="utf-8")
    run = school.cli("lists", "build")
    assert run.returncode == 1
    assert "missing.txt" in run.stderr
    assert "the lists in force stay: serial 1" in run.stderr
    assert school.control("status")["lists"]["serial"] == 1


def test_no_query_is_lost_while_policies_lists_and_settings_change(start: Start) -> None:
    school = start(policy=POLICY)
    client = SteadyClient(school.port)
    client.start()
    try:
        for number in range(4):
            text = STRICTER if number % 2 == 0 else POLICY
            (school.folder / "next.toml").write_text(text + f"# {number}\n", encoding="utf-8")
            assert school.cli("policy", "apply", school.folder / "next.toml", "--reason", "load").returncode == 0
            assert school.control("reload")["ok"]
        assert school.cli("lists", "build").returncode == 0
    finally:
        client.stop()
    assert client.answered > 100
    assert client.lost == [], school.control("status")["counters"]
    assert client.wrong == []


class SteadyClient(threading.Thread):
    """Asks for denied, allowed and never-asked names, one after another, until it is stopped."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._is_stopped = threading.Event()
        self.answered = 0
        self.lost: list[str] = []
        self.wrong: list[str] = []

    def run(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(PATIENT_S)
            sock.connect(("127.0.0.1", self._port))
            while not self._is_stopped.is_set():
                fresh = f"fresh-{self.answered}.example.org"
                for name, rcode in (("denied.example.org", 3), ("www.example.org", 0), (fresh, 0)):
                    self._ask(sock, name, rcode)

    def _ask(self, sock: socket.socket, name: str, rcode: int) -> None:
        query = dns.message.make_query(name, "A")
        sock.send(query.to_wire())
        try:
            answer = dns.message.from_wire(sock.recv(4096))
        except TimeoutError:
            self.lost.append(name)
            return
        self.answered += 1
        if answer.rcode() != rcode or answer.id != query.id:
            self.wrong.append(f"{name}: {answer.rcode()}")

    def stop(self) -> None:
        self._is_stopped.set()
        self.join(2 * PATIENT_S)
