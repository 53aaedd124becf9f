"""One miss, driven dry: no sockets, a clock of our own."""

from __future__ import annotations

import pytest

from schoolgate.resolver.forwarders import Forwarder, ForwarderSet
from schoolgate.resolver.resolution import (
    EDE_NETWORK_ERROR,
    EDE_NO_REACHABLE_AUTHORITY,
    MISMATCHES_MAX,
    Done,
    Failed,
    Patience,
    Resolution,
    Send,
    Wait,
)

NOERROR, NXDOMAIN, SERVFAIL, REFUSED = 0, 3, 2, 5


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


def test_the_quickest_forwarder_is_asked_first_over_udp() -> None:
    near, _, forwarders = two_forwarders()
    step = sent(Resolution(forwarders).begin(0.1))
    assert (step.forwarder, step.transport) == (near, "udp")


@pytest.mark.parametrize("rcode", [NOERROR, NXDOMAIN])
def test_an_answer_about_the_name_is_done(rcode: int) -> None:
    resolution = Resolution(two_forwarders()[2])
    resolution.begin(0.1)
    assert resolution.replied(reply(rcode), 0.2) == Done(reply(rcode), is_failure=False)


@pytest.mark.parametrize("rcode", [SERVFAIL, REFUSED, 1, 4, 9])
def test_an_answer_about_the_server_asks_the_next_forwarder(rcode: int) -> None:
    _, far, forwarders = two_forwarders()
    resolution = Resolution(forwarders)
    resolution.begin(0.1)
    step = sent(resolution.replied(reply(rcode), 0.2))
    assert step.forwarder is far
    assert resolution.replied(reply(NOERROR), 0.3) == Done(reply(NOERROR), is_failure=False)


def test_when_all_forwarders_fail_the_last_reply_is_handed_on() -> None:
    resolution = Resolution(two_forwarders()[2])
    resolution.begin(0.1)
    resolution.replied(reply(SERVFAIL), 0.2)
    assert resolution.replied(reply(REFUSED), 0.3) == Done(reply(REFUSED), is_failure=True)


def test_a_failing_reply_is_better_than_silence_of_the_others() -> None:
    resolution = Resolution(two_forwarders()[2])
    resolution.begin(0.1)
    resolution.replied(reply(SERVFAIL), 0.2)
    assert resolution.timed_out(1.0) == Done(reply(SERVFAIL), is_failure=True)


def test_a_single_forwarder_that_fails_is_not_asked_the_same_again() -> None:
    resolution = Resolution(ForwarderSet([Forwarder("192.0.2.1")]))
    resolution.begin(0.0)
    assert resolution.replied(reply(SERVFAIL), 0.1) == Done(reply(SERVFAIL), is_failure=True)


def test_silence_asks_another_forwarder_then_the_first_again() -> None:
    near, far, forwarders = two_forwarders()
    resolution = Resolution(forwarders)
    assert sent(resolution.begin(0.1)).forwarder is near
    assert sent(resolution.timed_out(0.5)).forwarder is far
    assert sent(resolution.timed_out(1.3)).forwarder is near
    assert resolution.timed_out(2.9) == Failed(EDE_NO_REACHABLE_AUTHORITY, asked=True)


def test_a_single_silent_forwarder_is_asked_three_times() -> None:
    resolution = Resolution(ForwarderSet([Forwarder("192.0.2.1")]))
    resolution.begin(0.0)
    sent(resolution.timed_out(0.8))
    sent(resolution.timed_out(1.6))
    assert resolution.timed_out(3.2) == Failed(EDE_NO_REACHABLE_AUTHORITY, asked=True)


def test_a_network_error_asks_the_next_at_once_and_fails_with_ede_23_when_none_is_left() -> None:
    _, far, forwarders = two_forwarders()
    resolution = Resolution(forwarders)
    resolution.begin(0.1)
    assert sent(resolution.failed(0.1)).forwarder is far
    assert resolution.failed(0.1) == Failed(EDE_NETWORK_ERROR, asked=True)


def test_truncation_goes_on_over_tcp_with_the_same_forwarder() -> None:
    near, _, forwarders = two_forwarders()
    resolution = Resolution(forwarders)
    resolution.begin(0.1)
    step = sent(resolution.replied(reply(is_truncated=True), 0.2))
    assert (step.forwarder, step.transport) == (near, "tcp")
    assert resolution.replied(reply(mark=b"long"), 0.3) == Done(reply(mark=b"long"), is_failure=False)


def test_a_reply_truncated_over_tcp_is_no_reply() -> None:
    _, far, forwarders = two_forwarders()
    resolution = Resolution(forwarders)
    resolution.begin(0.1)
    resolution.replied(reply(is_truncated=True), 0.2)
    step = sent(resolution.replied(reply(is_truncated=True), 0.3))
    assert (step.forwarder, step.transport) == (far, "udp")


def test_a_broken_tcp_connection_asks_another_forwarder() -> None:
    _, far, forwarders = two_forwarders()
    resolution = Resolution(forwarders)
    resolution.begin(0.1)
    resolution.replied(reply(is_truncated=True), 0.2)
    assert sent(resolution.failed(0.3)).forwarder is far


def test_mismatches_wait_until_they_are_an_attack_and_then_tcp_is_used() -> None:
    near, _, forwarders = two_forwarders()
    resolution = Resolution(forwarders)
    resolution.begin(0.1)
    for _ in range(MISMATCHES_MAX - 1):
        assert isinstance(resolution.mismatched(0.2), Wait)
    step = sent(resolution.mismatched(0.2))
    assert (step.forwarder, step.transport) == (near, "tcp")


def test_nobody_is_asked_when_all_forwarders_are_down() -> None:
    _, _, forwarders = two_forwarders()
    for forwarder in forwarders.forwarders:
        forwarder.is_up = False
    assert Resolution(forwarders).begin(0.1) == Failed(EDE_NO_REACHABLE_AUTHORITY, asked=False)


def test_a_forwarder_that_went_down_meanwhile_is_not_asked() -> None:
    _, far, forwarders = two_forwarders()
    resolution = Resolution(forwarders)
    resolution.begin(0.1)
    far.is_up = False
    assert sent(resolution.timed_out(0.5)).forwarder is not far


def test_no_try_outlasts_the_deadline() -> None:
    resolution = Resolution(two_forwarders()[2], Patience(tries=3, timeout_s=2.0, total_s=3.0))
    resolution.begin(0.0)
    assert sent(resolution.timed_out(2.0)).timeout_s == pytest.approx(1.0)
    assert isinstance(resolution.timed_out(3.0), Failed)


def test_the_first_wait_follows_the_measured_round_trip_time() -> None:
    near, _, forwarders = two_forwarders()
    assert sent(Resolution(forwarders).begin(0.1)).timeout_s == near.timeout_s < 0.8
