"""Addresses that cannot be had are an error that says why; a machine without IPv6 is served over IPv4."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.failures.conftest import MakeSchool
from tests.failures.namespaces import inside_network, needs_network, with_network
from tests.failures.school import READY_WITHIN_S, School

from schoolgate.config import on_this_machine, parse

# Says what comes by UDP, and by TCP after that.
ASK_BOTH_WAYS = """
import sys, dns.flags, dns.message, dns.query
query = dns.message.make_query("staff.school.test", "A", use_edns=0, payload=1232)
short = dns.query.udp(query, "127.0.0.1", port=int(sys.argv[1]), timeout=60)
print("UDP", "TC" if short.flags & dns.flags.TC else "whole", len(short.answer))
whole = dns.query.tcp(query, "127.0.0.1", port=int(sys.argv[1]), timeout=60)
print("TCP", len(whole.answer[0]))
"""
NO_IPV6 = "ip link set lo up\nip -6 address flush dev lo"


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_that_another_program_holds_is_named_and_left_to_it(school: MakeSchool, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        said = school(listen=f"127.0.0.1:{port}", is_started=False).fails_to_start()
        assert f"127.0.0.1:{port} is in use" in said or f"127.0.0.1 port {port} over TCP" in said
        assert "server.listen" in said or "[server] listen" in said


def test_an_address_that_the_machine_does_not_have_is_an_error_that_says_so(school: MakeSchool) -> None:
    said = school(listen="192.0.2.53:5300", is_started=False).fails_to_start()
    assert "192.0.2.53:5300: cannot listen" in said
    assert "this machine has no such address (yet)" in said


@needs_network
def test_without_ipv6_a_written_ipv6_address_is_an_error(school: MakeSchool) -> None:
    said = school(listen="[::1]:5300", is_started=False).fails_to_start(wrap=with_network(NO_IPV6))
    assert "[::1]:5300: cannot listen" in said


@needs_network
def test_without_ipv6_the_built_in_addresses_are_served_over_ipv4(tmp_path: Path, built: Path) -> None:
    here = School(tmp_path, '"127.0.0.1:1"')
    here.config.write_text(
        f'[server]\nworkers = 1\nstate_dir = "{built.parent / "no-ipv6"}"\ncontrol_socket = "control.sock"\n', "utf-8"
    )
    try:
        here.start(wrap=with_network(NO_IPV6))
        assert here.status()["listening"]["udp"] == ["127.0.0.1:5300"]
        assert "this machine has no IPv6" in here.said()
    finally:
        here.stop()


@needs_network
def test_where_an_interface_takes_less_a_longer_answer_leaves_truncated(tmp_path: Path, built: Path) -> None:
    records = "\n".join(f"staff.school.test. 60 IN A 192.0.2.{number}" for number in range(60))
    here = School(tmp_path, '"127.0.0.1:1"', settings=f'[local]\nrecords = """\n{records}\n"""\n')
    try:
        here.start(wrap=with_network("ip link set lo mtu 600\nip link set lo up"))
        told = subprocess.run(
            [*inside_network(here.pid), sys.executable, "-c", ASK_BOTH_WAYS, str(here.port)],
            capture_output=True,
            check=True,
            text=True,
            timeout=READY_WITHIN_S,
        )
        assert told.stdout.split() == ["UDP", "TC", "0", "TCP", "60"]
        assert here.counter("send_failures") == 0
    finally:
        here.stop()


def test_only_built_in_addresses_give_way_to_a_machine_without_ipv6() -> None:
    def listening(text: str, *, has_ipv6: bool) -> list[str]:
        return [str(one) for one in on_this_machine(parse(text, "test"), has_ipv6).server.listen]

    written = '[server]\nlisten = ["127.0.0.1:53", "[::1]:53"]\n'
    assert listening("", has_ipv6=True) == ["127.0.0.1:5300", "[::1]:5300"]
    assert listening("", has_ipv6=False) == ["127.0.0.1:5300"]
    assert listening("[server]\nworkers = 1\n", has_ipv6=False) == ["127.0.0.1:5300"]
    assert listening(written, has_ipv6=False) == ["127.0.0.1:53", "[::1]:53"]
