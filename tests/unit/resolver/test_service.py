"""The whole cold path against the stand-in: from a miss to its completion."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.stand_in.upstream import StandIn
from tests.unit.resolver.planes import MissPlane, query_for, until, wire_name

from schoolgate.resolver.errands import failure_key, probe_query
from schoolgate.resolver.forwarders import Forwarder, ForwarderSet, Routes
from schoolgate.resolver.resolution import EDE_NETWORK_ERROR, EDE_NO_REACHABLE_AUTHORITY, Patience
from schoolgate.resolver.service import ResolverService, descriptors_for

QUICK = Patience(tries=3, timeout_s=0.03, total_s=1.0)


class Clock:
    """The monotonic clock, which a test may put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


class Bench:
    """A service with its plane and clock."""

    def __init__(self) -> None:
        self.plane = MissPlane()
        self.clock = Clock()
        self.service: ResolverService | None = None

    def serve(self, *upstreams: StandIn, patience: Patience = QUICK, outstanding_max: int = 100) -> ResolverService:
        self.forwarders = [Forwarder(each.address, each.port) for each in upstreams]
        return self.serve_routes(Routes(ForwarderSet(self.forwarders)), patience, outstanding_max)

    def serve_routes(self, routes: Routes, patience: Patience = QUICK, outstanding_max: int = 100) -> ResolverService:
        self.service = ResolverService(
            self.plane, routes, patience=patience, clock=self.clock, outstanding_max=outstanding_max
        )
        self.service.start()
        return self.service

    async def settled(self) -> None:
        """Until no question is under way."""
        service = self.service
        assert service is not None
        await until(lambda: not service.stats()["outstanding"])


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    if made.service is not None:
        made.service.close()
    made.plane.close()


def rcode(octets: bytes | None) -> int:
    assert octets is not None
    return octets[3] & 15


@pytest.mark.parametrize(
    ("name", "expected"), [("www.example.com", 0), ("nx.example.com", 3), ("nodata.example.com", 0)]
)
async def test_a_miss_is_completed_with_the_forwarders_reply(
    upstream: StandIn, bench: Bench, name: str, expected: int
) -> None:
    bench.serve(upstream)
    octets, ede = await bench.plane.ask(name)
    assert (rcode(octets), ede) == (expected, 0)


async def test_misses_that_fail_at_once_come_back_in_one_batch(upstream: StandIn, bench: Bench) -> None:
    bench.serve(upstream)
    bench.forwarders[0].is_up = False
    await asyncio.gather(*(bench.plane.put(f"host{number}.example.com") for number in range(1000)))
    assert bench.plane.batches == [1000]


async def test_many_misses_are_all_answered(upstream: StandIn, bench: Bench) -> None:
    service = bench.serve(upstream, patience=Patience(), outstanding_max=5000)
    waiting = [bench.plane.put(f"host{number}.example.com") for number in range(1500)]
    results = await asyncio.gather(*waiting)
    assert all(octets is not None for octets, _ in results)
    assert service.stats()["answered"] == 1500


async def test_a_truncated_reply_is_fetched_over_tcp(upstream: StandIn, bench: Bench) -> None:
    bench.serve(upstream)
    octets, _ = await bench.plane.ask("big.example.com", 16)
    assert octets is not None
    assert len(octets) > 5000
    assert [one.transport for one in upstream.seen] == ["udp", "tcp"]


async def test_when_one_forwarder_is_dead_the_other_answers(
    upstream: StandIn, second_upstream: StandIn, bench: Bench
) -> None:
    upstream.is_dead = True
    bench.serve(upstream, second_upstream)
    octets, _ = await bench.plane.ask("www.example.com")
    assert rcode(octets) == 0


async def test_when_one_forwarder_fails_the_other_answers_and_if_both_do_the_failure_is_handed_on(
    upstream: StandIn, second_upstream: StandIn, bench: Bench
) -> None:
    upstream.rcode = 2
    bench.serve(upstream, second_upstream)
    assert rcode((await bench.plane.ask("a.example.com"))[0]) == 0
    second_upstream.rcode = 5
    octets, ede = await bench.plane.ask("b.example.com")
    assert (rcode(octets) in (2, 5), ede) == (True, 0)


async def test_all_dead_fails_with_ede_22_within_the_clients_patience(upstream: StandIn, bench: Bench) -> None:
    upstream.is_dead = True
    bench.serve(upstream)
    assert await bench.plane.ask("www.example.com") == (None, EDE_NO_REACHABLE_AUTHORITY)
    assert upstream.asked("www") == 3


async def test_all_refused_fails_with_ede_23(upstream: StandIn, bench: Bench) -> None:
    await upstream.stop()
    bench.serve(upstream)
    assert await bench.plane.ask("www.example.com") == (None, EDE_NETWORK_ERROR)


async def test_an_equal_question_fails_fast_while_the_failure_is_remembered(upstream: StandIn, bench: Bench) -> None:
    service = bench.serve(upstream)
    first = await bench.plane.ask("servfail.example.com")
    again = await bench.plane.ask("servfail.example.com")
    assert first == again
    assert upstream.asked("servfail") == 1
    assert service.stats()["failures_recalled"] == 1
    await bench.plane.ask("servfail.example.com", 28)
    assert upstream.asked("servfail") == 2, "another type is another question"
    bench.clock.ahead_s += 1.0
    await bench.plane.ask("servfail.example.com")
    assert upstream.asked("servfail") == 3


async def test_an_answer_ends_the_memory_of_a_failure(upstream: StandIn, bench: Bench) -> None:
    service = bench.serve(upstream)
    upstream.rcode = 2
    await bench.plane.ask("www.example.com")
    upstream.rcode = 0
    bench.clock.ahead_s += 1.0
    assert rcode((await bench.plane.ask("www.example.com"))[0]) == 0
    assert service.stats()["failures_remembered"] == 0


async def dead_and_known(upstream: StandIn, bench: Bench, service: ResolverService) -> None:
    """Until the service knows that its only forwarder is down."""
    upstream.is_dead = True
    await bench.plane.ask("www.example.com")
    await bench.plane.ask("www.example.net")
    service.check_forwarders(bench.clock())
    await bench.settled()
    assert service.health()[0]["state"] == "down"
    assert service.stats()["forwarders_lost"] == 1


async def test_a_dead_forwarder_costs_one_probe_a_second_and_misses_fail_at_once(
    upstream: StandIn, bench: Bench
) -> None:
    service = bench.serve(upstream)
    await dead_and_known(upstream, bench, service)
    seen = len(upstream.seen)
    for number in range(20):
        assert await bench.plane.ask(f"host{number}.example.com") == (None, EDE_NO_REACHABLE_AUTHORITY)
    assert len(upstream.seen) == seen
    bench.clock.ahead_s += 1.0
    for _ in range(5):
        service.check_forwarders(bench.clock())
    await bench.settled()
    assert len(upstream.seen) == seen + 1


async def test_every_second_probe_repeats_what_the_forwarder_has_answered_before(
    upstream: StandIn, bench: Bench
) -> None:
    service = bench.serve(upstream)
    await bench.plane.ask("known.example.com")
    await dead_and_known(upstream, bench, service)
    seen = len(upstream.seen)
    for _ in range(2):
        bench.clock.ahead_s += 1.0
        service.check_forwarders(bench.clock())
        await bench.settled()
    assert [one.question.first for one in upstream.seen[seen:]] == [b"known", b""]


async def test_recovery_is_noticed_by_the_next_probe_and_ends_remembered_failures(
    upstream: StandIn, bench: Bench
) -> None:
    service = bench.serve(upstream)
    await dead_and_known(upstream, bench, service)
    upstream.is_dead = False
    bench.clock.ahead_s += 1.0
    service.check_forwarders(bench.clock())
    await bench.settled()
    assert service.health()[0]["state"] == "up"
    assert service.stats()["recoveries"] == 1
    assert rcode((await bench.plane.ask("www.example.com"))[0]) == 0


async def test_names_whose_own_servers_are_dead_do_not_take_a_forwarder_down(upstream: StandIn, bench: Bench) -> None:
    service = bench.serve(upstream)
    for number in range(3):
        await bench.plane.ask(f"drop.zone{number}.example")
    bench.clock.ahead_s += 1.0
    service.check_forwarders(bench.clock())
    await bench.settled()
    assert service.health()[0]["state"] == "up"
    assert rcode((await bench.plane.ask("www.example.com"))[0]) == 0


async def test_a_flapping_forwarder_is_asked_again_and_answers(upstream: StandIn, bench: Bench) -> None:
    upstream.is_flapping = True
    bench.serve(upstream)
    for number in range(4):
        assert rcode((await bench.plane.ask(f"host{number}.example.com"))[0]) == 0


async def test_a_name_goes_to_the_forwarders_of_its_zone(
    upstream: StandIn, second_upstream: StandIn, bench: Bench
) -> None:
    default = ForwarderSet([Forwarder(upstream.address, upstream.port)])
    corp = ForwarderSet([Forwarder(second_upstream.address, second_upstream.port)])
    service = bench.serve_routes(Routes(default, {"corp.example": corp}))
    await bench.plane.ask("dc1.corp.example")
    await bench.plane.ask("www.example.com")
    assert (upstream.asked("dc1"), second_upstream.asked("dc1")) == (0, 1)
    assert (upstream.asked("www"), second_upstream.asked("www")) == (1, 0)
    service.install(Routes(default))
    await bench.plane.ask("dc2.corp.example")
    assert upstream.asked("dc2") == 1


async def test_too_many_questions_under_way_fail_at_once_and_are_counted(upstream: StandIn, bench: Bench) -> None:
    upstream.is_dead = True
    service = bench.serve(upstream, outstanding_max=64, patience=Patience(timeout_s=5.0, total_s=5.0))
    waiting = [bench.plane.put(f"host{number}.example.com") for number in range(70)]
    overflowed = await asyncio.wait_for(asyncio.gather(*waiting[64:]), 5)
    assert overflowed == [(None, EDE_NETWORK_ERROR)] * 6
    assert service.stats()["overflow"] == 6
    assert service.stats()["outstanding"] == 64


async def test_closing_completes_what_is_under_way(upstream: StandIn, bench: Bench) -> None:
    upstream.is_dead = True
    service = bench.serve(upstream, patience=Patience())
    waiting = bench.plane.put("www.example.com")
    await until(lambda: service.stats()["outstanding"])
    service.close()
    assert await waiting == (None, EDE_NETWORK_ERROR)
    service.close()


async def test_a_malformed_miss_is_completed_as_a_failure_and_counted(
    upstream: StandIn, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    service = bench.serve(upstream)
    broken = bench.plane.put("x", query=b"\0" * 12 + b"\x3fshort")
    sound = bench.plane.put("www.example.com")
    assert await broken == (None, EDE_NETWORK_ERROR)
    assert rcode((await sound)[0]) == 0
    assert service.stats()["internal_errors"] == 1


def test_equal_failed_questions_have_equal_keys_whatever_their_case() -> None:
    def key(query: bytes) -> bytes:
        return failure_key(query[12:-11], query)

    assert key(query_for("WWW.Example.com")) == key(query_for("www.example.com", ident=7))
    assert key(query_for("www.example.com", 65)) != key(query_for("www.example.com", 97))
    checking_disabled = bytearray(query_for("www.example.com"))
    checking_disabled[3] |= 0x10
    assert key(bytes(checking_disabled)) != key(query_for("www.example.com"))


def test_probes_ask_for_the_name_servers_of_the_zone() -> None:
    assert probe_query("")[12:] == b"\0\0\2\0\1"
    assert probe_query("corp.example")[12:] == wire_name("corp.example") + b"\0\2\0\1"


def test_the_bound_on_questions_fits_the_descriptors_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(1024, 2048)]
    monkeypatch.setattr("resource.getrlimit", lambda _: limits[-1])
    monkeypatch.setattr("resource.setrlimit", lambda _, wanted: limits.append(wanted))
    assert descriptors_for(100) == 100
    assert limits == [(1024, 2048)]
    assert descriptors_for(8192) == 2048 - 512
    assert limits[-1] == (2048, 2048)
