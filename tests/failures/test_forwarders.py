"""Forwarders that are dead, slow, absent, or come and go: what needs none of them is answered all the same."""

from __future__ import annotations

import socket
from pathlib import Path

import dns.message
import dns.rcode
from tests.failures.conftest import MakeSchool
from tests.failures.namespaces import needs_mounts, with_mounts
from tests.failures.school import (
    ANSWER_WITHIN_S,
    BLOCKED,
    LOCAL,
    NETWORK_ERROR,
    NO_REACHABLE_AUTHORITY,
    STALE,
    School,
    reasons,
    texts,
)
from tests.failures.upstream import Upstream
from tests.waiting import until


def ask_at_once(here: School, names: list[str]) -> None:
    """Asks and does not wait."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for name in names:
            client.sendto(dns.message.make_query(name, "A").to_wire(), ("127.0.0.1", here.port))


def answered_in_order(here: School, names: list[str]) -> dict[str, dns.message.Message]:
    """Asks all at once; the answers in the order in which they come."""
    queries = [dns.message.make_query(name, "A", use_edns=0, id=at) for at, name in enumerate(names)]
    answers = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(ANSWER_WITHIN_S)
        for octets in [query.to_wire() for query in queries]:
            client.sendto(octets, ("127.0.0.1", here.port))
        for _ in names:
            answer = dns.message.from_wire(client.recv(4096))
            answers[names[answer.id]] = answer
    return answers


def test_with_all_forwarders_dead_what_is_known_is_answered_and_the_rest_fails_in_time_until_one_is_back(
    school: MakeSchool,
) -> None:
    with Upstream() as one, Upstream() as two:
        here = school(forwarders=f"{one.quoted}, {two.quoted}")
        here.ask("kept.example.org")
        one.is_dead = two.is_dead = True
        # What is known does not wait for what is not.
        answers = answered_in_order(here, ["never-asked.example.org", BLOCKED, LOCAL, "kept.example.org"])
        assert [(name, dns.rcode.to_text(answer.rcode())) for name, answer in answers.items()] == [
            (BLOCKED, "NXDOMAIN"),
            (LOCAL, "NOERROR"),
            ("kept.example.org", "NOERROR"),
            ("never-asked.example.org", "SERVFAIL"),
        ]
        assert reasons(answers["never-asked.example.org"]) == {NO_REACHABLE_AUTHORITY}
        ask_at_once(here, [f"lost-{at}.example.org" for at in range(8)])
        until(lambda: any("no forwarder answers" in one for one in here.status()["problems"]))

        two.is_dead = False
        until(lambda: here.rcode("back.example.org") == "NOERROR")


def test_a_forwarder_that_is_not_there_fails_at_once_with_a_network_error(school: MakeSchool) -> None:
    with Upstream() as gone:
        pass
    here = school(forwarders=gone.quoted)
    answer = here.ask("www.example.org")
    assert (answer.rcode(), reasons(answer)) == (dns.rcode.SERVFAIL, {NETWORK_ERROR})
    (health,) = here.status()["forwarders"]
    assert health["timeouts"] == 0, "nobody waited"
    assert health["network_errors"] > 0
    assert here.filters()


def test_past_its_ttl_an_answer_is_served_stale_when_no_forwarder_answers(school: MakeSchool) -> None:
    with Upstream() as upstream:
        upstream.ttl_s = 1
        here = school(forwarders=upstream.quoted)
        fresh = texts(here.ask("www.example.org"))
        upstream.is_dead = True
        until(lambda: STALE in reasons(here.ask("www.example.org")))
        misses = here.counter("cache_misses")
        stale = here.ask("www.example.org")
        assert here.counter("cache_misses") == misses, "only the first client waits"
        assert (texts(stale), stale.answer[0].ttl <= 30) == (fresh, True)
        assert here.counter("stale") >= 2


def test_a_slow_forwarder_gives_way_to_a_quick_one(school: MakeSchool) -> None:
    with Upstream() as slow, Upstream() as quick:
        slow.delay_s = 2.0
        here = school(forwarders=f"{slow.quoted}, {quick.quoted}")
        assert here.rcode("first.example.org") == "NOERROR"
        assert {here.rcode(f"next-{at}.example.org") for at in range(20)} == {"NOERROR"}
        waited_for = sum(slow.times_asked(f"next-{at}") for at in range(20))
        assert waited_for < 5, "the slow one is not waited for each time"


def test_with_a_forwarder_that_answers_every_second_query_every_client_is_answered(school: MakeSchool) -> None:
    with Upstream() as flapping, Upstream() as steady:
        here = school(forwarders=f"{flapping.quoted}, {steady.quoted}")
        for at in range(6):
            flapping.is_dead = at % 2 == 0
            assert here.rcode(f"flap-{at}.example.org") == "NOERROR"


@needs_mounts
def test_without_any_forwarder_it_starts_filters_and_says_so(school: MakeSchool, tmp_path: Path) -> None:
    here: School = school(forwarders='"system"', is_started=False)
    empty = tmp_path / "resolv.conf"
    empty.touch()
    files = "/run/systemd/resolve/resolv.conf /etc/resolv.conf"
    hide = f"for file in {files}; do if [ -e $file ]; then mount --bind {empty} $file; fi; done"
    here.start(wrap=with_mounts(hide))
    answer = here.ask("www.example.org")
    assert (answer.rcode(), reasons(answer)) == (dns.rcode.SERVFAIL, {NO_REACHABLE_AUTHORITY})
    assert here.filters()
    assert any("there is no forwarder" in one for one in here.status()["problems"])
