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
from tests.integration.serving import ANSWER_WITHIN_S, READY_WITHIN_S, STOPPED_WITHIN_S, Serving

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
        serving.process = serving.launch()
        return serving

    return launch


def _first_answer(serving: Serving, name: str) -> dns.message.Message:
    """To the first question that finds the port open."""
    query = dns.message.make_query(name, "A", use_edns=0).to_wire()
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        assert serving.process is not None
        assert serving.process.poll() is None, serving.said()
        with contextlib.suppress(ConnectionRefusedError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(ANSWER_WITHIN_S)
            sock.connect(("127.0.0.1", serving.port))
            sock.send(query)
            return dns.message.from_wire(sock.recv(4096))
    raise TimeoutError(serving.said())


def test_the_very_first_answer_is_filtered_and_tcp_is_open_by_then(launched: Callable[[], Serving]) -> None:
    serving = launched()
    assert _first_answer(serving, LISTED).rcode() == dns.rcode.NXDOMAIN
    assert serving.ask(LISTED, tcp=True).rcode() == dns.rcode.NXDOMAIN


def test_what_must_be_asked_elsewhere_waits_for_the_event_loop_and_is_answered(launched: Callable[[], Serving]) -> None:
    serving = launched()
    assert _first_answer(serving, "www.example.org").rcode() == dns.rcode.NOERROR


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
        timeout=STOPPED_WITHIN_S,
    )
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert "schoolgate" in loaded
    assert loaded & LATER == set()
