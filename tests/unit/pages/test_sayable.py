"""What the why page may say: the whole table of conditions, one at a time, from a case where all of them hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schoolgate.pages.kinds import KINDS, closed_kinds, kind_of
from schoolgate.pages.sayable import (
    SAYABLE_CATEGORIES,
    SAYABLE_SERVICES,
    KnownBy,
    LastBlock,
    NonceSeen,
    Place,
    reason_to_say,
)
from schoolgate.policy import load_catalogue

LISTS = Path(__file__).parents[3] / "lists"
GAME = KnownBy("category", "games")
BLOCK = LastBlock("games.example.net", "category", "games", "", "pupils", 5.0, (GAME, KnownBy("allow", None)))
PLACE = Place(is_declared=True, devices=1, policies=("trust", "school", "pupil"))
NONCE = NonceSeen("pupils", 3.0)
TIKTOK = {"category": "service:tiktok", "group": "social"}


def said(block: dict[str, Any] | None = None, place: dict[str, Any] | None = None, **nonce: Any) -> str | None:
    return reason_to_say(replace(BLOCK, **(block or {})), replace(PLACE, **(place or {})), replace(NONCE, **nonce))


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ({}, "kind"),
        ({"age_s": 60.0}, "kind"),
        ({**TIKTOK, "known_by": (KnownBy("category", **TIKTOK),)}, "kind"),
        ({"layer": "threat", "category": "phishing", "known_by": (KnownBy("threat", "phishing"),)}, "kind"),
        ({"layer": "trust-locked", "known_by": (KnownBy("trust-locked", "games"),)}, "kind"),
        ({"layer": "own-list", "category": None}, "own"),
        ({"layer": "exception", "category": None}, "while"),
        ({"layer": "unknown", "category": None, "known_by": (KnownBy("unknown", None),)}, "unknown"),
    ],
)  # fmt: skip
def test_what_is_harmless_is_said(block: dict[str, Any], reason: str) -> None:
    assert said(block) == reason


@pytest.mark.parametrize(
    "block",
    [
        {"age_s": 60.1},
        {"age_s": -1.0},
        {"segment": "library"},
        {"segment": "staff"},
        {"name": "(withheld)"},
        {"name": ""},
        {"has_user": True},
        {"layer": "sealed", "category": None},
        {"layer": "sealed"},
        {"layer": "trust-locked", "category": None},
        {"layer": "own-list"},
        {"layer": "a layer of tomorrow"},
        {"category": "self-harm"},
        {"category": "a category of tomorrow"},
        {"category": "service:grindr", "group": "dating"},
        {"category": None},
        {"known_by": None},
        # Harmless by the list that decided, and known to another one.
        {"known_by": (GAME, KnownBy("category", "pornography"))},
        {"known_by": (GAME, KnownBy("sealed", None))},
        {"known_by": (GAME, KnownBy("sealed", "games"))},
        {"known_by": (GAME, KnownBy("trust-locked", None))},
        {"layer": "own-list", "category": None, "known_by": (KnownBy("category", "self-harm"),)},
        {"layer": "unknown", "category": None, "known_by": (KnownBy("protected", "help-lines"),)},
    ],
)
def test_of_a_block_that_could_harm_nothing_is_said(block: dict[str, Any]) -> None:
    assert said(block) is None


@pytest.mark.parametrize(
    "place",
    [
        {"is_declared": False},
        {"devices": 2},
        {"devices": 0},
        {"policies": ("trust", "school", "staff")},
        {"policies": ("trust", "staff", "office")},
        {"policies": ("primary-staff",)},
    ],
)
def test_of_a_place_that_is_shared_or_of_staff_nothing_is_said(place: dict[str, Any]) -> None:
    assert said(place=place) is None


@pytest.mark.parametrize("nonce", [{"age_s": 60.5}, {"age_s": -1.0}, {"segment": "library"}])
def test_without_a_fresh_nonce_from_the_same_segment_nothing_is_said(nonce: dict[str, Any]) -> None:
    assert said(**nonce) is None


def test_without_a_block_or_a_nonce_nothing_is_said() -> None:
    assert reason_to_say(None, PLACE, NONCE) is None
    assert reason_to_say(BLOCK, PLACE, None) is None


def test_no_category_that_safeguarding_watches_may_be_named() -> None:
    """Of the shipped catalogue; but for two threats, where a device is harmed and no person is meant."""
    categories = load_catalogue(LISTS).categories.values()
    watched = {one.id for one in categories if one.alert != "none"} & SAYABLE_CATEGORIES
    assert watched <= {"malware", "phishing", "crypto-mining"}
    assert {one.id for one in categories} >= SAYABLE_CATEGORIES
    assert {one.group for one in categories} >= SAYABLE_SERVICES
    assert not {"dating", "ai-companions", "anonymous-chat", "forums", "gambling", "vpn", "web"} & SAYABLE_SERVICES


def test_each_category_and_service_has_a_kind_that_pages_name() -> None:
    known = load_catalogue(LISTS).categories.values()
    by_hand = {category for categories in KINDS.values() for category in categories}
    assert {one.id for one in known if not one.group} == by_hand
    assert sum(map(len, KINDS.values())) == len(by_hand), "each category is in one kind"
    assert {kind_of(one) for one in known} <= set(KINDS)


def test_a_kind_is_closed_where_each_category_of_it_is_and_partly_where_one_service_is() -> None:
    known = tuple(load_catalogue(LISTS).categories.values())
    drugs = frozenset({"drugs", "alcohol-vaping", "gambling"})
    found = closed_kinds(known, drugs | {"service:tiktok"})
    assert found["drugs"] == "all"
    assert found["chat"] == "some"
    assert found["play"] == "none"
    assert closed_kinds(known, drugs - {"gambling"})["drugs"] == "some"
