"""One miss, driven dry: no sockets, a clock of our own."""

from __future__ import annotations

import pytest

from schoolgate._core import ForwarderTally
from schoolgate.resolver.forwarders import EDNS_MEMORY_S, SILENCES_TO_BELIEVE, Forwarder, ForwarderSet
from schoolgate.resolver.resolution import (
    DEFAULT_PATIENCE,
    EDE_NETWORK_ERROR,
    EDE_NO_REACHABLE_AUTHORITY,
    Done,
    Failed,
    Patience,
    Resolution,
    Send,
    first_timeout_s,
)

NOERROR, NXDOMAIN, SERVFAIL, REFUSED = 0, 3, 2, 5
FORMERR, NOTIMP = 1, 4


def reply(rcode: int = NOERROR, *, is_truncated: bool = False, mark: bytes = b"") -> bytes:
    return b"\0\0" + bytes((0x82 if is_truncated else 0x80, rcode)) + bytes(8) + mark


def two_forwarders() -> tuple[Forwarder, Forwarder, ForwarderSet]:
    near, far = Forwarder("192.0.2.1"), Forwarder("192.0.2.2")
    near.answered(0.001, now=0.0)
    far.answered(0.050, now=0.0)
    return near, far, ForwarderSet([far, near])


def sent(step: object) -> Send:
    assert isinstance(step, Send)
    return step


def begun(forwarders: ForwarderSet, now: float = 0.1, patience: Patience = DEFAULT_PATIENCE) -> Resolution:
    """A miss whose first try left for the best forwarder at `now`."""
    return Resolution(forwarders, forwarders.shares(now)[-1], now, patience)


@pytest.mark.parametrize("rcode", [NOERROR, NXDOMAIN])
def test_an_answer_about_the_name_is_done(rcode: int) -> None:
    resolution = begun(two_forwarders()[2])
    assert resolution.replied(reply(rcode), 0.2) == Done(reply(rcode), is_failure=False)


@pytest.mark.parametrize("rcode", [SERVFAIL, REFUSED, 6, 9])
def test_an_answer_about_the_server_asks_the_next_forwarder(rcode: int) -> None:
    _, far, forwarders = two_forwarders()
    resolution = begun(forwarders)
    step = sent(resolution.replied(reply(rcode), 0.2))
    assert step.forwarder is far
    assert resolution.replied(reply(NOERROR), 0.3) == Done(reply(NOERROR), is_failure=False)


def test_when_all_forwarders_fail_the_last_reply_is_handed_on() -> None:
    resolution = begun(two_forwarders()[2])
    resolution.replied(reply(SERVFAIL), 0.2)
    assert resolution.replied(reply(REFUSED), 0.3) == Done(reply(REFUSED), is_failure=True)


def test_a_failing_reply_is_better_than_silence_of_the_others() -> None:
    resolution = begun(two_forwarders()[2])
    resolution.replied(reply(SERVFAIL), 0.2)
    assert resolution.timed_out(1.0) == Done(reply(SERVFAIL), is_failure=True)


def test_a_single_forwarder_that_fails_is_not_asked_the_same_again() -> None:
    resolution = begun(ForwarderSet([Forwarder("192.0.2.1")]), 0.0)
    assert resolution.replied(reply(SERVFAIL), 0.1) == Done(reply(SERVFAIL), is_failure=True)


def test_silence_asks_another_forwarder_then_the_first_again() -> None:
    near, far, forwarders = two_forwarders()
    resolution = begun(forwarders)
    assert sent(resolution.timed_out(0.5)).forwarder is far
    assert sent(resolution.timed_out(1.3)).forwarder is near
    assert resolution.timed_out(2.9) == Failed(EDE_NO_REACHABLE_AUTHORITY, asked=True)


def test_a_single_silent_forwarder_is_asked_three_times() -> None:
    resolution = begun(ForwarderSet([Forwarder("192.0.2.1")]), 0.0)
    sent(resolution.timed_out(0.8))
    sent(resolution.timed_out(1.6))
    assert resolution.timed_out(3.2) == Failed(EDE_NO_REACHABLE_AUTHORITY, asked=True)


def test_a_network_error_asks_the_next_at_once_and_fails_with_ede_23_when_none_is_left() -> None:
    _, far, forwarders = two_forwarders()
    resolution = begun(forwarders)
    assert sent(resolution.failed(0.1)).forwarder is far
    assert sent(resolution.failed(0.1)).forwarder is far
    assert resolution.failed(0.1) == Failed(EDE_NETWORK_ERROR, asked=True)


def test_a_single_forwarder_that_the_network_refuses_is_asked_once_more() -> None:
    """One ICMP message ends all that waits at a port."""
    alone = ForwarderSet([Forwarder("192.0.2.1")])
    resolution = begun(alone, 0.0)
    assert sent(resolution.failed(0.1)).transport == "udp"
    assert resolution.replied(reply(), 0.2) == Done(reply(), is_failure=False)
    resolution = begun(alone, 0.0)
    resolution.failed(0.1)
    assert resolution.failed(0.1) == Failed(EDE_NETWORK_ERROR, asked=True)
    resolution = begun(alone, 0.0)
    resolution.replied(reply(is_truncated=True), 0.1)
    assert resolution.failed(0.2) == Failed(EDE_NETWORK_ERROR, asked=True), "nobody shares a TCP connection"


def test_a_reply_that_cannot_be_used_asks_the_next_forwarder_and_is_the_last_resort() -> None:
    _, far, forwarders = two_forwarders()
    resolution = begun(forwarders)
    assert sent(resolution.damaged(reply(mark=b"cut"), 0.2)).forwarder is far
    assert resolution.replied(reply(NOERROR), 0.3) == Done(reply(NOERROR), is_failure=False)
    resolution = begun(forwarders)
    resolution.damaged(reply(mark=b"cut"), 0.2)
    assert resolution.failed(0.3) == Done(reply(mark=b"cut"), is_failure=True)


def test_truncation_goes_on_over_tcp_with_the_same_forwarder() -> None:
    near, _, forwarders = two_forwarders()
    resolution = begun(forwarders)
    step = sent(resolution.replied(reply(is_truncated=True), 0.2))
    assert (step.forwarder, step.transport) == (near, "tcp")
    assert resolution.replied(reply(mark=b"long"), 0.3) == Done(reply(mark=b"long"), is_failure=False)


def test_a_reply_truncated_over_tcp_is_no_reply() -> None:
    _, far, forwarders = two_forwarders()
    resolution = begun(forwarders)
    resolution.replied(reply(is_truncated=True), 0.2)
    step = sent(resolution.replied(reply(is_truncated=True), 0.3))
    assert (step.forwarder, step.transport) == (far, "udp")


def test_a_broken_tcp_connection_asks_another_forwarder() -> None:
    _, far, forwarders = two_forwarders()
    resolution = begun(forwarders)
    resolution.replied(reply(is_truncated=True), 0.2)
    assert sent(resolution.failed(0.3)).forwarder is far


def test_a_port_that_is_guessed_at_means_tcp_unless_time_is_up() -> None:
    near, _, forwarders = two_forwarders()
    step = sent(begun(forwarders).guessed(0.2))
    assert (step.forwarder, step.transport) == (near, "tcp")
    assert isinstance(begun(forwarders, patience=Patience(total_s=0.12)).guessed(0.2), Failed)


def test_a_forwarder_that_went_down_meanwhile_is_not_asked() -> None:
    _, far, forwarders = two_forwarders()
    resolution = begun(forwarders)
    far.is_up = False
    assert sent(resolution.timed_out(0.5)).forwarder is not far


def test_no_try_outlasts_the_deadline() -> None:
    resolution = begun(two_forwarders()[2], 0.0, Patience(tries=3, timeout_s=2.0, total_s=3.0))
    assert sent(resolution.timed_out(2.0)).timeout_s == pytest.approx(1.0)
    assert isinstance(resolution.timed_out(3.0), Failed)


def test_the_first_wait_follows_the_measured_round_trip_time() -> None:
    near, _, _ = two_forwarders()
    assert first_timeout_s(near, DEFAULT_PATIENCE) == near.timeout_s < 0.8
    assert first_timeout_s(near, Patience(timeout_s=0.2)) == 0.2


@pytest.mark.parametrize("rcode", [FORMERR, NOTIMP])
def test_where_edns_is_refused_the_same_forwarder_is_asked_once_without(rcode: int) -> None:
    near, far, forwarders = two_forwarders()
    resolution = begun(forwarders)
    assert sent(resolution.replied(reply(rcode), 0.2))[::3] == (near, False)
    step = sent(resolution.replied(reply(rcode), 0.3))
    assert step[::3] == (far, True), "it has a reason of its own"
    assert resolution.replied(reply(NOERROR), 0.4) == Done(reply(NOERROR), is_failure=False)


def test_an_error_with_an_opt_is_not_about_edns() -> None:
    _, far, forwarders = two_forwarders()
    with_opt = reply(FORMERR)[:10] + b"\0\1"
    assert sent(begun(forwarders).replied(with_opt, 0.2)).forwarder is far


def test_a_truncated_reply_without_edns_is_fetched_over_tcp_without_it_too() -> None:
    resolution = begun(two_forwarders()[2])
    resolution.replied(reply(FORMERR), 0.2)
    assert sent(resolution.replied(reply(is_truncated=True), 0.3))[1::2] == ("tcp", False)


def test_a_forwarder_that_refuses_edns_is_known_by_its_first_answer_without() -> None:
    near, _, forwarders = two_forwarders()
    resolution = begun(forwarders)
    resolution.replied(reply(FORMERR), 0.2)
    assert near.has_edns(0.2)
    assert resolution.shows_lack_of_edns(near, False, 0.3)
    assert not resolution.shows_lack_of_edns(near, False, 0.3), "said once"
    assert not near.has_edns(0.3)
    assert near.has_edns(0.3 + EDNS_MEMORY_S)


def test_a_lone_forwarder_that_has_never_answered_edns_is_asked_without_after_silence() -> None:
    lone = Forwarder("192.0.2.1")
    silences = 0
    while lone.has_edns(1.0):
        resolution = Resolution(ForwarderSet([lone]), lone, 0.0)
        assert not sent(resolution.timed_out(0.8)).has_edns
        resolution.shows_lack_of_edns(lone, False, 0.9)
        silences += 1
    assert silences == SILENCES_TO_BELIEVE, "one lost datagram is no proof"


def test_of_three_tries_to_a_silent_forwarder_one_is_without_edns() -> None:
    lone = Forwarder("192.0.2.1")
    resolution = Resolution(ForwarderSet([lone]), lone, 0.0)
    assert [sent(resolution.timed_out(at)).has_edns for at in (0.8, 1.6)] == [False, True]


def test_the_silence_of_a_forwarder_that_knows_edns_has_other_reasons() -> None:
    lone = Forwarder("192.0.2.1")
    query = b"\0\0\1\0\0\1\0\0\0\0\0\1" + bytes(16)
    lone.record(ForwarderTally(lone.number, sent=1, replies=1, answered_query=query), 0.0)
    assert sent(Resolution(ForwarderSet([lone]), lone, 1.0).timed_out(1.8)).has_edns


def test_when_crowded_another_forwarder_is_asked_but_no_silent_one_again() -> None:
    near, far, forwarders = two_forwarders()
    resolution = Resolution(forwarders, near, 0.1, is_crowded=True)
    assert sent(resolution.timed_out(0.9)).forwarder is far
    assert resolution.timed_out(2.5) == Failed(EDE_NO_REACHABLE_AUTHORITY, asked=True)
    alone = ForwarderSet([near])
    assert sent(Resolution(alone, near, 0.1).timed_out(0.9)).forwarder is near
    assert Resolution(alone, near, 0.1, is_crowded=True).timed_out(0.9) == Failed(
        EDE_NO_REACHABLE_AUTHORITY, asked=True
    )
