"""Queries that dnslib and dnspython write, and damaged ones: the Rust codec reads in them what both libraries read, or
refuses them by a rule of its own; what it writes, both libraries read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dnslib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.asked_plane import AskedPlane, asked_plane

OPT, TSIG, ANY, COOKIE, PADDING = 41, 250, 255, 10, 12
IN = 1
ECHOED = dns.flags.RD | dns.flags.CD

LABEL = st.binary(min_size=1, max_size=63) | st.from_regex(rb"[A-Za-z0-9_-]{1,20}", fullmatch=True)
# A single label is answered without a forwarder.
LABELS = st.lists(LABEL, min_size=2, max_size=30).filter(
    lambda labels: sum(len(label) + 1 for label in labels) + 1 <= 255
)
# ANY is answered without a forwarder (RFC 8482).
TYPES = st.one_of(
    st.sampled_from([1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 64, 65, 257]),
    st.integers(1, 127).filter(lambda qtype: qtype != OPT),
    st.integers(256, 65535),
)
# Client subnet, padding, NSID and unknown ones are stepped over; a client's cookie has eight octets.
OPTIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([3, PADDING, 65001]), st.binary(max_size=40)),
        st.tuples(st.just(8), st.just(b"\0\1\x18\0\xc0\0\2")),
        st.tuples(st.just(COOKIE), st.binary(min_size=8, max_size=8)),
    ),
    max_size=5,
)
EDNS = st.none() | st.tuples(st.integers(0, 65535), st.booleans(), OPTIONS)


@pytest.fixture(scope="module")
def plane() -> Iterator[AskedPlane]:
    with asked_plane() as made:
        yield made


def by_dnspython(
    labels: list[bytes], qtype: int, flags: int, edns: tuple[int, bool, list[tuple[int, bytes]]] | None
) -> bytes:
    query = dns.message.QueryMessage(id=0x1234)
    query.flags = dns.flags.Flag(flags)
    query.find_rrset(
        query.question, dns.name.Name([*labels, b""]), IN, dns.rdatatype.RdataType.make(qtype), create=True
    )
    if edns is not None:
        size, wants_dnssec, options = edns
        plain = [dns.edns.GenericOption(code, data) for code, data in options]
        query.use_edns(0, dns.flags.DO if wants_dnssec else 0, size, options=plain)
    return query.to_wire()


def by_dnslib(
    labels: list[bytes], qtype: int, flags: int, edns: tuple[int, bool, list[tuple[int, bytes]]] | None
) -> bytes:
    query = dnslib.DNSRecord(
        dnslib.DNSHeader(id=0x1234, bitmap=flags), q=dnslib.DNSQuestion(dnslib.DNSLabel(labels), qtype)
    )
    if edns is not None:
        size, wants_dnssec, options = edns
        plain = [dnslib.EDNSOption(code, data) for code, data in options]
        query.add_ar(dnslib.EDNS0(udp_len=size, flags="do" if wants_dnssec else "", opts=plain))
    return bytes(query.pack())


def no_such_name(query: bytes) -> bytes:
    return query[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + query[12 : end_of_question(query)]


def end_of_question(octets: bytes | bytearray) -> int:
    at = 12
    while octets[at]:
        at += 1 + octets[at]
    return at + 5


@pytest.mark.parametrize("write", [by_dnspython, by_dnslib])
def test_a_query_of_either_library_is_forwarded_and_answered_as_both_read_it(
    plane: AskedPlane, write: Callable[..., bytes]
) -> None:
    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(LABELS, TYPES, st.sampled_from([0x0100, 0x0120, 0x0110, 0x0130]), EDNS)
    def holds(
        labels: list[bytes], qtype: int, flags: int, edns: tuple[int, bool, list[tuple[int, bytes]]] | None
    ) -> None:
        octets = write(labels, qtype, flags, edns)
        query = dns.message.from_wire(octets)
        answer = plane.ask(octets, no_such_name)
        assert answer is not None
        is_in_cache = not plane.forwarded
        for read in (
            dns.message.from_wire(answer),
            dns.message.from_wire(plane.forwarded) if not is_in_cache else query,
        ):
            assert [(one.name, one.rdtype, one.rdclass) for one in read.question] == [
                (query.question[0].name, qtype, IN)
            ]
        same_for_dnslib(answer, labels, qtype)
        if not is_in_cache:
            same_for_dnslib(plane.forwarded, labels, qtype)
            # DNSSEC, cookies, subnets: between the forwarder and us, not between the client and us.
            assert dns.message.from_wire(plane.forwarded).edns == 0
        heard = dns.message.from_wire(answer)
        assert (heard.id, heard.rcode(), heard.opcode()) == (query.id, dns.rcode.NXDOMAIN, dns.opcode.QUERY)
        assert heard.flags & dns.flags.QR and heard.flags & ECHOED == flags & ECHOED
        assert answer[12 : end_of_question(answer)] == octets[12 : end_of_question(octets)], "octet for octet, case too"
        assert (heard.edns == 0) is (edns is not None)

    holds()


def same_for_dnslib(octets: bytes, labels: list[bytes], qtype: int) -> None:
    """It reads no label that is not UTF-8."""
    try:
        [label.decode() for label in labels]
    except UnicodeDecodeError:
        return
    read = dnslib.DNSRecord.parse(octets)
    assert [bytes(label).lower() for label in read.q.qname.label] == [label.lower() for label in labels]
    assert (read.q.qtype, read.q.qclass, len(read.questions)) == (qtype, IN, 1)


# -- damaged ones -----------------------------------------------------------------------------------------------------

FEW_LABELS = st.lists(st.sampled_from([b"www", b"MaiL", b"a", b"example", b"x-1"]), min_size=2, max_size=4)
# Flags and counts, the question's type and class, and anywhere.
PLACES = st.one_of(st.sampled_from([2, 2, 2, 3, 5, 7, 9, 11]), st.integers(-4, -1), st.integers(12, 200))
OCTETS = st.one_of(st.sampled_from([0, 1, 2, 3, 8, 17, 41, 250, 252, 255]), st.integers(0, 255))
CHANGES = st.lists(st.tuples(PLACES, OCTETS), max_size=3)
CUT = st.one_of(st.none(), st.none(), st.none(), st.integers(0, 200))
GROWN = st.one_of(st.just(b""), st.just(b""), st.just(b""), st.binary(max_size=3))


def test_a_damaged_query_is_read_as_the_libraries_read_it_or_refused_by_a_stricter_rule(plane: AskedPlane) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=400, deadline=None, derandomize=True, database=None)
    @given(FEW_LABELS, TYPES, EDNS, CHANGES, CUT, GROWN)
    def holds(
        labels: list[bytes],
        qtype: int,
        edns: tuple[int, bool, list[tuple[int, bytes]]] | None,
        changes: list[tuple[int, int]],
        cut: int | None,
        grown: bytes,
    ) -> None:
        whole = bytearray(by_dnspython(labels, qtype, 0x0100, edns))
        question_end = end_of_question(whole)
        for at, octet in changes:
            whole[(question_end + at if at < 0 else at) % len(whole)] = octet
        octets = bytes(whole[: cut if cut is None else cut % (len(whole) + 1)]) + grown
        answer = plane.ask(octets, no_such_name)
        if answer is None:
            assert len(octets) < 12 or octets[2] & 0x80, "silence is for responses and less than a header"
            seen["silence"] += 1
            return
        heard = dns.message.from_wire(answer)
        assert heard.id == int.from_bytes(octets[:2])
        if heard.rcode() in (dns.rcode.NXDOMAIN, dns.rcode.NOERROR):
            seen["read"] += 1
            # Options are stepped over, so the library that judges what is in them is asked for the rest.
            query = dns.message.from_wire(octets, question_only=True)
            assert [(one.name, one.rdtype, one.rdclass) for one in heard.question] == [
                (one.name, one.rdtype, one.rdclass) for one in query.question
            ]
            assert heard.flags & ECHOED == query.flags & ECHOED
            return
        query = read_by_both(octets)
        seen["refused, and by a library"] += query is None
        if query is not None:
            assert stricter_rules(query, octets), dns.rcode.to_text(heard.rcode())
            seen["refused by a stricter rule"] += 1

    holds()
    assert (
        min(seen[one] for one in ("silence", "read", "refused, and by a library", "refused by a stricter rule")) > 10
    ), seen


def read_by_both(octets: bytes) -> dns.message.Message | None:
    """What dnspython reads, where dnslib reads it too. dnslib raises what it likes on what it cannot read."""
    try:
        dnslib.DNSRecord.parse(octets)
        return dns.message.from_wire(octets)
    except Exception:
        return None


def stricter_rules(query: dns.message.Message, octets: bytes) -> list[str]:
    """The rules of rust/wire/src/refusal.rs that it breaks, as dnspython read it. Without RD nothing is forwarded."""
    question = query.question[0] if query.question else None
    qtype = int(question.rdtype) if question is not None else 0
    cookies = [one.to_wire() for one in query.options if one.otype == COOKIE]
    counts = [int.from_bytes(octets[at : at + 2]) for at in range(4, 12, 2)]
    rules = {
        "opcode": query.opcode() != dns.opcode.QUERY,
        "question_count": counts[0] != 1,
        "record_count": bool(counts[1] or counts[2] or counts[3] > 2),
        "question_name": any(octet & 0xC0 for octet in length_octets(octets)),
        "additional_record": bool(query.additional),
        "tsig": query.had_tsig,
        "edns_version": query.edns > 0,
        "bad_cookie_length": any(len(one or b"") not in {8, *range(16, 41)} for one in cookies),
        "class": question is not None and question.rdclass != IN,
        "no_recursion": not query.flags & dns.flags.RD,
        "meta_type": qtype in {0, OPT} or 128 <= qtype < ANY,
    }
    return [name for name, is_broken in rules.items() if is_broken]


def length_octets(octets: bytes) -> Iterator[int]:
    """Of the labels of the question's name, until the root or a pointer."""
    at = 12
    while at < len(octets) and octets[at]:
        yield octets[at]
        if octets[at] & 0xC0:
            return
        at += 1 + octets[at]
