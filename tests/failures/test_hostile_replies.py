"""Forwarders that lie, babble or contradict themselves: only the chain from the question is ever believed."""

from __future__ import annotations

import itertools
import random
import socket

import dns.flags
import dns.message
import dns.rcode
import pytest
from tests.failures.school import ANSWER_WITHIN_S, INVALID_DATA, UNLIMITED, School, reasons, texts
from tests.failures.upstream import (
    CNAME,
    HONEST,
    POISON,
    QUESTION,
    SOA,
    A,
    Speech,
    Upstream,
    first_label,
    question_of,
    record,
    reply,
    truncated,
    wire,
)

DAMAGED, AT_ONCE = 2000, 50
POISON_TEXT, HONEST_TEXT = "203.0.113.66", "192.0.2.7"
ADDRESS = [record(QUESTION, A, HONEST)]
FORGED = [record(QUESTION, A, POISON)]
VICTIM = wire("www.victim.example.net")


def chain(links: int, *, closes: bool = False) -> list[bytes]:
    """A chain of aliases from the question: to an address, or back to its own beginning."""
    owners = [QUESTION, *(wire(f"link-{at}.example.net") for at in range(links))]
    if closes:
        owners[-1] = QUESTION
    records = [record(owner, CNAME, target) for owner, target in itertools.pairwise(owners)]
    if closes:
        records[-1] = record(owners[-2], CNAME, owners[1])
        return records
    return [*records, record(owners[-1], A, POISON)]


def other_id(query: bytes) -> bytes:
    return bytes((query[0] ^ 0x55, query[1] ^ 0x55)) + query[2:]


def soa(owner: bytes) -> bytes:
    return record(owner, SOA, wire("ns.example.net") + wire("host.example.net") + bytes(16) + b"\0\0\0\x3c")


# What a client hears when nothing in the reply can be used.
USELESS: dict[str, Speech] = {
    "alias-loop": lambda query: [reply(query, chain(3, closes=True))],
    "twenty-links": lambda query: [reply(query, chain(20))],
    "two-aliases": lambda query: [
        reply(query, [record(QUESTION, CNAME, wire("one.example.net")), record(QUESTION, CNAME, VICTIM)])
    ],
    "nxdomain-with-answer": lambda query: [reply(query, FORGED, rcode=3)],
    "pointer-loop": lambda query: [reply(query, [record(b"\xc0" + bytes((len(question_of(query)) + 12,)), A, POISON)])],
    "counts-lie": lambda query: [(octets := reply(query, FORGED))[:7] + b"\xff" + octets[8:]],
    "cut-off": lambda query: [reply(query, FORGED)[:-3]],
    "trailing-octets": lambda query: [reply(query, FORGED) + b"junk"],
    "address-of-5-octets": lambda query: [reply(query, [record(QUESTION, A, POISON + b"\0")])],
}
# Replies that come first and are not to the question that was asked.
FORGERIES: dict[str, Speech] = {
    "other-id": lambda query: [other_id(reply(query, FORGED)), reply(query, ADDRESS)],
    "other-question": lambda query: [
        reply(query, FORGED, question=VICTIM + b"\0\1\0\1"),
        reply(query, ADDRESS),
    ],
    "other-type": lambda query: [
        reply(query, FORGED, question=question_of(query)[:-4] + b"\0\x1c\0\1"),
        reply(query, ADDRESS),
    ],
    "query-sent-back": lambda query: [query, reply(query, ADDRESS)],
    "half-a-header": lambda query: [query[:2] + b"\x81\x80", reply(query, ADDRESS)],
    "garbage": lambda query: [query[:2] + b"\xff" * 400, b"", reply(query, ADDRESS)],
}


@pytest.mark.parametrize("label", USELESS)
def test_a_reply_that_contradicts_itself_is_servfail_and_never_an_answer(
    running: School, upstream: Upstream, label: str
) -> None:
    upstream.says[label.encode()] = USELESS[label]
    answer = running.ask(f"{label}.example.org")
    assert answer.rcode() == dns.rcode.SERVFAIL
    assert texts(answer) == []
    assert reasons(answer) == {INVALID_DATA}
    assert running.filters()


@pytest.mark.parametrize("label", FORGERIES)
def test_a_forged_reply_is_ignored_while_the_wait_goes_on(running: School, upstream: Upstream, label: str) -> None:
    upstream.says[label.encode()] = FORGERIES[label]
    assert texts(running.ask(f"{label}.example.org")) == [HONEST_TEXT]


def test_records_beside_the_question_are_neither_given_nor_kept(running: School, upstream: Upstream) -> None:
    poison = record(VICTIM, A, POISON)
    upstream.says[b"volunteer"] = lambda query: [reply(query, [*ADDRESS, poison], [poison], [poison])]
    answer = running.ask("volunteer.example.org")
    assert texts(answer) == [HONEST_TEXT]
    assert POISON_TEXT not in answer.to_text()
    assert texts(running.ask("www.victim.example.net")) == [HONEST_TEXT]


def test_a_soa_of_another_zone_is_not_believed(running: School, upstream: Upstream) -> None:
    upstream.says[b"foreign-soa"] = lambda query: [reply(query, [], [soa(wire("victim.example.net"))], rcode=3)]
    answer = running.ask("foreign-soa.example.org")
    assert answer.rcode() == dns.rcode.NXDOMAIN
    assert answer.authority == []


def test_records_of_another_class_are_no_answer(running: School, upstream: Upstream) -> None:
    upstream.says[b"chaos"] = lambda query: [reply(query, [record(QUESTION, A, POISON, rclass=3)])]
    assert POISON_TEXT not in running.ask("chaos.example.org").to_text()


def test_a_ttl_with_its_top_bit_set_is_zero(running: School, upstream: Upstream) -> None:
    upstream.says[b"top-bit"] = lambda query: [reply(query, [record(QUESTION, A, HONEST, 0x8000_0001)])]
    answers = [running.ask("top-bit.example.org") for _ in range(2)]
    assert [answer.answer[0].ttl for answer in answers] == [0, 0]
    assert upstream.times_asked("top-bit") >= 2, "it is not kept"


def test_a_ttl_of_years_is_cut_to_a_day(running: School, upstream: Upstream) -> None:
    upstream.says[b"years"] = lambda query: [reply(query, [record(QUESTION, A, HONEST, 0x7FFF_FFFF)])]
    assert running.ask("years.example.org").answer[0].ttl <= 86400


def test_a_huge_reply_over_tcp_is_taken_whole_and_truncated_over_udp(running: School, upstream: Upstream) -> None:
    addresses = [record(QUESTION, A, b"\xc6\x33" + at.to_bytes(2)) for at in range(3500)]
    upstream.says[b"huge"] = lambda query: [reply(query, addresses)]
    over_tcp = running.ask("huge.example.org", tcp=True)
    assert len(texts(over_tcp)) == 3500
    over_udp = running.ask("huge.example.org")
    assert over_udp.flags & dns.flags.TC
    assert len(over_udp.to_wire()) <= 1232
    assert running.filters()


def test_a_reply_truncated_over_tcp_too_ends_in_servfail(running: School, upstream: Upstream) -> None:
    # TC over TCP too: there is no third way to ask.
    upstream.says[b"always-truncated"] = lambda query: [truncated(query)]
    assert running.ask("always-truncated.example.org").rcode() == dns.rcode.SERVFAIL


def test_two_thousand_damaged_replies_stop_nothing(running: School, upstream: Upstream) -> None:
    def speech(query: bytes) -> list[bytes]:
        chance = random.Random(first_label(query))
        octets = bytearray(reply(query, chain(3), [soa(wire("example.org"))]))
        after_question = 12 + len(question_of(query))
        for _ in range(chance.randrange(1, 6)):
            octets[chance.randrange(after_question, len(octets))] = chance.randrange(256)
        return [bytes(octets)]

    labels = [f"damaged-{at}" for at in range(DAMAGED)]
    upstream.says |= {label.encode(): speech for label in labels}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((UNLIMITED, 0))
        client.connect(("127.0.0.1", running.port))
        client.settimeout(ANSWER_WITHIN_S)
        for start in range(0, DAMAGED, AT_ONCE):
            for label in labels[start : start + AT_ONCE]:
                client.send(dns.message.make_query(f"{label}.example.org", "A").to_wire())
            codes = {client.recv(4096)[3] & 0x0F for _ in range(AT_ONCE)}
            # NXDOMAIN: the damage made a private address, or one of a known resolver.
            assert codes <= {dns.rcode.NOERROR, dns.rcode.SERVFAIL, dns.rcode.NXDOMAIN}
    told = running.status()
    assert told["workers_alive"] == told["workers"]
    assert told["resolver"]["internal_errors"] == told["counters"]["panics"] == 0
    assert told["counters"]["unusable_replies"] > DAMAGED // 4
    assert running.filters()


def test_first_label_reads_what_was_asked() -> None:
    query = dns.message.make_query("www.example.org", "A").to_wire()
    assert (first_label(query), question_of(query)) == (b"www", wire("www.example.org") + b"\0\1\0\1")
