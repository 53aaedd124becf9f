"""Nonces of the why page, and codes for a teacher: whose they are, how long they are good, how many there can be."""

from __future__ import annotations

import pytest

from schoolgate.pages import nonces, pupil_codes
from schoolgate.pages.nonces import LASTS_US, MOST_NONCES, MOST_OF_ONE_ADDRESS, Nonces
from schoolgate.pages.pupil_codes import ALPHABET, LENGTH, MOST_WRONG, AskedFor, PupilCodes, TooManyTries

ASKED = AskedFor("games.example.net", "pupils", "kind", "play")


def test_a_nonce_is_good_for_its_address_for_a_minute() -> None:
    made = Nonces()
    nonce = made.issue("192.0.2.1", 1_000)
    assert made.issued_at_us(nonce, "192.0.2.1", 1_000 + LASTS_US) == 1_000
    assert made.issued_at_us(nonce, "192.0.2.2", 1_000) is None
    assert made.issued_at_us("0" * 20, "192.0.2.1", 1_000) is None
    assert made.issued_at_us(nonce, "192.0.2.1", 1_001 + LASTS_US) is None
    assert len(nonce) == 20 and not nonce.strip("0123456789abcdef")


def test_one_address_has_few_nonces_and_takes_none_of_another() -> None:
    made = Nonces()
    other = made.issue("192.0.2.2", 0)
    own = [made.issue("192.0.2.1", 0) for _ in range(MOST_OF_ONE_ADDRESS + 3)]
    good = [one for one in own if made.issued_at_us(one, "192.0.2.1", 0) == 0]
    assert good == own[3:]
    assert made.issued_at_us(other, "192.0.2.2", 0) == 0


def test_a_flood_of_addresses_takes_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_NONCES >= 1_000
    monkeypatch.setattr(nonces, "MOST_NONCES", 3)
    made = Nonces()
    own = [made.issue(f"192.0.2.{number}", 0) for number in range(5)]
    assert [made.issued_at_us(one, f"192.0.2.{at}", 0) for at, one in enumerate(own)] == [None, None, 0, 0, 0]


def test_the_same_wish_has_one_code_for_an_hour() -> None:
    codes = PupilCodes()
    made = codes.code_for(ASKED, 0)
    assert len(made.code) == LENGTH and set(made.code) <= set(ALPHABET)
    again = codes.code_for(ASKED, 10)
    assert (again.code, again.until_us) == (made.code, 10 + pupil_codes.LASTS_US)
    assert codes.code_for(AskedFor("games.example.net", "library", "kind", "play"), 10).code != made.code
    written = f" {made.code[:3].lower()}-{made.code[3:]} "
    assert codes.look(written, "account:1", 20) == (ASKED, again.until_us)
    assert codes.look(made.code, "account:1", again.until_us + 1) is None


def test_who_tries_codes_is_stopped_and_others_are_not() -> None:
    codes = PupilCodes()
    made = codes.code_for(ASKED, 0)
    for _ in range(MOST_WRONG):
        assert codes.look("BBBBBB", "account:1", 0) is None
    with pytest.raises(TooManyTries):
        codes.look(made.code, "account:1", 0)
    assert codes.look(made.code, "account:2", 0) is not None
    assert codes.look(made.code, "account:1", pupil_codes.WRONG_LASTS_US + 1) is not None


def test_codes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pupil_codes, "MOST_CODES", 2)
    codes = PupilCodes()
    made = [codes.code_for(AskedFor(f"{number}.example", "pupils", "own", ""), 0).code for number in range(3)]
    assert codes.look(made[0], "account:1", 0) is None
    assert codes.look(made[2], "account:1", 0) is not None


def test_what_was_said_is_offered_to_the_same_device_for_ten_minutes() -> None:
    codes = PupilCodes()
    codes.offer("0" * 20, "192.0.2.1", ASKED, 0)
    assert codes.offered("0" * 20, "192.0.2.1", pupil_codes.OFFER_LASTS_US) == ASKED
    assert codes.offered("0" * 20, "192.0.2.2", 0) is None
    assert codes.offered("1" * 20, "192.0.2.1", 0) is None
    assert codes.offered("0" * 20, "192.0.2.1", pupil_codes.OFFER_LASTS_US + 1) is None
