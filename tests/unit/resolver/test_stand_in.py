"""The stand-in itself: an independent reader of DNS must agree with what it says."""

from __future__ import annotations

import ipaddress
import socket
import subprocess
import sys

import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from tests.stand_in import answers
from tests.unit.resolver.planes import query_for

EXAMPLE_NETS = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


def said(name: str, qtype: int = 1, *, is_stream: bool = False) -> dns.message.Message:
    query = query_for(name, qtype, ident=7)
    question = answers.question_of(query)
    assert question is not None
    return dns.message.from_wire(answers.answer(query, question, is_stream=is_stream))


def test_any_name_has_the_same_example_address_every_time() -> None:
    first, again = said("www.example.com"), said("WWW.example.com")
    address = ipaddress.ip_address(first.answer[0][0].to_text())
    assert address == ipaddress.ip_address(again.answer[0][0].to_text())
    assert any(address in net for net in EXAMPLE_NETS)
    assert ipaddress.ip_address(said("www.example.com", 28).answer[0][0].to_text()) in ipaddress.ip_network(
        "2001:db8::/32"
    )


@pytest.mark.parametrize(
    ("name", "rcode"), [("nx.example.com", 3), ("nodata.example.com", 0), ("servfail.example.com", 2), ("refused.a", 5)]
)
def test_the_first_label_chooses_the_rcode(name: str, rcode: int) -> None:
    message = said(name)
    assert message.rcode() == rcode
    assert not message.answer
    has_soa = [rrset.rdtype == dns.rdatatype.SOA for rrset in message.authority]
    assert has_soa == ([True] if rcode in (0, 3) else [])


def test_a_chain_ends_in_an_address() -> None:
    kinds = [rrset.rdtype for rrset in said("cname.example.com").answer]
    assert kinds == [dns.rdatatype.CNAME, dns.rdatatype.CNAME, dns.rdatatype.A]


def test_big_is_truncated_over_udp_and_long_over_tcp() -> None:
    assert said("big.example.com", 16).flags & 0x0200
    assert len(said("big.example.com", 16, is_stream=True).answer[0].to_text()) > 255


def test_short_ttl_is_one_second() -> None:
    assert said("short-ttl.example.com").answer[0].ttl == 1


@pytest.mark.parametrize("mode", [[], ["--fast"]])
def test_as_a_program_it_says_where_it_listens_and_answers(mode: list[str]) -> None:
    command = [sys.executable, "-m", "tests.stand_in.upstream", "--listen", "127.0.0.1:0", *mode]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        assert program.stdout is not None
        try:
            sock.settimeout(60)
            sock.connect(("127.0.0.1", int(program.stdout.readline().rsplit(maxsplit=1)[-1])))
            for qtype in (1, 28):
                sock.send(query_for("www.example.com", qtype, ident=7))
                message = dns.message.from_wire(sock.recv(4096))
                assert (message.id, message.answer[0].rdtype) == (7, qtype)
        finally:
            program.terminate()


@pytest.mark.parametrize("query", [b"", bytes(12), b"\0" * 4 + b"\0\1" + b"\0" * 6 + b"\x3fshort", bytes(5)])
def test_what_is_no_query_is_not_answered(query: bytes) -> None:
    assert answers.question_of(query) is None
