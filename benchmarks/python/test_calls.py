"""Time of the calls that Python makes of the core. `pytest benchmarks/python [--listed 1000000]`."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.workloads import A, packet

from schoolgate._core import (
    ForwarderAddress,
    ForwarderShare,
    ListFile,
    Plane,
    PolicyTable,
    Snapshot,
    compile_snapshot,
    explain,
)

# Misses between two ticks.
BATCH = 64
# Within what one client may ask at once (rust/plane/src/answer.rs).
ROUNDS = 12


def test_a_snapshot_is_opened(benchmark: Any, compiled: Any) -> None:
    assert benchmark(Snapshot.open, str(compiled.path)).entries > 0


def test_lists_are_compiled(benchmark: Any, compiled: Any, tmp_path: Path) -> None:
    inputs = [ListFile(compiled.text, "benchmark", "gambling", reviewed=True)]
    benchmark.pedantic(compile_snapshot, (inputs, str(tmp_path / "out"), 1), rounds=3)


def test_a_policy_table_is_compiled(benchmark: Any, compiled: Any) -> None:
    assert benchmark(PolicyTable.compile, compiled.description).serial == 1


def test_a_decision_is_explained(benchmark: Any, compiled: Any) -> None:
    name = compiled.names.listed[7]
    said = benchmark(explain, compiled.snapshot, compiled.table, name, A, "10.1.0.9", "10.0.0.53", 53)
    assert b"gambling" in said


@pytest.fixture
def plane(compiled: Any) -> Iterator[Plane]:
    settings = {"listen": ["127.0.0.1:0"], "workers": 1}
    made = Plane(json.dumps(settings).encode(), compiled.snapshot, compiled.table)
    made.start()
    yield made
    made.stop()


def test_a_tick_of_the_resolver(benchmark: Any, plane: Plane) -> None:
    """After a batch of misses that a worker sent and read: what happened is told, who is asked is said again."""
    shares = [[ForwarderShare(1, 1.0, 0xFFFF_FFFF)]]
    asked = 0
    with _socket() as client, _socket() as forwarder:
        client.connect(tuple(plane.listening()[0]))
        forwarder.bind(("127.0.0.1", 0))
        plane.install_routes([ForwarderAddress(1, *forwarder.getsockname())], [])
        plane.send_misses(shares, 0.0)

        def ask() -> None:
            nonlocal asked
            for _ in range(BATCH):
                asked += 1
                client.send(packet(f"n{asked}.example.com", A))
            for _ in range(BATCH):
                query, source = forwarder.recvfrom(2048)
                forwarder.sendto(query[:2] + _reply(query)[2:], source)
            for _ in range(BATCH):
                client.recv(2048)

        def tick() -> int:
            replies = sum(tally.replies for tally in plane.end_overdue(0.0).tallies)
            plane.send_misses(shares, 0.0)
            return replies

        assert benchmark.pedantic(tick, setup=ask, rounds=ROUNDS) == BATCH


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(5)
    return made


def _reply(query: bytes) -> bytes:
    end = query.index(0, 12) + 5
    head = b"\0\0\x81\x80\0\1\0\1\0\0\0\0"
    return head + query[12:end] + b"\xc0\x0c\0\1\0\1\0\0\x0e\x10\0\4\xc0\0\x02\x01"
