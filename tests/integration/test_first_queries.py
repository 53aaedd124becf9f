"""What a school sees on the first day: blocked, open, local, absent, over UDP and TCP, each segment its own policy."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from tests.integration.conftest import Start
from tests.integration.serving import ANSWER_WITHIN_S, GUEST, PUPIL, STAFF, Serving, reasons, texts
from tests.integration.upstream_thread import UpstreamThread

BLOCKED, FILTERED = 15, 17


def test_an_allowed_name_is_resolved_through_the_forwarder(server: Serving, upstream: UpstreamThread) -> None:
    answer = server.ask("asked-once.example.org")
    assert answer.rcode() == dns.rcode.NOERROR
    assert len(texts(answer)) == 1
    assert upstream.stand_in.asked("asked-once") == 1


def test_the_second_question_is_answered_from_the_cache(server: Serving, upstream: UpstreamThread) -> None:
    first = texts(server.ask("cached.example.org"))
    assert texts(server.ask("cached.example.org", source=STAFF)) == first
    assert upstream.stand_in.asked("cached") == 1


def test_a_listed_name_is_denied_with_a_reason_and_a_short_ttl(server: Serving) -> None:
    answer = server.ask("gambling.blocked.example.com")
    assert answer.rcode() == dns.rcode.NXDOMAIN
    assert [code for code, _ in reasons(answer)] == [BLOCKED]
    soa = answer.authority[0]
    assert soa.ttl <= 30
    assert soa[0].minimum <= 30


def test_names_below_a_listed_name_are_denied(server: Serving) -> None:
    assert server.rcode("deep.down.gambling.blocked.example.com") == "NXDOMAIN"


def test_the_segment_of_the_client_chooses_the_policy(server: Serving) -> None:
    name = "gambling.blocked.example.com"
    assert [server.rcode(name, source=client) for client in (PUPIL, STAFF, GUEST)] == [
        "NXDOMAIN",
        "NOERROR",
        "NXDOMAIN",
    ]


def test_what_one_segment_cached_stays_denied_to_another(server: Serving) -> None:
    name = "www.gambling.blocked.example.com"
    assert server.rcode(name, source=STAFF) == "NOERROR"
    assert server.rcode(name, source=PUPIL) == "NXDOMAIN"


def test_what_the_trust_locks_is_denied_to_staff_too(server: Serving) -> None:
    assert server.rcode("pornography.blocked.example.com", source=STAFF) == "NXDOMAIN"


def test_help_lines_are_open_to_everybody(server: Serving) -> None:
    assert {server.rcode("help-lines.allowed.example.com", source=one) for one in (PUPIL, STAFF, GUEST)} == {"NOERROR"}


def test_one_rcode_for_all_types_of_a_denied_name(server: Serving) -> None:
    kinds = ("A", "AAAA", "HTTPS", "TXT", "MX")
    assert {server.rcode("gambling.blocked.example.com", kind) for kind in kinds} == {"NXDOMAIN"}


def test_the_browsers_canary_does_not_exist(server: Serving) -> None:
    assert server.rcode("use-application-dns.net") == "NXDOMAIN"


def test_local_names_are_answered_from_here(server: Serving, upstream: UpstreamThread) -> None:
    assert texts(server.ask("localhost")) == ["127.0.0.1"]
    assert upstream.stand_in.asked("localhost") == 0


def test_a_name_that_is_not_there_does_not_exist(server: Serving) -> None:
    answer = server.ask("nx.example.org")
    assert answer.rcode() == dns.rcode.NXDOMAIN
    assert reasons(answer) == []


def test_a_search_engine_is_answered_with_its_safe_address(server: Serving) -> None:
    answer = server.ask("www.google.com")
    assert texts(answer)[0] == "forcesafesearch.google.com."


@pytest.mark.parametrize("name", ["www.example.net", "gambling.blocked.example.com", "localhost"])
def test_tcp_gives_the_same_answer_as_udp(server: Serving, name: str) -> None:
    over_udp, over_tcp = server.ask(name), server.ask(name, tcp=True)
    assert (over_tcp.rcode(), texts(over_tcp)) == (over_udp.rcode(), texts(over_udp))


def test_a_long_answer_is_truncated_and_whole_over_tcp(start: Start) -> None:
    lines = "\n".join(f'long.school.example. 300 IN TXT "{number:0200}"' for number in range(12))
    server = start(settings=f"[local]\nrecords = '''\n{lines}\n'''\n")
    short = server.ask("long.school.example", "TXT")
    assert short.flags & dns.flags.TC
    assert len(short.to_wire()) <= 1232
    whole = server.ask("long.school.example", "TXT", tcp=True)
    assert not whole.flags & dns.flags.TC
    assert len(texts(whole)) == 12


def test_a_client_without_edns_gets_no_opt_record(server: Serving) -> None:
    answer = server.ask("gambling.blocked.example.com", edns=False)
    assert answer.rcode() == dns.rcode.NXDOMAIN
    assert answer.edns == -1


def test_an_unknown_edns_version_is_told_so(server: Serving) -> None:
    query = dns.message.make_query("www.example.org", "A", use_edns=1)
    answer = dns.query.udp(query, "127.0.0.1", timeout=ANSWER_WITHIN_S, port=server.port)
    assert answer.rcode() == dns.rcode.BADVERS


def test_letters_come_back_in_the_case_they_were_asked(server: Serving) -> None:
    answer = server.ask("wWw.ExAmPlE.oRg")
    assert str(answer.question[0].name) == "wWw.ExAmPlE.oRg."
