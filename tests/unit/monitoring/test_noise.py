"""What devices do by themselves never reaches a detector; nor does a look for help."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.monitoring.conftest import denied, made_row

from schoolgate.checks.own_questions import OwnQuestions, Window
from schoolgate.monitoring import noise
from schoolgate.monitoring.category_facts import CategoryFacts
from schoolgate.monitoring.detectors import watch
from schoolgate.monitoring.noise import Sieve
from schoolgate.policy.monitoring import Monitoring, Noise


def test_the_types_of_one_name_and_its_repeats_count_once(known: CategoryFacts) -> None:
    sieve = Sieve(Noise(), known)
    rows = [
        made_row("www.example.org", at=at, qtype=qtype) for at, qtype in ((0, 1), (0, 28), (0, 65), (4, 1), (9, 28))
    ]
    assert [sieve.keeps(row) for row in rows] == [True, False, False, False, False]
    assert sieve.keeps(made_row("www.example.org", at=10)), "ten seconds later somebody came back"
    assert sieve.keeps(made_row("www.example.org", at=0, client="p-b")), "another client is another person"


@pytest.mark.parametrize("name", ["wpad", "www.example.org.school.local", "5.2.0.192.in-addr.arpa", "printer.lan"])
def test_the_networks_own_affairs_are_noise(name: str, known: CategoryFacts) -> None:
    assert not Sieve(Noise(), known).keeps(made_row(name, rcode=3))


def test_a_name_answered_from_our_own_zones_is_noise(known: CategoryFacts) -> None:
    assert not Sieve(Noise(), known).keeps(made_row("moodle.school.example", source="local"))


def test_advertising_is_noise(known: CategoryFacts) -> None:
    assert not Sieve(Noise(), known).keeps(denied("ads.example.com", "advertising"))
    assert Sieve(Noise(categories=()), known).keeps(denied("ads.example.com", "advertising"))


@pytest.mark.parametrize("layer", ["protected", "platform"])
def test_help_lines_and_what_devices_need_are_never_seen(layer: str, known: CategoryFacts) -> None:
    assert not Sieve(Noise(), known).keeps(made_row("help.example.org", layer=layer))


@pytest.mark.parametrize("category", ["help-lines", "health-education", "exams"])
def test_a_protected_category_is_never_seen_whatever_decided(category: str, known: CategoryFacts) -> None:
    assert not Sieve(Noise(), known).keeps(made_row("help.example.org", category=category, layer="exception"))
    assert not Sieve(Noise(), known).keeps(denied("help.example.org", category, layer="trust-locked"))


def test_no_sealed_attempt_is_lost_although_all_look_alike(known: CategoryFacts) -> None:
    sieve = Sieve(Noise(), known)
    rows = [made_row("(withheld)", action="deny", layer="sealed", at=at) for at in (0, 0, 1)]
    assert [sieve.keeps(row) for row in rows] == [True, True, True]


def test_a_counted_row_is_nobodys(known: CategoryFacts) -> None:
    assert not Sieve(Noise(), known).keeps(made_row("", client=""))


def test_memory_is_bounded(known: CategoryFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "MOST_RECENT", 100)
    sieve = Sieve(Noise(), known)
    for number in range(1000):
        sieve.keeps(made_row(f"n{number}.example.org"))
    assert len(sieve._recent) == 100


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60)), max_size=60))
def test_kept_are_exactly_those_that_no_kept_one_precedes_within_the_time(asked: list[tuple[int, int]]) -> None:
    """Against the plainest statement of the rule, over rows in the order of time."""
    sieve = Sieve(Noise(repeat_s=10), CategoryFacts())
    asked.sort(key=lambda one: one[1])
    last: dict[int, int] = {}
    for name, at in asked:
        wanted = name not in last or at - last[name] >= 10
        if wanted:
            last[name] = at
        assert sieve.keeps(made_row(f"n{name}.example.org", at=at)) is wanted


def test_a_denied_question_is_no_repeat_of_an_allowed_one(known: CategoryFacts) -> None:
    """A type or a schedule may open a name that is closed a second later."""
    sieve = Sieve(Noise(), known)
    rows = [made_row("www.example.org"), denied("www.example.org", "self-harm", at=1)]
    assert [sieve.keeps(row) for row in (*rows, *rows)] == [True, True, False, False]


def test_what_our_own_checks_asked_is_seen_by_no_detector_and_counted_in_no_hour(known: CategoryFacts) -> None:
    asked = [denied("drugs.blocked.example.com", "drugs", at=5, client=client) for client in ("p-a", "p-b")]
    at_us = asked[0].time_us
    own = OwnQuestions(["drugs.blocked.example.com"], [Window(("p-a",), at_us, at_us + 60_000_000)])
    seen = watch(Monitoring(), known, ZoneInfo("UTC"), own_questions=lambda: own)
    assert [(one.client, one.names) for one in seen.feed(asked)] == [("p-b", ("drugs.blocked.example.com",))]
    assert len(watch(Monitoring(), known, ZoneInfo("UTC")).feed(asked)) == 2
