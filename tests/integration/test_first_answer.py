"""The first answer of a start: filtered like any other, at both doors, and waiting for nothing it does not need."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.rcode
import pytest
from tests.integration.conftest import Start
from tests.integration.serving import GUEST, READY_WITHIN_S, Serving

from schoolgate.querylog.switched_off import WITHOUT_ROWS_OCTETS

# A question can meet the socket that only tries whether the port is free.
AGAIN_AFTER_S = 0.5
LISTED = "gambling.blocked.example.com"
# Each is loaded later, or never by a server.
LATER = {
    "aiohttp",
    "asyncio",
    "cryptography",
    "duckdb",
    "prometheus_client",
    "rich",
    "ssl",
    "structlog",
    "tomlkit",
    "typer",
    "uvloop",
    "yarl",
}


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind(("127.0.0.1", 0))
        port: int = udp.getsockname()[1]
        tcp.bind(("127.0.0.1", port))
        return port


@pytest.fixture
def launched(start: Start) -> Callable[[], Serving]:
    """Starts a server whose lists are built, and does not wait for it."""

    def launch() -> Serving:
        serving = start(is_started=False)
        serving.port = _free_port()
        text = serving.config.read_text(encoding="utf-8")
        serving.config.write_text(text.replace("127.0.0.1:0", f"127.0.0.1:{serving.port}"), encoding="utf-8")
        assert serving.cli("lists", "build").returncode == 0
        serving.program = ("-m", "schoolgate")
        serving.process = serving.launch()
        return serving

    return launch


def _first_answer(serving: Serving, name: str) -> dns.message.Message:
    """To one of the first questions that find the port open."""
    query = dns.message.make_query(name, "A", use_edns=0).to_wire()
    deadline = time.monotonic() + READY_WITHIN_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        # Not from the server's own address: while its port is free, a socket could be given it and hear itself.
        sock.bind((GUEST, 0))
        sock.connect(("127.0.0.1", serving.port))
        sock.settimeout(AGAIN_AFTER_S)
        while time.monotonic() < deadline:
            assert serving.process is not None
            assert serving.process.poll() is None, serving.said()
            with contextlib.suppress(ConnectionRefusedError, TimeoutError):
                sock.send(query)
                return dns.message.from_wire(sock.recv(4096))
    raise TimeoutError(serving.said())


def test_the_very_first_answer_is_filtered_and_tcp_is_open_by_then(launched: Callable[[], Serving]) -> None:
    serving = launched()
    assert _first_answer(serving, LISTED).rcode() == dns.rcode.NXDOMAIN
    assert serving.ask(LISTED, tcp=True).rcode() == dns.rcode.NXDOMAIN


def test_what_must_be_asked_elsewhere_waits_for_the_event_loop_and_is_answered(launched: Callable[[], Serving]) -> None:
    serving = launched()
    answer = _first_answer(serving, "www.example.org")
    # On a busy machine it loads for longer than anybody waits; then, and only then, the first one hears SERVFAIL.
    assert answer.rcode() == dns.rcode.NOERROR or serving.control("status")["counters"]["expired"] > 0
    serving.until(lambda: serving.rcode("www.example.org") == "NOERROR")


def test_told_to_stop_while_it_still_loads_it_ends_cleanly_and_keeps_what_it_recorded(
    launched: Callable[[], Serving],
) -> None:
    serving = launched()
    _first_answer(serving, LISTED)
    serving.stop()  # SIGTERM; anything but 0 is a failure
    wals = list((serving.state / "log" / "wal").glob("*.wal"))
    assert sum(path.stat().st_size for path in wals) > WITHOUT_ROWS_OCTETS * len(wals)


def test_told_to_stop_where_an_exception_is_swallowed_it_ends_too(start: Start) -> None:
    serving = start(is_started=False)
    assert serving.cli("lists", "build").returncode == 0
    program = str(Path(__file__).with_name("ended_while_loading.py"))
    run = subprocess.run(
        [sys.executable, program, "serve", "--config", serving.config],
        capture_output=True, text=True, check=False, timeout=READY_WITHIN_S,
    )  # fmt: skip
    assert (run.returncode, "Traceback" in run.stderr) == (0, False), run.stderr


def test_the_first_answer_waits_for_nothing_it_does_not_need(start: Start) -> None:
    serving = start(is_started=False)
    assert serving.cli("lists", "build").returncode == 0
    run = subprocess.run(
        [
            sys.executable,
            str(Path(__file__).with_name("loaded_at_first_answer.py")),
            "serve",
            "--config",
            serving.config,
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=READY_WITHIN_S,
    )
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert "schoolgate" in loaded
    assert loaded & LATER == set()
