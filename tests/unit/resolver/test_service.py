"""The whole cold path against the stand-in, with the core's own plane: from a question to what its client hears."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.stand_in import answers
from tests.stand_in.upstream import StandIn
from tests.unit.resolver.planes import Heard, OpenPlane, wire_name
from tests.waiting import PATIENT_S, until_turned

from schoolgate.resolver import forwarders as forwarders_module
from schoolgate.resolver.exchange_owners import MissExchange, ProbeExchange, probe_query
from schoolgate.resolver.forwarders import SUSPECT_AFTER, Forwarder, ForwarderSet, Routes
from schoolgate.resolver.resolution import EDE_NETWORK_ERROR, EDE_NO_REACHABLE_AUTHORITY, Patience
from schoolgate.resolver.resolver_service import ResolverService
from schoolgate.resolver.stream_exchange import StreamDialogue

NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
# For forwarders that answer: as long as a test may last.
PATIENT = Patience(tries=3, timeout_s=60.0, total_s=3600.0)
# For those that answer some questions: a try that is left alone ends when the bench says so. The plane gives a question
# up after 4 s, by the same clock.
FAIR = Patience(tries=3, timeout_s=2.0, total_s=3600.0)
# For forwarders that are dead: each try ends soon, and nothing that answers is waited for.
BRIEF = Patience(tries=3, timeout_s=0.03, total_s=3600.0)


class Clock:
    """Goes on only when a test puts it forward, so that a busy machine has as much time as any."""

    def __init__(self) -> None:
        self._begun_s = time.monotonic()
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return self._begun_s + self.ahead_s


class Bench:
    """A service with its plane and clock."""

    def __init__(self) -> None:
        self.plane = OpenPlane()
        self.clock = Clock()
        self.service: ResolverService | None = None
        self._upstreams: tuple[StandIn, ...] = ()
        self._given_up = 0

    def serve(self, *upstreams: StandIn, patience: Patience = PATIENT) -> ResolverService:
        self._upstreams = upstreams
        self.forwarders = [Forwarder(each.address, each.port) for each in upstreams]
        return self.serve_routes(Routes(ForwarderSet(self.forwarders)), patience)

    def serve_routes(self, routes: Routes, patience: Patience = PATIENT) -> ResolverService:
        self.service = ResolverService(self.plane.core, routes, patience=patience, clock=self.clock)
        self.service.start()
        # Forwarders are looked at when a test calls `check_forwarders`, and not by a timer.
        assert self.service._probe_timer is not None
        self.service._probe_timer.cancel()
        return self.service

    def wait_with(self, patience: Patience) -> None:
        """For what is asked from now on."""
        assert self.service is not None
        self.service.install(self.service._routes, patience)

    async def ask_past_silence(self, name: str) -> Heard:
        """Ask; where all that is under way is left alone, time passes until these tries are over."""
        service, waiting = self.service, self.plane.put(name)
        assert service is not None

        def is_heard() -> bool:
            now = service.stats()
            left_alone = sum(one.left_alone for one in self._upstreams)
            if now["under_way_udp"] == left_alone - self._given_up > 0 == now["under_way_tcp"]:
                self._given_up = left_alone
                self.clock.ahead_s += FAIR.timeout_s
            return waiting.done()

        await until_turned(is_heard)
        return waiting.result()

    async def settled(self) -> None:
        """Until no question is under way."""
        service = self.service
        assert service is not None
        await until_turned(lambda: not service.stats()["under_way_udp"])


@pytest_asyncio.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    # Else a forwarder that answered at once is given 50 ms for the next reply.
    monkeypatch.setattr(forwarders_module, "SHORTEST_TIMEOUT_S", PATIENT.timeout_s)
    made = Bench()
    yield made
    if made.service is not None:
        made.service.close()
    made.plane.close()


@pytest.mark.parametrize(
    ("name", "expected"), [("www.example.com", NOERROR), ("nx.example.com", NXDOMAIN), ("nodata.example.com", NOERROR)]
)
async def test_a_miss_is_completed_with_the_forwarders_reply(
    upstream: StandIn, bench: Bench, name: str, expected: int
) -> None:
    service = bench.serve(upstream)
    heard = await bench.plane.ask(name)
    assert (heard.rcode, heard.reasons) == (expected, set())
    assert service.stats()["taken_over"] == 0, "Python heard numbers only"
    told = service.health()[0]
    assert (told["sent"], told["replies"], told["srtt_ms"] is not None) == (1, 1, True)


async def test_many_misses_are_all_answered(upstream: StandIn, bench: Bench) -> None:
    service = bench.serve(upstream)
    heard = await asyncio.gather(*(bench.plane.put(f"host{number}.example{number % 3}.com") for number in range(1500)))
    assert {one.rcode for one in heard} == {NOERROR}
    assert service.stats()["answered"] == 1500
    assert len({one.ident for one in upstream.seen}) > 1400, "about one pair in 65,536 shares an id"


async def test_questions_that_follow_each_other_leave_from_many_ports(upstream: StandIn, bench: Bench) -> None:
    bench.serve(upstream)
    for number in range(40):
        await bench.plane.ask(f"host{number}.example.com")
    ports = {one.source_port for one in upstream.seen}
    assert len(ports) > 8, "they draw among sixteen"
    bench.clock.ahead_s += 1.0
    for number in range(40):
        await bench.plane.ask(f"later{number}.example.com")
    later = {one.source_port for one in upstream.seen[40:]}
    assert len(ports & later) < 4, "a port lives for a second"


async def test_ipv6_forwarders_are_asked_too(bench: Bench) -> None:
    upstream = StandIn()
    await upstream.start("::1")
    try:
        bench.serve(upstream)
        assert (await bench.plane.ask("www.example.com")).rcode == NOERROR
    finally:
        await upstream.stop()


async def test_lies_are_ignored_and_too_many_of_them_move_the_question_to_tcp(
    upstream: StandIn, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = bench.serve(upstream)
    heard = await bench.plane.ask("liar.example.com")
    assert (heard.rcode, b"\xcb\0\x71\x42" in heard.octets) == (NOERROR, False), "the forged address"
    assert service.stats()["mismatches"] == bench.forwarders[0].mismatches == 5
    few = answers.lies
    monkeypatch.setattr(answers, "lies", lambda query, question: 2 * few(query, question))
    assert (await bench.plane.ask("liar.example.net")).rcode == NOERROR
    assert [one.transport for one in upstream.seen] == ["udp", "udp", "tcp"]


async def test_a_truncated_reply_is_fetched_over_tcp(upstream: StandIn, bench: Bench) -> None:
    bench.serve(upstream)
    heard = await bench.plane.ask("big.example.com", 16)
    assert (heard.rcode, len(heard.message.answer)) == (NOERROR, 1)
    assert [one.transport for one in upstream.seen] == ["udp", "tcp"]


async def test_when_one_forwarder_is_dead_the_other_answers(
    upstream: StandIn, second_upstream: StandIn, bench: Bench
) -> None:
    upstream.is_dead = True
    bench.serve(upstream, second_upstream, patience=FAIR)
    assert (await bench.ask_past_silence("www.example.com")).rcode == NOERROR
    assert (upstream.left_alone, second_upstream.asked("www")) == (1, 1)


async def test_when_one_forwarder_fails_the_other_answers_and_if_both_do_the_failure_is_handed_on(
    upstream: StandIn, second_upstream: StandIn, bench: Bench
) -> None:
    upstream.rcode = 2
    bench.serve(upstream, second_upstream)
    assert (await bench.plane.ask("a.example.com")).rcode == NOERROR
    second_upstream.rcode = 5
    heard = await bench.plane.ask("b.example.com")
    assert (heard.rcode, heard.reasons) == (SERVFAIL, {EDE_NO_REACHABLE_AUTHORITY})


async def test_all_dead_fails_with_ede_22_within_the_clients_patience(upstream: StandIn, bench: Bench) -> None:
    upstream.is_dead = True
    bench.serve(upstream, patience=BRIEF)
    assert (await bench.plane.ask("www.example.com")).reasons == {EDE_NO_REACHABLE_AUTHORITY}
    assert upstream.asked("www") == 3


async def test_all_refused_fails_with_ede_23(upstream: StandIn, bench: Bench) -> None:
    await upstream.stop()
    bench.serve(upstream)
    assert (await bench.plane.ask("www.example.com")).reasons == {EDE_NETWORK_ERROR}


async def test_an_equal_question_fails_fast_while_the_failure_is_remembered(upstream: StandIn, bench: Bench) -> None:
    bench.serve(upstream)
    for _ in range(2):
        assert (await bench.plane.ask("servfail.example.com")).rcode == SERVFAIL
    assert upstream.asked("servfail") == 1
    await bench.plane.ask("servfail.example.com", 28)
    assert upstream.asked("servfail") == 2, "another type is another question"


async def dead_and_known(upstream: StandIn, bench: Bench, service: ResolverService) -> None:
    """Until the service knows that its only forwarder is down."""
    upstream.is_dead = True
    bench.wait_with(BRIEF)
    await bench.plane.ask("www.example.com")
    await bench.plane.ask("www.example.net")
    service.check_forwarders(bench.clock())
    await bench.settled()
    assert service.health()[0]["state"] == "down"
    assert service.stats()["forwarders_lost"] == 1


async def test_a_look_at_healthy_forwarders_asks_the_plane_nothing(
    upstream: StandIn, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = bench.serve(upstream)
    await bench.plane.ask("www.example.com")
    service.health()
    with monkeypatch.context() as patch:
        # Nothing can be called there.
        patch.setattr(service._datagrams, "_plane", object())
        service.check_forwarders(bench.clock())


async def test_a_dead_forwarder_costs_one_probe_a_second_and_misses_fail_at_once(
    upstream: StandIn, bench: Bench
) -> None:
    service = bench.serve(upstream)
    await dead_and_known(upstream, bench, service)
    seen = len(upstream.seen)
    for number in range(20):
        assert (await bench.plane.ask(f"host{number}.example.com")).reasons == {EDE_NO_REACHABLE_AUTHORITY}
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


async def test_recovery_is_noticed_by_the_next_probe(upstream: StandIn, bench: Bench) -> None:
    service = bench.serve(upstream)
    await dead_and_known(upstream, bench, service)
    upstream.is_dead = False
    bench.wait_with(PATIENT)
    bench.clock.ahead_s += 1.0
    service.check_forwarders(bench.clock())
    await bench.settled()
    assert service.health()[0]["state"] == "up"
    assert service.stats()["recoveries"] == 1
    assert (await bench.plane.ask("back.example.com")).rcode == NOERROR


async def test_names_whose_own_servers_are_dead_do_not_take_a_forwarder_down(upstream: StandIn, bench: Bench) -> None:
    service = bench.serve(upstream, patience=BRIEF)
    for number in range(3):
        assert (await bench.plane.ask(f"drop.zone{number}.example")).rcode == SERVFAIL
    bench.wait_with(PATIENT)
    bench.clock.ahead_s += 1.0
    service.check_forwarders(bench.clock())
    await bench.settled()
    assert service.health()[0]["state"] == "up"
    assert (await bench.plane.ask("www.example.com")).rcode == NOERROR


async def test_a_flapping_forwarder_is_asked_again_and_answers(upstream: StandIn, bench: Bench) -> None:
    upstream.is_flapping = True
    bench.serve(upstream, patience=FAIR)
    for number in range(4):
        heard = await bench.ask_past_silence(f"host{number}.example.com")
        assert heard.rcode == NOERROR
    assert [upstream.asked(f"host{number}") for number in range(4)] == [2] * 4


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


async def test_closing_completes_what_is_under_way(upstream: StandIn, bench: Bench) -> None:
    upstream.is_dead = True
    service = bench.serve(upstream)
    first, again = bench.plane.put("www.example.com"), bench.plane.put("www.example.net")
    await until_turned(lambda: service.stats()["under_way_udp"] == 2)
    service.close()
    for waiting in (first, again):
        assert (await asyncio.wait_for(waiting, PATIENT_S)).reasons == {EDE_NETWORK_ERROR}
    service.close()


async def test_closing_completes_what_is_on_its_second_try(upstream: StandIn, bench: Bench) -> None:
    upstream.is_dead = True
    service = bench.serve(upstream, patience=FAIR)
    waiting = bench.plane.put("www.example.com")
    await until_turned(lambda: service.stats()["under_way_udp"])
    bench.clock.ahead_s += FAIR.timeout_s
    await until_turned(lambda: service.stats()["taken_over"])
    service.close()
    assert (await asyncio.wait_for(waiting, PATIENT_S)).reasons == {EDE_NETWORK_ERROR}


async def test_a_defect_met_by_one_question_harms_no_other(
    upstream: StandIn, bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service = bench.serve(upstream)

    def raise_defect(owner: MissExchange, octets: bytes, now: float) -> None:
        raise RuntimeError

    monkeypatch.setattr(MissExchange, "replied", raise_defect)
    broken, sound = bench.plane.put("servfail.example.com"), bench.plane.put("www.example.com")
    assert (await asyncio.wait_for(broken, PATIENT_S)).reasons == {EDE_NETWORK_ERROR}
    assert (await sound).rcode == NOERROR
    assert service.stats()["internal_errors"] == 1
    assert "defect" in caplog.text


async def test_a_defect_during_a_tcp_try_completes_its_question(
    upstream: StandIn, bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service = bench.serve(upstream)

    def raise_defect(dialogue: StreamDialogue) -> bytes | None:
        raise RuntimeError

    monkeypatch.setattr(StreamDialogue, "go_on", raise_defect)
    broken = bench.plane.put("big.example.com")
    assert (await asyncio.wait_for(broken, PATIENT_S)).reasons == {EDE_NETWORK_ERROR}
    assert (await bench.plane.ask("www.example.com")).rcode == NOERROR
    assert service.stats()["internal_errors"] == 1
    assert service.stats()["under_way_tcp"] == 0
    assert "defect" in caplog.text


async def test_a_clients_question_repeated_as_a_probe_never_proves_death(upstream: StandIn, bench: Bench) -> None:
    """Only the probe that no client chose may: the zone of the other may have died since."""
    service = bench.serve(upstream)
    forwarder = bench.forwarders[0]
    forwarder.answered_query = probe_query("known.example.com")
    forwarder.failures = SUSPECT_AFTER
    for probes, is_up in ((2, True), (1, False)):
        forwarder.probes = probes
        owner = ProbeExchange(service, -1, forwarder)
        owner.timed_out(0.0)
        assert forwarder.is_up is is_up


def test_probes_ask_for_the_name_servers_of_the_zone() -> None:
    assert probe_query("")[12:] == b"\0\0\2\0\1"
    assert probe_query("corp.example")[12:] == wire_name("corp.example") + b"\0\2\0\1"
