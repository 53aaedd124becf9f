"""Bursts of random names that do not exist."""

from __future__ import annotations

import hashlib
import string

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.monitoring.conftest import NOW_S, denied, made_row

from schoolgate._core import LogRow
from schoolgate.monitoring.detectors import generated
from schoolgate.monitoring.detectors.generated import GeneratedNames
from schoolgate.monitoring.random_labels import entropy_bits, looks_generated
from schoolgate.policy.monitoring import Generated


def random_name(number: int) -> str:
    digest = hashlib.sha256(str(number).encode()).digest()
    return "".join(string.ascii_lowercase[octet % 26] for octet in digest[:16]) + ".com"


# Some random words look like words; a generator makes enough of the others.
RANDOM = [name for name in map(random_name, range(100)) if looks_generated(name[:-4], 10, 3.0)]
WORDS = (
    "photographer",
    "architecture",
    "understanding",
    "universities",
    "playgrounds",
    "international",
    "communication",
)


def missing(names: list[str], **others: object) -> list[LogRow]:
    return [made_row(name, at=number, rcode=3, **others) for number, name in enumerate(names)]


def test_most_random_names_are_known_for_what_they_are() -> None:
    assert len(RANDOM) > 70


@pytest.mark.parametrize("word", [*WORDS, "xn--80ak6aa92e80ak6", "my-school-website", "short", "grammarschool"])
def test_words_are_not_random(word: str) -> None:
    assert not looks_generated(word, 10, 3.0)


def test_a_burst_is_told_once() -> None:
    (found,) = GeneratedNames(Generated()).feed(missing(RANDOM[:40]))
    assert found.severity == "warning"
    assert found.evidence["domains"] == 15
    assert len(found.names) == 5


def test_fourteen_are_a_bad_day() -> None:
    assert not list(GeneratedNames(Generated()).feed(missing(RANDOM[:14])))


def test_names_that_exist_or_are_denied_or_are_words_are_no_sign() -> None:
    detector = GeneratedNames(Generated())
    assert not list(detector.feed(made_row(name) for name in RANDOM))
    assert not list(detector.feed(denied(name, "malware") for name in RANDOM))
    assert not list(detector.feed(missing([f"{word}{end}.com" for word in WORDS for end in ("", "s", "online")])))


def test_many_names_below_one_domain_are_another_detectors() -> None:
    assert not list(GeneratedNames(Generated()).feed(missing([f"{name[:-4]}.example.com" for name in RANDOM])))


def test_spread_over_the_day_they_are_no_burst() -> None:
    rows = [made_row(name, at=number * 60, rcode=3) for number, name in enumerate(RANDOM)]
    assert not list(GeneratedNames(Generated(window_minutes=10)).feed(rows))


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated, "MOST_CLIENTS", 10)
    monkeypatch.setattr(generated, "MOST_DOMAINS", 20)
    detector = GeneratedNames(Generated())
    list(detector.feed(missing(RANDOM)))
    assert len(detector._clients.of("p-a").domains) == 20
    list(detector.feed(made_row(RANDOM[0], client=f"p-{number}", rcode=3) for number in range(50)))
    assert len(detector._clients) == 10
    list(detector.look(NOW_S + 3600))
    assert len(detector._clients) == 0


def test_it_survives_a_restart() -> None:
    before, after = GeneratedNames(Generated()), GeneratedNames(Generated())
    list(before.feed(missing(RANDOM[:10])))
    after.load(orjson.loads(orjson.dumps(before.saved())))
    assert len(list(after.feed(missing(RANDOM[10:20])))) == 1


@given(st.text(alphabet="abcdefgh0123", max_size=40))
def test_entropy_is_between_nothing_and_all_different(text: str) -> None:
    bits = entropy_bits(text)
    assert -1e-9 <= bits <= max(0.0, len(set(text)).bit_length())
    assert (bits == 0) == (len(set(text)) < 2)
