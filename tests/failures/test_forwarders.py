"""Forwarders that are dead, slow, absent, or come and go: what needs none of them is answered all the same."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import dns.message
import dns.rcode
from tests.failures.conftest import MakeSchool
from tests.failures.namespaces import needs_mounts, with_mounts
from tests.failures.school import (
    BLOCKED,
    IN_TIME_S,
    LOCAL,
    NETWORK_ERROR,
    NO_REACHABLE_AUTHORITY,
    STALE,
    School,
    reasons,
    texts,
    until,
)
from tests.failures.upstream import Upstream

# An answer from here takes a millisecond; this is for a busy machine.
AT_ONCE_S = 0.5
RECOVERY_S = 5.0


def ask_at_once(here: School, names: list[str]) -> None:
    """Asks and does not wait."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for name in names:
            client.sendto(dns.message.make_query(name, "A").to_wire(), ("127.0.0.1", here.port))


def test_with_all_forwarders_dead_what_is_known_is_answered_and_the_rest_fails_in_time_until_one_is_back(
    school: MakeSchool,
) -> None:
    with Upstream() as one, Upstream() as two:
        here = school(forwarders=f"{one.quoted}, {two.quoted}")
        here.ask("kept.example.org")
        one.is_dead = two.is_dead = True
        begun = time.monotonic()
        answer = here.ask("never-asked.example.org")
        assert time.monotonic() - begun < IN_TIME_S
        assert answer.rcode() == dns.rcode.SERVFAIL
        assert reasons(answer) == {NO_REACHABLE_AUTHORITY}
        for name in (BLOCKED, LOCAL, "kept.example.org"):
            begun = time.monotonic()
            assert here.rcode(name) == ("NXDOMAIN" if name == BLOCKED else "NOERROR")
            assert time.monotonic() - begun < AT_ONCE_S
        ask_at_once(here, [f"lost-{at}.example.org" for at in range(8)])
        until(lambda: any("no forwarder answers" in one for one in here.status()["problems"]))

        two.is_dead = False
        until(lambda: here.rcode("back.example.org") == "NOERROR", RECOVERY_S)


def test_a_forwarder_that_is_not_there_fails_at_once_with_a_network_error(school: MakeSchool) -> None:
    with Upstream() as gone:
        pass
    here = school(forwarders=gone.quoted)
    begun = time.monotonic()
    answer = here.ask("www.example.org")
    assert time.monotonic() - begun < AT_ONCE_S
    assert (answer.rcode(), reasons(answer)) == (dns.rcode.SERVFAIL, {NETWORK_ERROR})
    assert here.filters()


def test_past_its_ttl_an_answer_is_served_stale_when_no_forwarder_answers(school: MakeSchool) -> None:
    with Upstream() as upstream:
        upstream.ttl_s = 1
        here = school(forwarders=upstream.quoted)
        fresh = texts(here.ask("www.example.org"))
        upstream.is_dead = True
        until(lambda: STALE in reasons(here.ask("www.example.org")))
        begun = time.monotonic()
        stale = here.ask("www.example.org")
        assert time.monotonic() - begun < AT_ONCE_S, "only the first client waits"
        assert (texts(stale), stale.answer[0].ttl <= 30) == (fresh, True)
        assert here.counter("stale") >= 2


def test_a_slow_forwarder_gives_way_to_a_quick_one(school: MakeSchool) -> None:
    with Upstream() as slow, Upstream() as quick:
        slow.delay_s = 2.0
        here = school(forwarders=f"{slow.quoted}, {quick.quoted}")
        assert here.rcode("first.example.org") == "NOERROR"
        begun = time.monotonic()
        assert {here.rcode(f"next-{at}.example.org") for at in range(20)} == {"NOERROR"}
        assert time.monotonic() - begun < IN_TIME_S, "the slow one is not waited for each time"


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
    begun = time.monotonic()
    answer = here.ask("www.example.org")
    assert time.monotonic() - begun < AT_ONCE_S
    assert (answer.rcode(), reasons(answer)) == (dns.rcode.SERVFAIL, {NO_REACHABLE_AUTHORITY})
    assert here.filters()
    assert any("there is no forwarder" in one for one in here.status()["problems"])
