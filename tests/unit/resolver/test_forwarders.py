"""Health, choice and routes of forwarders, with a clock of our own."""

from __future__ import annotations

import pytest

from schoolgate._core import ForwarderTally
from schoolgate.resolver.forwarders import (
    PROBE_EVERY_S,
    RTT_HALF_LIFE_S,
    SHORTEST_TIMEOUT_S,
    SUSPECT_AFTER,
    Forwarder,
    ForwarderInvalid,
    ForwarderSet,
    Routes,
)


def forwarder(last: int, rtt_s: float | None = None) -> Forwarder:
    made = Forwarder(f"192.0.2.{last}")
    if rtt_s is not None:
        made.answered(rtt_s, now=0.0)
    return made


def silent(times: int, made: Forwarder, now: float = 0.0) -> Forwarder:
    for _ in range(times):
        made.unanswered(0.8, now)
    return made


def test_round_trip_times_are_smoothed_as_rfc_6298_says() -> None:
    made = forwarder(1, 0.100)
    assert (made.srtt_s, made.rttvar_s) == (0.100, 0.050)
    made.answered(0.200, now=1.0)
    assert made.srtt_s == pytest.approx(0.1125)
    assert made.rttvar_s == pytest.approx(0.0625)
    assert made.timeout_s == pytest.approx(max(SHORTEST_TIMEOUT_S, 0.1125 + 4 * 0.0625))


def test_silence_alone_never_takes_a_forwarder_down() -> None:
    made = silent(100, forwarder(1))
    assert made.is_up
    assert made.is_suspect


def test_a_suspect_whose_probe_goes_unanswered_is_down_until_it_answers() -> None:
    made = silent(SUSPECT_AFTER, forwarder(1))
    made.probe_unanswered()
    assert not made.is_up
    made.answered(0.002, now=9.0)
    assert made.is_up
    assert made.failures == 0


def test_an_unanswered_probe_says_nothing_about_one_that_answered_meanwhile() -> None:
    made = silent(SUSPECT_AFTER, forwarder(1))
    made.answered(0.002, now=1.0)
    made.probe_unanswered()
    assert made.is_up


def test_probes_are_due_once_a_second_and_only_when_suspected() -> None:
    made = forwarder(1)
    assert not made.wants_probe(0.0)
    silent(SUSPECT_AFTER, made)
    assert made.wants_probe(0.0)
    made.probing(0.0)
    assert not made.wants_probe(PROBE_EVERY_S - 0.01)
    assert made.wants_probe(PROBE_EVERY_S)


def test_a_batch_is_heeded_as_if_each_had_been_told_and_a_reply_counts_last() -> None:
    made = forwarder(1)
    tally = ForwarderTally(
        made.number, sent=20, replies=6, rtts_s=(0.1, 0.2), timeouts=5, waits_s=(0.8,), network_errors=2, mismatches=3,
        answered_query=b"query",
    )  # fmt: skip
    made.record(tally, now=1.0)
    assert (made.sent, made.replies, made.timeouts, made.errors, made.mismatches) == (20, 6, 5, 2, 3)
    assert (made.failures, made.answered_query) == (0, b"query")
    made.record(ForwarderTally(made.number, timeouts=5, waits_s=(0.8,), network_errors=2), now=2.0)
    assert (made.failures, made.is_suspect, made.answered_query) == (7, True, b"query")


def test_health_names_each_state() -> None:
    made = forwarder(1, 0.0015)
    assert made.health()["state"] == "up"
    assert made.health()["srtt_ms"] == 1.5
    silent(SUSPECT_AFTER, made)
    assert made.health()["state"] == "suspect"
    made.probe_unanswered()
    assert made.health()["state"] == "down"
    assert made.health()["timeouts"] == SUSPECT_AFTER


def test_the_quickest_is_first() -> None:
    slow, quick = forwarder(1, 0.05), forwarder(2, 0.001)
    assert ForwarderSet([slow, quick]).shares(0.5) == (quick,)


def test_one_never_asked_gets_exactly_one_question_before_it_has_answered() -> None:
    known, new = forwarder(1, 0.001), forwarder(2)
    made = ForwarderSet([known, new])
    assert made.shares(0.5) == (new, known)
    assert made.shares(0.501) == (new, known), "it still waits for its question"
    new.asked(1, 0.502)
    assert made.shares(0.503) == (known,)


def test_one_that_stands_alone_has_all_questions_also_while_we_learn() -> None:
    alone = forwarder(1)
    assert set(ForwarderSet([alone]).shares(0.5)) == {alone}


def test_one_that_was_slow_long_ago_is_tried_again_once() -> None:
    slow, quick = forwarder(1, 0.008), forwarder(2, 0.001)
    made = ForwarderSet([slow, quick])
    later = 4 * RTT_HALF_LIFE_S
    quick.answered(0.001, now=later)
    assert made.shares(later) == (slow, quick)
    slow.asked(1, later)
    assert made.shares(later) == (quick,)


def test_the_best_stays_the_best_while_it_is_learned_anew() -> None:
    second, best = forwarder(1, 0.008), forwarder(2, 0.001)
    assert set(ForwarderSet([second, best]).shares(1.5)) == {best}


def test_a_suspect_comes_after_all_others_and_one_that_is_down_never() -> None:
    suspect, slow = silent(SUSPECT_AFTER, forwarder(1, 0.001)), forwarder(2, 0.5)
    made = ForwarderSet([suspect, slow])
    assert made.shares(0.5) == (slow,)
    assert made.next(0.5, (slow,)) is suspect
    suspect.probe_unanswered()
    assert made.next(0.5, (slow,)) is None


def test_a_ranking_is_not_used_after_its_best_went_down() -> None:
    quick, slow = forwarder(1, 0.001), forwarder(2, 0.5)
    made = ForwarderSet([quick, slow])
    assert made.shares(0.5) == (quick,)
    quick.is_up = False
    assert made.shares(0.5001) == (slow,)


def test_a_set_without_forwarders_is_refused() -> None:
    with pytest.raises(ForwarderInvalid, match="at least one"):
        ForwarderSet([])


@pytest.mark.parametrize("address", ["example.com", "", "192.0.2.256", "2001:db8::x"])
def test_an_address_that_is_none_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(ForwarderInvalid, match=r"192\.0\.2\.1"):
        Forwarder(address)


def one(last: int) -> ForwarderSet:
    return ForwarderSet([forwarder(last)])


@pytest.mark.parametrize(
    ("name", "route"),
    [
        ("corp.example", "corp"),
        ("dc1.corp.example", "corp"),
        ("a.deep.corp.example", "deep"),
        ("notcorp.example", "default"),
        ("example", "default"),
        ("", "default"),
        ("1.0.10.in-addr.arpa", "reverse"),
        (r"odd\.corp.example", "default"),
        (r"odd\\.corp.example", "corp"),
    ],
)
def test_the_longest_zone_wins_label_by_label(name: str, route: str) -> None:
    sets = {"corp": one(1), "deep": one(2), "reverse": one(3), "default": one(4)}
    routes = Routes(
        sets["default"],
        {"corp.example": sets["corp"], "Deep.Corp.Example.": sets["deep"], "10.in-addr.arpa": sets["reverse"]},
    )
    assert routes.select(name) is sets[route]
    assert [routes.sets[at] for _, at in routes.zones] == [sets["corp"], sets["deep"], sets["reverse"]]


def test_a_route_for_the_root_has_every_name_without_a_longer_zone() -> None:
    root = one(1)
    assert Routes(one(2), {"": root, "example": one(3)}).select("www.example.com") is root


@pytest.mark.parametrize(
    ("name", "route"),
    [("corp.example", "default"), ("deep.corp.example", "corp"), ("a.corp.example", "corp"), ("", "default")],
)
def test_the_ds_records_of_a_zone_are_its_parents(name: str, route: str) -> None:
    sets = {"corp": one(1), "deep": one(2), "default": one(3)}
    routes = Routes(sets["default"], {"corp.example": sets["corp"], "deep.corp.example": sets["deep"]})
    assert routes.select_for(name, 43) is sets[route]
    assert routes.select_for(name, 1) is routes.select(name)


def test_each_forwarder_is_listed_once() -> None:
    shared = forwarder(1)
    routes = Routes(ForwarderSet([shared]), {"example": ForwarderSet([forwarder(2), shared])})
    assert [each.address for each in routes.forwarders()] == ["192.0.2.1", "192.0.2.2"]


def test_in_order_the_first_that_is_well_is_asked_and_again_once_it_is() -> None:
    first, second = forwarder(1, 0.100), forwarder(2, 0.001)
    both = ForwarderSet([first, second], is_in_order=True)
    assert both.shares(0.0) == (first,)
    silent(SUSPECT_AFTER, first)
    assert both.shares(0.1) == (second,)
    first.probe_unanswered()
    assert both.next(0.2, ()) is second
    assert both.next(0.2, [second]) is None
    silent(SUSPECT_AFTER, second)
    assert both.shares(0.3) == (second,)
    first.answered(0.100, now=1.0)
    assert both.shares(1.0) == (first,)


def test_a_fallback_is_asked_while_all_others_are_down_and_no_longer() -> None:
    first, last = forwarder(1, 0.010), forwarder(9, 0.001)
    those = ForwarderSet([first], fallback=[last])
    assert (those.shares(0.0)[-1], those.is_falling_back) == (first, False)
    assert those.next(0.0, [first]) is None
    silent(SUSPECT_AFTER, first)
    assert those.shares(1.0)[-1] is first
    first.probe_unanswered()
    assert (those.shares(2.0)[-1], those.is_falling_back) == (last, True)
    first.answered(0.010, now=3.0)
    assert (those.shares(3.0)[-1], those.is_falling_back) == (first, False)
    assert Routes(those).forwarders() == (first, last)
