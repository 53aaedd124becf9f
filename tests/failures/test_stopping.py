"""SIGTERM while questions come in and answers are owed: what is owed goes out, and the process ends."""

from __future__ import annotations

import signal
import socket
import threading

import dns.message
import dns.rcode
from tests.failures.conftest import MakeSchool
from tests.failures.school import BLOCKED, ENDED_WITHIN_S, UNLIMITED, School
from tests.failures.upstream import Upstream
from tests.waiting import PATIENT_S, until

SLOW_S = 0.6


def test_sigterm_under_load_ends_it_cleanly_and_sends_what_is_owed_over_tcp(school: MakeSchool) -> None:
    with Upstream() as upstream:
        upstream.delay_s = SLOW_S
        here = school(forwarders=upstream.quoted)
        query = dns.message.make_query("owed.example.org", "A").to_wire()
        load = Load(here)
        load.start()
        with socket.create_connection(("127.0.0.1", here.port), PATIENT_S) as client:
            client.sendall(len(query).to_bytes(2) + query)
            until(lambda: upstream.times_asked("owed") and load.answered)
            assert here.process is not None
            here.process.send_signal(signal.SIGTERM)
            answer = client.makefile("rb").read()
        assert answer[2:4] == query[:2]
        assert answer[5] & 0x0F in (dns.rcode.NOERROR, dns.rcode.SERVFAIL)
        code = here.process.wait(ENDED_WITHIN_S)
        load.stop()
        assert code == 0, here.said()
        assert "stopped" in here.said()
        assert not here.control_socket.exists()


class Load(threading.Thread):
    """Sends blocked names as fast as it can, until told to stop."""

    def __init__(self, here: School) -> None:
        super().__init__(daemon=True)
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((UNLIMITED, 0))
        self._sock.connect(("127.0.0.1", here.port))
        self._sock.settimeout(0.2)
        self._is_stopped = threading.Event()
        self.answered = 0

    def run(self) -> None:
        query = dns.message.make_query(BLOCKED, "A").to_wire()
        while not self._is_stopped.is_set():
            try:
                self._sock.send(query)
                self._sock.recv(4096)
                self.answered += 1
            except OSError:  # it has ended
                self._is_stopped.wait(0.01)

    def stop(self) -> None:
        self._is_stopped.set()
        self.join(PATIENT_S)
        self._sock.close()
