"""What systemd hears of us (sd_notify(3)), over a real socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from schoolgate.telemetry import ServiceManager


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.delenv("WATCHDOG_USEC", raising=False)
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        yield sock


def test_readiness_is_told_with_a_status(systemd: socket.socket) -> None:
    with closing(ServiceManager()) as manager:
        manager.ready("answering on 127.0.0.1:5300")
    assert systemd.recv(4096) == b"READY=1\nSTATUS=answering on 127.0.0.1:5300"


def test_a_long_start_asks_for_time(systemd: socket.socket) -> None:
    with closing(ServiceManager()) as manager:
        manager.starting_takes_long()
    said = dict(line.split("=") for line in systemd.recv(4096).decode().splitlines())
    assert int(said["EXTEND_TIMEOUT_USEC"]) >= 1_800_000_000


def test_a_reload_is_told_with_the_moment_it_began(systemd: socket.socket) -> None:
    with closing(ServiceManager()) as manager:
        manager.reloading()
    said = dict(line.split("=") for line in systemd.recv(4096).decode().splitlines())
    assert said["RELOADING"] == "1"
    assert int(said["MONOTONIC_USEC"]) > 0


def test_stopping_and_living_are_told(systemd: socket.socket) -> None:
    with closing(ServiceManager()) as manager:
        manager.stopping()
        manager.alive()
    assert systemd.recv(4096).startswith(b"STOPPING=1")
    assert systemd.recv(4096) == b"WATCHDOG=1"


def test_without_a_service_manager_nothing_happens() -> None:
    manager = ServiceManager({})
    manager.ready("")
    manager.alive()
    assert manager.feed_every_s is None


@pytest.mark.parametrize(
    ("environ", "expected_s"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 20.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 20.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_thrice_a_period(
    systemd: socket.socket, environ: dict[str, str], expected_s: float | None
) -> None:
    with closing(ServiceManager({"NOTIFY_SOCKET": os.environ["NOTIFY_SOCKET"], **environ})) as manager:
        assert manager.feed_every_s == expected_s
