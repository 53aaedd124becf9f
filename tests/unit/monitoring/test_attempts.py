"""Denied questions of alert categories, one by one and again and again."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import orjson
import pytest
from tests.unit.monitoring.conftest import NOW_S, denied, made_row

from schoolgate._core import LogRow
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.rules import AlertRules
from schoolgate.monitoring.category_facts import CategoryFacts
from schoolgate.monitoring.detectors import attempts
from schoolgate.monitoring.detectors.attempts import Attempts
from schoolgate.monitoring.detectors.sealed import SealedAttempts
from schoolgate.monitoring.rows import US
from schoolgate.policy.monitoring import DENIED_BY_LAYER, AlertRule, Repeated
from schoolgate.sealed.selftest_rows import AnnouncedRow


def feed(detector: Attempts, *rows: object) -> list[Finding]:
    return list(detector.feed(rows))  # type: ignore[arg-type]


def test_one_attempt_is_a_finding_as_bad_as_its_category(known: CategoryFacts) -> None:
    detector = Attempts(Repeated(), known)
    urgent, watched = feed(detector, denied("a.example.org", "self-harm"), denied("b.example.org", "gambling"))
    assert (urgent.detector, urgent.severity, urgent.category) == ("attempt", "urgent", "self-harm")
    assert (watched.severity, watched.names) == ("notice", ("b.example.org",))
    assert "Self-harm" in urgent.sentence or "self-harm" in urgent.sentence.lower()


def test_what_was_allowed_or_calls_for_nobody_is_no_attempt(known: CategoryFacts) -> None:
    detector = Attempts(Repeated(), known)
    assert not feed(detector, made_row("a.example.org", category="gambling"), denied("b.example.org", "shopping"))


def test_the_fifth_moment_within_the_hour_is_told_once(known: CategoryFacts) -> None:
    detector = Attempts(Repeated(attempts=5), known)
    rows = [denied(f"n{at}.example.org", "gambling", at=at * 60) for at in range(8)]
    again = [one for row in rows for one in feed(detector, row) if one.detector == "repeated-attempts"]
    assert [one.at_us for one in again] == [rows[4].time_us]
    assert (again[0].severity, again[0].evidence["moments"], len(again[0].names)) == ("warning", 5, 5)


def test_one_page_with_many_names_is_one_moment(known: CategoryFacts) -> None:
    detector = Attempts(Repeated(attempts=3), known)
    rows = [denied(f"n{number}.example.org", "gambling", at=number / 10) for number in range(50)]
    assert not [one for one in feed(detector, *rows) if one.detector == "repeated-attempts"]


def test_attempts_spread_over_the_day_are_not_repeated(known: CategoryFacts) -> None:
    detector = Attempts(Repeated(attempts=3, window_minutes=60), known)
    rows = [denied("a.example.org", "gambling", at=hour * 1900) for hour in range(10)]
    assert not [one for one in feed(detector, *rows) if one.detector == "repeated-attempts"]


def test_two_clients_are_not_added_up(known: CategoryFacts) -> None:
    detector = Attempts(Repeated(attempts=4), known)
    rows = [denied("a.example.org", "gambling", at=at * 60, client=f"p-{at % 2}") for at in range(6)]
    assert not [one for one in feed(detector, *rows) if one.detector == "repeated-attempts"]


def test_it_goes_on_where_it_was_after_a_restart(known: CategoryFacts) -> None:
    before, after = Attempts(Repeated(attempts=3), known), Attempts(Repeated(attempts=3), known)
    feed(before, *(denied("a.example.org", "gambling", at=at * 60) for at in range(2)))
    import orjson

    after.load(orjson.loads(orjson.dumps(before.saved())))
    found = feed(after, denied("a.example.org", "gambling", at=180))
    assert [one.detector for one in found] == ["attempt", "repeated-attempts"]


def test_memory_is_bounded_and_let_go(known: CategoryFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MOST_PAIRS", 50)
    detector = Attempts(Repeated(), known)
    feed(detector, *(denied("a.example.org", "gambling", client=f"p-{number}") for number in range(500)))
    assert len(detector._moments) == 50
    assert detector._moments.forgotten == 450
    list(detector.look(NOW_S + 3601))
    assert len(detector._moments) == 0


def test_a_sealed_attempt_is_urgent_and_names_nothing() -> None:
    row = made_row("(withheld)", action="deny", layer="sealed", category=None, rule="sealed list, serial 3")
    (found,) = SealedAttempts().feed([row, made_row("www.example.org")])
    assert (found.severity, found.segment, found.client, found.names) == ("urgent", "pupils", "p-a", ())
    assert "sealed list" in found.sentence
    assert "withheld" not in found.sentence


def test_a_sealed_name_that_were_in_the_log_by_mistake_is_not_passed_on() -> None:
    row = made_row("very.secret.example.org", action="deny", layer="sealed", category="secret")
    (found,) = SealedAttempts().feed([row])
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("rule", "detectors"),
    [
        (AlertRule(categories=("shopping",)), ["attempt"]),
        (AlertRule(categories=("shop*",), deliver="digest"), ["attempt"]),
        (AlertRule(categories=("shopping",), segments=("staff",)), []),
        (AlertRule(categories=("shopping",), deliver="count"), []),
        (AlertRule(detectors=("own-list",)), ["own-list"]),
        (AlertRule(detectors=("unknown-name", "trust-locked")), ["trust-locked", "unknown-name"]),
        (AlertRule(categories=("*",), detectors=("*",)), []),
        (AlertRule(categories=("*",), detectors=("*",), deliver="digest"),
         ["attempt", "own-list", "trust-locked", "unknown-name"]),
    ],
)  # fmt: skip
def test_every_denial_is_a_finding_where_a_rule_asks_for_it(
    known: CategoryFacts, rule: AlertRule, detectors: list[str]
) -> None:
    rows = [
        denied("a.example.org", "shopping"),
        *(made_row(f"{layer}.example.org", action="deny", layer=layer) for layer in DENIED_BY_LAYER),
        made_row("b.example.org", category="shopping"),
    ]
    made = AlertRules({"one": rule}, ZoneInfo("UTC"))
    found = feed(Attempts(Repeated(), known, made.asks_for), *rows)
    assert sorted(one.detector for one in found) == detectors
    assert {one.severity for one in found} <= {"notice"}
    assert all([identity for identity, _ in made.rules_for(one)] == ["one"] for one in found)


def sealed_row(at: float = 0, client: str = "p-a", door: str = "tcp") -> LogRow:
    return made_row("(withheld)", at=at, client=client, door=door, action="deny", layer="sealed")


def test_what_a_self_test_announced_is_its_own_and_the_next_is_a_devices() -> None:
    announced = [AnnouncedRow("one", ("p-a", "10.0.0.255"), "tcp", NOW_S * US)]
    detector = SealedAttempts(lambda: announced)
    rows = [sealed_row(-2), sealed_row(0.01, "p-b"), sealed_row(0.01, door="udp"), sealed_row(0.01), sealed_row(0.02)]
    found = [one.detector for one in detector.feed(rows)]
    assert found == ["sealed", "sealed", "sealed", "sealed-selftest", "sealed"]
    again = SealedAttempts(lambda: announced)
    again.load(orjson.loads(orjson.dumps(detector.saved())))
    assert [one.detector for one in again.feed([sealed_row(0.03)])] == ["sealed"]
    assert [one.detector for one in SealedAttempts(lambda: announced).feed([sealed_row(11)])] == ["sealed"]
