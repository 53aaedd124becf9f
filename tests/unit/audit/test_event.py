"""Entries: one text for one event, personal values outside it."""

from __future__ import annotations

import hmac
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.audit.made_log import NOON_US, SITE

from schoolgate.audit.canonical import canonical
from schoolgate.audit.errors import EntryRefused
from schoolgate.audit.event import Event, Opening, commitment, entry_octets, openings_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc_", max_size=4), inner, max_size=4),
    max_leaves=12,
)


def _octets(event: Event, last_us: int = 0) -> bytes:
    openings = openings_of(event)
    return entry_octets(event, openings, entry_id=SITE, site_id=SITE, epoch=1, number=7, last_us=last_us)


@given(VALUES)
def test_a_value_has_one_text_and_keeps_its_meaning(value: Any) -> None:
    text = canonical(value)
    assert orjson.loads(text) == value
    assert canonical(orjson.loads(text)) == text


def test_keys_are_sorted_and_there_is_no_white_space() -> None:
    assert canonical({"b": [1, None, True], "a": "é\n"}) == '{"a":"é\\n","b":[1,null,true]}'.encode()


@pytest.mark.parametrize("value", [1.0, 2**53, -(2**53), {"ü": 1}, {1: 2}, b"x", {"a": {1, 2}}, "\ud800"])
def test_what_readers_would_read_otherwise_is_refused(value: Any) -> None:
    with pytest.raises(EntryRefused):
        canonical({"value": value})


def test_a_nest_without_end_is_refused() -> None:
    nest: list[Any] = []
    nest.append(nest)
    with pytest.raises(EntryRefused, match="deeper"):
        canonical(nest)


def test_a_personal_value_is_not_in_the_entry() -> None:
    octets = _octets(Event(NOON_US, "local:root", "log.search", personal={"client": "10.1.20.50"}))
    assert b"10.1.20.50" not in octets
    assert len(orjson.loads(octets)["personal"]["client"]) == 64


def test_the_same_value_is_committed_to_under_another_salt_each_time() -> None:
    event = Event(NOON_US, "local:root", "log.search", personal={"client": "10.1.20.50"})
    assert _octets(event) != _octets(event)


def test_a_commitment_binds_name_value_and_salt() -> None:
    first = commitment(Opening("client", "a", bytes(32)))
    assert first not in {
        commitment(Opening("name", "a", bytes(32))),
        commitment(Opening("client", "b", bytes(32))),
        commitment(Opening("client", "a", bytes(31) + b"1")),
    }


@given(st.text(st.characters(codec="utf-8")), st.text("abc_"))
def test_a_commitment_is_over_canonical_json(value: str, name: str) -> None:
    expected = hmac.digest(bytes(32), canonical([name, value]), "sha256").hex()
    assert commitment(Opening(name, value, bytes(32))) == expected


def test_a_personal_value_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(EntryRefused):
        _octets(Event(NOON_US, "local:root", "log.search", personal={"client": "\ud800"}))


def test_a_clock_that_went_back_is_stated() -> None:
    event = Event(NOON_US, "local:root", "policy.apply")
    assert orjson.loads(_octets(event, NOON_US + 86_400_000_000))["clock_back_us"] == 86_400_000_000
    assert "clock_back_us" not in orjson.loads(_octets(event, NOON_US))


def test_an_entry_too_long_is_refused() -> None:
    with pytest.raises(EntryRefused, match="shorten its detail"):
        _octets(Event(NOON_US, "local:root", "policy.apply", detail={"text": "x" * 70_000}))
