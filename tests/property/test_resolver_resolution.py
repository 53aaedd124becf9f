"""Whatever the network does, a resolution ends: in few tries, in time, with one outcome."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schoolgate.resolver.forwarders import Forwarder, ForwarderSet
from schoolgate.resolver.resolution import (
    DEFAULT_PATIENCE,
    Done,
    Failed,
    Patience,
    Resolution,
    Send,
    Step,
    first_timeout_s,
)

RCODES = st.integers(0, 15)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("reply"), RCODES, st.booleans()),
        st.tuples(st.just("mismatch"), RCODES, st.booleans()),
        st.tuples(st.just("timeout"), RCODES, st.booleans()),
        st.tuples(st.just("error"), RCODES, st.booleans()),
    ),
    max_size=60,
)
HEALTH = st.lists(
    st.tuples(st.booleans(), st.one_of(st.none(), st.floats(0.0001, 5.0)), st.integers(0, 5)), min_size=1, max_size=4
)
PATIENCE = st.builds(Patience, tries=st.integers(1, 3), timeout_s=st.floats(0.05, 5.0), total_s=st.floats(0.1, 3.8))


def forwarder_set(health: list[tuple[bool, float | None, int]]) -> ForwarderSet:
    made = []
    for number, (is_up, rtt_s, failures) in enumerate(health):
        forwarder = Forwarder(f"192.0.2.{number + 1}")
        if rtt_s is not None:
            forwarder.answered(rtt_s, now=0.0)
        forwarder.failures = failures
        forwarder.is_up = is_up
        made.append(forwarder)
    return ForwarderSet(made)


@given(health=HEALTH, patience=PATIENCE, events=EVENTS, share=st.floats(0.0, 1.0))
def test_it_ends_within_the_tries_and_the_deadline(
    health: list[tuple[bool, float | None, int]],
    patience: Patience,
    events: list[tuple[str, int, bool]],
    share: float,
) -> None:
    forwarders = forwarder_set(health)
    now = started = 100.0
    shares = forwarders.shares(now)
    if not shares:
        assert not any(one.is_up for one in forwarders.forwarders)
        return
    resolution = Resolution(forwarders, shares[0], now, patience)
    step: Step = Send(shares[0], "udp", first_timeout_s(shares[0], patience))
    sends: list[Send] = []
    expires_at = now
    script = iter(events)
    for _ in range(100):
        if isinstance(step, Done | Failed):
            break
        if isinstance(step, Send):
            sends.append(step)
            expires_at = now + step.timeout_s
            assert step.timeout_s > 0
            assert expires_at <= started + patience.total_s + 1e-9
            assert step.forwarder in forwarders.forwarders
        kind, rcode, is_truncated = next(script, ("timeout", 0, False))
        now = expires_at if kind == "timeout" else now + (expires_at - now) * share
        octets = b"\0\0" + bytes((0x82 if is_truncated else 0x80, rcode)) + bytes(8)
        match kind:
            case "reply":
                step = resolution.replied(octets, now)
            case "mismatch" if sends[-1].transport == "udp":
                step = resolution.guessed(now)
            case "timeout":
                step = resolution.timed_out(now)
            case _:
                step = resolution.failed(now)
    assert isinstance(step, Done | Failed), "it must end"
    # Each try may go on once without EDNS.
    assert sum(send.transport == "udp" for send in sends) <= 2 * patience.tries
    assert sum(send.transport == "udp" and send.has_edns for send in sends) <= patience.tries
    assert sum(send.transport == "tcp" for send in sends) <= 2 * patience.tries
    assert now <= started + patience.total_s + 1e-9
    if isinstance(step, Failed):
        assert step.ede in (22, 23)
        assert step.asked


@given(health=HEALTH)
def test_a_forwarder_that_is_down_is_never_asked(health: list[tuple[bool, float | None, int]]) -> None:
    forwarders = forwarder_set(health)
    now = 50.0
    shares = forwarders.shares(now)
    assert all(one.is_up for one in shares)
    if not shares:
        return
    resolution = Resolution(forwarders, shares[0], now)
    step: Step = Send(shares[0], "udp", first_timeout_s(shares[0], DEFAULT_PATIENCE))
    while isinstance(step, Send):
        assert step.forwarder.is_up
        now += step.timeout_s
        step = resolution.timed_out(now)
