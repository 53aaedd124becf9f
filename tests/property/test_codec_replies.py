"""Replies that dnslib and dnspython write, and damaged ones: of what both read in a reply, a client hears the chain
from its question, octet for octet, or SERVFAIL; nothing else, and nothing that a strict reader cannot read."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dnslib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.asked_plane import AskedPlane, asked_plane

INVALID_DATA = 24
# What a question of the type may be answered with, as zone text. Both libraries read each.
DATA = {
    "A": ["192.0.2.7", "203.0.113.1", "198.51.100.255"],
    "AAAA": ["2001:db8::1", "2001:db8:ffff::"],
    "NS": ["ns1.example.net.", "a.very.long.name.of.a.server.example.com."],
    "MX": ["10 mail.example.net.", "0 ."],
    "TXT": ['"v=spf1 -all"', '"one" "two"', f'"{"x" * 255}"'],
    "PTR": ["host.example.net."],
    "SRV": ["1 2 443 host.example.net."],
    "CAA": ['0 issue "ca.example.net"'],
    "NAPTR": ['100 10 "u" "E2U+sip" "!^.*$!sip:a@example.net!" .'],
    "HTTPS": [
        "0 pool.example.net.",
        '1 . alpn="h2,h3" ipv4hint=192.0.2.7',
        '16 svc.example.net. mandatory=alpn alpn="h2" port=8443 ipv6hint=2001:db8::1,2001:db8::2',
        '1 . ech="AAj+DQAEa2V5cw=="',
    ],
}
# dnslib has no class for these; dnspython knows SVCB, and nobody the last.
DATA_OF_ONE = DATA | {
    "SVCB": ["1 dot.example.net. alpn=dot key65333=ab", '2 doh.example.net. alpn="h2" dohpath="/q{?dns}"'],
    "TYPE65280": [r"\# 4 01020304", r"\# 0"],
}
LINKS = st.lists(st.sampled_from(["cdn", "edge.eu", "x", "Mixed.Case"]), max_size=5, unique=True)
TTLS = st.integers(1, 80_000)
BESIDE = st.booleans()


@pytest.fixture(scope="module")
def plane() -> Iterator[AskedPlane]:
    with asked_plane() as made:
        yield made


NUMBERS = itertools.count()


def new_question(rdtype: str) -> dns.message.Message:
    """Of a name that is in no cache."""
    return dns.message.make_query(f"WwW.n{next(NUMBERS)}.example.org", rdtype, use_edns=0)


def chain_of(
    question: dns.message.Message, links: list[str], rdtype: str, data: list[str], ttl_s: int
) -> list[dns.rrset.RRset]:
    owners = [question.question[0].name, *(dns.name.from_text(f"{link}.example.net") for link in links)]
    aliases = [
        dns.rrset.from_text(owner, ttl_s, "IN", "CNAME", target.to_text())
        for owner, target in itertools.pairwise(owners)
    ]
    return [*aliases, dns.rrset.from_text(owners[-1], ttl_s, "IN", rdtype, *data)]


def by_dnspython(query: bytes, chain: list[dns.rrset.RRset], has_more: bool) -> bytes:
    """With names compressed. `has_more`: records beside the chain, which must not be believed."""
    reply = dns.message.make_response(dns.message.from_wire(query), recursion_available=True)
    reply.answer += chain
    if has_more:
        poison = dns.rrset.from_text("victim.example.net.", 300, "IN", "A", "203.0.113.66")
        reply.answer.append(poison)
        reply.authority.append(dns.rrset.from_text("example.org.", 300, "IN", "NS", "ns.example.net."))
        reply.additional.append(poison)
    return reply.to_wire()


def by_dnslib(query: bytes, chain: list[dns.rrset.RRset], has_more: bool) -> bytes:
    reply = dnslib.DNSRecord.parse(query).reply()
    reply.add_answer(*(as_dnslib(rrset, data) for rrset in chain for data in rrset))
    if has_more:
        reply.add_answer(*dnslib.RR.fromZone("victim.example.net. 300 IN A 203.0.113.66"))
        reply.add_auth(*dnslib.RR.fromZone("example.org. 300 IN NS ns.example.net."))
        reply.add_ar(*dnslib.RR.fromZone("victim.example.net. 300 IN A 203.0.113.66"))
    return bytes(reply.pack())


def as_dnslib(rrset: dns.rrset.RRset, data: dns.rdata.Rdata) -> dnslib.RR:
    octets = data.to_wire()
    rdata = dnslib.RDMAP[dns.rdatatype.to_text(rrset.rdtype)].parse(dnslib.DNSBuffer(octets), len(octets))
    return dnslib.RR(rrset.name.to_text(), int(rrset.rdtype), ttl=rrset.ttl, rdata=rdata)


Facts = set[tuple[bytes, int, bytes]]


def facts(rrsets: list[dns.rrset.RRset]) -> Facts:
    """Owner, type and data of each record, in canonical form: as dnspython reads and writes them."""
    return {(one.name.to_digestable(), int(one.rdtype), data.to_digestable()) for one in rrsets for data in one}


def heard_by_dnslib(octets: bytes) -> Counter[tuple[str, int]]:
    """Owner and type of each record, as dnslib reads them."""
    return Counter((str(one.rname).lower().rstrip("."), one.rtype) for one in dnslib.DNSRecord.parse(octets).rr)


@pytest.mark.parametrize(
    ("write", "data"), [(by_dnspython, DATA_OF_ONE), (by_dnslib, DATA)], ids=["dnspython", "dnslib"]
)
def test_of_a_reply_of_either_library_the_client_hears_the_chain_as_both_read_it(
    plane: AskedPlane, write: Callable[..., bytes], data: dict[str, list[str]]
) -> None:
    asked = st.sampled_from(sorted(data)).flatmap(
        lambda rdtype: st.tuples(st.just(rdtype), st.lists(st.sampled_from(data[rdtype]), min_size=1, unique=True))
    )

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(asked, LINKS, TTLS, BESIDE)
    def holds(asked: tuple[str, list[str]], links: list[str], ttl_s: int, has_more: bool) -> None:
        rdtype, some = asked
        question = new_question(rdtype)
        chain = chain_of(question, links, rdtype, some, ttl_s)
        octets = plane.ask(question.to_wire(), lambda query: write(query, chain, has_more))
        assert octets is not None
        answer = dns.message.from_wire(octets)
        assert answer.rcode() == dns.rcode.NOERROR, answer.to_text()
        assert facts(answer.answer) == facts(chain)
        assert {one.ttl for one in answer.answer} <= {ttl_s, ttl_s - 1}
        assert not answer.additional
        if rdtype in DATA:
            expected = Counter((one.name.to_text().lower().rstrip("."), int(one.rdtype)) for one in chain for _ in one)
            assert heard_by_dnslib(octets) == expected

    holds()


def test_the_reason_of_a_refused_reply_is_read_by_both(plane: AskedPlane) -> None:
    question = new_question("A")
    octets = plane.ask(question.to_wire(), lambda query: by_dnspython(query, [], has_more=False) + b"junk")
    assert octets is not None
    (reason,) = dns.message.from_wire(octets).options
    assert isinstance(reason, dns.edns.EDEOption)
    (opt,) = dnslib.DNSRecord.parse(octets).ar
    ((code, data),) = [(one.code, one.data) for one in opt.rdata]
    assert int(reason.code) == int.from_bytes(data[:2]) == INVALID_DATA
    assert (code, dns.message.from_wire(octets).edns, opt.edns_ver) == (15, 0, 0)


def read_by_dnspython(octets: bytes) -> dns.message.Message | None:
    try:
        return dns.message.from_wire(octets)
    except dns.exception.DNSException:
        return None


def dnslib_reads(octets: bytes) -> bool:
    """It raises what it likes on what it cannot read."""
    try:
        dnslib.DNSRecord.parse(octets)
    except Exception:
        return False
    return True


# -- damaged ones -----------------------------------------------------------------------------------------------------

CHANGES = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=3)


def test_of_a_damaged_reply_the_client_hears_what_both_libraries_read_or_servfail(plane: AskedPlane) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    @given(st.sampled_from(sorted(DATA)), LINKS, BESIDE, CHANGES)
    def holds(rdtype: str, links: list[str], has_more: bool, changes: list[tuple[int, int]]) -> None:
        question = new_question(rdtype)
        chain = chain_of(question, links, rdtype, DATA[rdtype], 300)
        sent = b""

        def damaged(query: bytes) -> bytes:
            """Behind the question, or in the counts: a reply to another question is no reply."""
            nonlocal sent
            octets = bytearray(by_dnspython(query, chain, has_more))
            places = [3, *range(6, 12), *range(len(question.to_wire()) - 11, len(octets))]
            for at, octet in changes:
                octets[places[at % len(places)]] = octet
            sent = bytes(octets)
            return sent

        octets = plane.ask(question.to_wire(), damaged)
        assert octets is not None
        reply = read_by_dnspython(sent)
        answer = read_by_dnspython(octets)
        if answer is None:
            # Data that no resolver has to understand, such as a service binding's mandatory keys, passes as it came.
            assert reply is None
            seen["passed on"] += 1
            return
        assert question.is_response(answer)
        heard = facts(answer.answer)
        if reply is None or not dnslib_reads(sent):
            # Ours may still have read what it needs: the damage may be in records that are not looked at.
            seen["a library refuses, we answer" if heard else "a library refuses, so do we"] += 1
            return
        if answer.rcode() == dns.rcode.SERVFAIL:
            assert not heard
            seen["both read it, we refuse"] += 1
            return
        assert heard <= facts(reply.answer)
        assert answer.rcode() == reply.rcode()
        seen["both read it, we answer"] += 1

    holds()
    assert seen["both read it, we answer"] > 40, seen
    assert seen["a library refuses, so do we"] > 20, seen
