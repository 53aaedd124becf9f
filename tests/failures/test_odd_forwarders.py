"""Forwarders that answer, but not as they should: without EDNS, with a referral, with half of a chain, too late."""

from __future__ import annotations

import contextlib
import socket

import dns.rcode
import pytest
from tests.failures.conftest import MakeSchool
from tests.failures.school import (
    BLOCKED,
    INVALID_DATA,
    NO_REACHABLE_AUTHORITY,
    PUPIL,
    STAFF,
    UNLIMITED,
    School,
    reasons,
    texts,
)
from tests.failures.upstream import (
    CNAME,
    HONEST,
    QUESTION,
    SOA,
    A,
    Speech,
    Upstream,
    first_label,
    question_of,
    record,
    reply,
    wire,
)
from tests.waiting import until

NS, PTR, DS = 2, 12, 43
HONEST_TEXT = "192.0.2.7"
ADDRESS = [record(QUESTION, A, HONEST)]
LAST_LINK = 16


def has_opt(query: bytes) -> bool:
    return query[10:12] != b"\0\0"


def without_recursion(octets: bytes) -> bytes:
    """A reply with RA clear."""
    return octets[:3] + bytes((octets[3] & 0x7F,)) + octets[4:]


def truncated(octets: bytes) -> bytes:
    return octets[:2] + bytes((octets[2] | 0x02,)) + octets[3:]


def alias(target: str) -> Speech:
    """The alias and nothing else, from a server that does not recurse."""
    return lambda query: [without_recursion(reply(query, [record(QUESTION, CNAME, wire(target))]))]


def soa(zone: str) -> bytes:
    return record(wire(zone), SOA, wire("ns.example.net") + wire("host.example.net") + bytes(16) + b"\0\0\0\x3c")


# What servers without EDNS do with a query that has it (RFC 6891 section 7).
WITHOUT_EDNS: dict[str, Speech] = {
    "FORMERR": lambda query: [reply(query, rcode=1)],
    "FORMERR in a bare header": lambda query: [query[:2] + b"\x81\x81" + bytes(8)],
    "NOTIMP": lambda query: [reply(query, rcode=4)],
    "silence": lambda query: [],
}


@pytest.mark.parametrize("what", WITHOUT_EDNS)
def test_a_forwarder_without_edns_is_asked_without_it_and_that_is_remembered(school: MakeSchool, what: str) -> None:
    with Upstream() as old:
        queries: list[tuple[bytes, bool]] = []

        def speech(query: bytes) -> list[bytes]:
            queries.append((first_label(query), has_opt(query)))
            return list(WITHOUT_EDNS[what](query)) if has_opt(query) else [reply(query, ADDRESS)]

        old.says_else = speech
        here = school(forwarders=old.quoted)
        assert texts(here.ask("first.example.org")) == [HONEST_TEXT]
        assert [is_with for label, is_with in queries if label == b"first"] == [True, False]
        names = iter(f"next-{at}.example.org" for at in range(1000))

        def is_remembered() -> bool:
            name = next(names)
            assert texts(here.ask(name)) == [HONEST_TEXT]
            return [is_with for label, is_with in queries if wire(name)[1:].startswith(label + b"\7")] == [False]

        until(is_remembered)


def test_a_format_error_from_a_forwarder_with_edns_is_no_reason_to_ask_without(
    running: School, upstream: Upstream
) -> None:
    queries: list[bool] = []

    def speech(query: bytes) -> list[bytes]:
        queries.append(has_opt(query))
        return [reply(query, additional=[b"\0\0\x29\x04\xd0" + bytes(6)], rcode=1)]

    upstream.says[b"format-error"] = speech
    assert running.rcode("format-error.example.org") == "SERVFAIL"
    assert queries == [True]


REFERRALS: dict[str, Speech] = {
    "to the root": lambda query: [without_recursion(reply(query, [], [record(b"\0", NS, wire("a.example.net"))]))],
    "to a zone below": lambda query: [
        without_recursion(reply(query, [], [record(wire("example.org"), NS, wire("ns.example.org"))]))
    ],
    "nothing at all": lambda query: [without_recursion(reply(query))],
}


@pytest.mark.parametrize("what", REFERRALS)
def test_a_forwarder_that_refers_elsewhere_gives_way_to_the_next(school: MakeSchool, what: str) -> None:
    with Upstream() as lame, Upstream() as lame_too, Upstream() as honest:
        lame.says_else = lame_too.says_else = REFERRALS[what]
        here = school(forwarders=f"{lame.quoted}, {lame_too.quoted}, {honest.quoted}")
        names = [f"www-{at}.example.org" for at in range(6)]
        assert [texts(here.ask(name)) for name in names] == [[HONEST_TEXT]] * len(names)
        assert lame.asked
        assert lame_too.asked


@pytest.mark.parametrize("what", REFERRALS)
def test_a_referral_and_nothing_better_is_servfail_and_no_empty_answer(
    running: School, upstream: Upstream, what: str
) -> None:
    label = f"referral-{what.replace(' ', '-')}"
    upstream.says[label.encode()] = REFERRALS[what]
    answer = running.ask(f"{label}.example.org")
    assert answer.rcode() == dns.rcode.SERVFAIL
    assert reasons(answer) == {NO_REACHABLE_AUTHORITY}


def test_no_data_from_a_server_that_does_not_recurse_is_an_answer(running: School, upstream: Upstream) -> None:
    upstream.says[b"no-data"] = lambda query: [without_recursion(reply(query, [], [soa("example.org")]))]
    answer = running.ask("no-data.example.org")
    assert (answer.rcode(), texts(answer), len(answer.authority)) == (dns.rcode.NOERROR, [], 1)


def test_a_bare_alias_is_completed_by_asking_for_its_target(running: School, upstream: Upstream) -> None:
    upstream.says[b"bare"] = alias("half.example.net")
    upstream.says[b"half"] = alias("whole.example.com")
    answer = running.ask("bare.example.org")
    assert texts(answer) == ["half.example.net.", "whole.example.com.", HONEST_TEXT]
    assert texts(running.ask("bare.example.org"))[-1] == HONEST_TEXT
    assert upstream.times_asked("bare") == upstream.times_asked("whole") == 1, "it is kept whole"


def test_a_bare_alias_to_a_name_without_such_records_says_so(running: School, upstream: Upstream) -> None:
    upstream.says[b"bare-to-nothing"] = alias("nothing.example.net")
    upstream.says[b"nothing"] = lambda query: [reply(query, [], [soa("example.net")], rcode=3)]
    answer = running.ask("bare-to-nothing.example.org")
    assert (answer.rcode(), texts(answer), len(answer.authority)) == (dns.rcode.NXDOMAIN, ["nothing.example.net."], 1)


def test_what_a_bare_alias_leads_to_is_judged_for_each_client(running: School, upstream: Upstream) -> None:
    upstream.says[b"bare-to-blocked"] = alias("step.example.net")
    upstream.says[b"step"] = alias(BLOCKED)
    assert running.rcode("bare-to-blocked.example.org", source=PUPIL) == "NXDOMAIN"
    assert running.rcode("bare-to-blocked.example.org", source=STAFF) == running.rcode(BLOCKED, source=STAFF)


def test_bare_aliases_without_end_are_given_up(running: School, upstream: Upstream) -> None:
    for at in range(30):
        upstream.says[f"endless-{at}".encode()] = alias(f"endless-{at + 1}.example.net")
    answer = running.ask("endless-0.example.net")
    assert (answer.rcode(), reasons(answer)) == (dns.rcode.SERVFAIL, {INVALID_DATA})
    assert upstream.times_asked(f"endless-{LAST_LINK + 1}") == 0


def test_bare_aliases_in_a_circle_are_given_up(running: School, upstream: Upstream) -> None:
    upstream.says[b"round"] = alias("and-round.example.net")
    upstream.says[b"and-round"] = alias("round.example.org")
    answer = running.ask("round.example.org")
    assert (answer.rcode(), reasons(answer)) == (dns.rcode.SERVFAIL, {INVALID_DATA})
    assert upstream.times_asked("round") == 1


def test_the_target_of_a_bare_alias_is_asked_of_the_forwarders_of_its_own_zone(school: MakeSchool) -> None:
    with Upstream() as inside, Upstream() as outside:
        inside.says[b"www"] = alias("www.example.net")
        zone = f'[[forward_zones]]\nzone = "corp.example"\nservers = [{inside.quoted}]\n'
        here = school(forwarders=outside.quoted, settings=zone)
        assert texts(here.ask("www.corp.example")) == ["www.example.net.", HONEST_TEXT]
        assert (inside.asked, outside.asked) == ([b"www"], [b"www"])


class AnswersTheFirstTry(Upstream):
    """Replies to the first try of a question when another one comes, and to no other: slow each time, by the clock of
    the server."""

    def _datagrams(self) -> None:
        first: dict[bytes, tuple[bytes, tuple[str, int]]] = {}
        self._udp.settimeout(0.05)
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError, ConnectionError):
                query, client = self._udp.recvfrom(4096)
                self.asked.append(first_label(query))
                question = question_of(query)
                if question not in first:
                    first[question] = (query, client)
                elif self.asked.count(first_label(query)) == 2:
                    query, client = first[question]
                    self._udp.sendto(reply(query, ADDRESS), client)


def test_a_reply_to_an_earlier_try_counts_while_the_question_is_open(school: MakeSchool) -> None:
    with AnswersTheFirstTry() as slow:
        here = school(forwarders=slow.quoted)
        for name in ("one.example.org", "two.example.org"):
            assert texts(here.ask(name)) == [HONEST_TEXT]
            assert slow.times_asked(name.partition(".")[0]) == 2
        assert here.status()["resolver"]["internal_errors"] == 0


def test_a_forwarder_two_seconds_late_answers_at_its_own_time(school: MakeSchool) -> None:
    with Upstream() as slow:
        slow.delay_s = 2.0
        here = school(forwarders=slow.quoted)
        assert texts(here.ask("late.example.org")) == [HONEST_TEXT]


def test_a_thousand_pointer_records_over_tcp_are_an_answer(running: School, upstream: Upstream) -> None:
    # Each name ends in the one that was asked for, so the forwarder's reply is short.
    pointers = [record(QUESTION, PTR, wire(f"host-{at}")[:-1] + QUESTION) for at in range(1000)]
    tried: list[bytes] = []

    def speech(query: bytes) -> list[bytes]:
        tried.append(query)
        return [truncated(reply(query))] if len(tried) == 1 else [reply(query, pointers)]

    upstream.says[b"thousand"] = speech
    answer = running.ask(f"thousand.{'some-department.' * 4}example.org", "PTR", tcp=True)
    assert (answer.rcode(), reasons(answer), len(texts(answer))) == (dns.rcode.NOERROR, set(), 1000)


def test_the_ds_record_of_a_forwarded_zone_is_asked_of_the_parents_side(school: MakeSchool) -> None:
    with Upstream() as inside, Upstream() as outside:
        data = record(QUESTION, DS, b"\x12\x34\x0d\2" + bytes(32))
        inside.says_else = outside.says_else = lambda query: [reply(query, [data])]
        zone = f'[[forward_zones]]\nzone = "corp.example"\nservers = [{inside.quoted}]\n'
        here = school(forwarders=outside.quoted, settings=zone)
        for name in ("corp.example", "below.corp.example"):
            assert len(texts(here.ask(name, "DS"))) == 1
        assert (inside.asked, outside.asked) == ([b"below"], [b"corp"])


def test_a_further_try_for_the_ds_record_stays_on_the_parents_side(school: MakeSchool) -> None:
    with Upstream() as inside, Upstream() as outside, Upstream() as outside_too:
        outside.says_else = lambda query: [reply(query, rcode=2)]
        outside_too.says_else = lambda query: [reply(query, rcode=2)]
        zone = f'[[forward_zones]]\nzone = "corp.example"\nservers = [{inside.quoted}]\n'
        here = school(forwarders=f"{outside.quoted}, {outside_too.quoted}", settings=zone)
        assert dns.rcode.to_text(here.ask("corp.example", "DS").rcode()) == "SERVFAIL"
        assert (inside.asked, outside.asked, outside_too.asked) == ([], [b"corp"], [b"corp"])


def test_what_one_worker_has_resolved_no_other_asks_for(school: MakeSchool) -> None:
    with Upstream() as upstream, contextlib.ExitStack() as open_sockets:
        here = school(forwarders=upstream.quoted, workers=2)
        # The kernel chooses the worker by the client's port.
        clients = [open_sockets.enter_context(_client(here)) for _ in range(12)]
        names = [f"shared-{number}" for number in range(25)]
        for name in names:
            for client in clients:
                client.send(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + wire(f"{name}.example.org") + b"\0\1\0\1")
                assert client.recv(512)[3] & 0x0F == dns.rcode.NOERROR
        assert {name: upstream.times_asked(name) for name in names} == dict.fromkeys(names, 1)


def _client(here: School) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(6.0)
    sock.bind((UNLIMITED, 0))
    sock.connect(("127.0.0.1", here.port))
    return sock
