"""A device that no segment names finds nothing open that another policy closes, or the policy is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schoolgate.checks.strictest import Comparison, looser

Compared = Callable[..., Comparison]
UNKNOWN = "[policies.unknown]\n"
PUPIL = "[policies.pupil]\n"


def found(compared: Compared, text: str) -> list[tuple[str, str, str]]:
    return [(one.id, one.severity, one.subject) for one in looser(compared(text))]


@pytest.mark.parametrize(
    ("unknown", "pupil", "expected"),
    [
        ("", 'categories = { games = "deny" }', ("strictest-category", "refused", "games")),
        (
            'categories = { games = "allow" }',
            'categories = { games = "deny" }',
            ("strictest-category", "refused", "games"),
        ),
        ("", 'categories = { "service:spotify" = "deny" }', ("strictest-category", "refused", "service:spotify")),
        ("", 'unknown = "deny"', ("strictest-unknown", "refused", "unknown")),
        ("", "safesearch = { bing = true }", ("strictest-safesearch", "refused", "bing")),
        (
            'safesearch = { youtube = "moderate" }',
            'safesearch = { youtube = "strict" }',
            ("strictest-safesearch", "refused", "youtube"),
        ),
        (
            'categories = { gambling = "deny" }',
            'locked = { categories = { gambling = "deny" } }',
            ("strictest-lock", "refused", "gambling"),
        ),
        ("", 'deny = ["lunch.example.com"]', ("strictest-own-name", "warning", "lunch.example.com")),
        # Both deny films; the level opens those of YouTube to the unknown device alone.
        (
            'categories = { streaming = "deny" }\nsafesearch = { youtube = "strict" }',
            'categories = { streaming = "deny" }',
            ("strictest-opening", "refused", "safesearch.youtube"),
        ),
        (
            'categories = { streaming = "deny", "service:youtube" = "allow", circumvention-private-relay = "allow" }',
            'categories = { streaming = "deny", "service:youtube" = "deny" }',
            ("strictest-category", "refused", "service:youtube"),
        ),
    ],
)  # fmt: skip
def test_what_the_strictest_policy_opens_and_another_closes_is_named(
    compared: Compared, unknown: str, pupil: str, expected: tuple[str, str, str]
) -> None:
    assert expected in found(compared, f"{UNKNOWN}{unknown}\n{PUPIL}{pupil}\n")


@pytest.mark.parametrize(
    ("unknown", "pupil"),
    [
        ('categories = { games = "deny" }', 'categories = { games = "allow" }'),
        # A level that is missing where the engine's names are closed anyway.
        ('unknown = "deny"', 'safesearch = { bing = true, youtube = "strict" }'),
        ('deny = ["bing.com"]\ncategories = { "service:youtube" = "deny" }', 'safesearch = { youtube = "moderate" }'),
        ('safesearch = { youtube = "strict" }', 'safesearch = { youtube = "moderate" }'),
        # A level opens what both deny, under both.
        (
            'categories = { streaming = "deny" }\nsafesearch = { youtube = "strict" }',
            'categories = { streaming = "deny" }\nsafesearch = { youtube = "moderate" }',
        ),
    ],
)  # fmt: skip
def test_what_is_really_decided_is_compared_not_words(compared: Compared, unknown: str, pupil: str) -> None:
    assert found(compared, f"{UNKNOWN}{unknown}\n{PUPIL}{pupil}\n") == []


def test_a_service_whose_names_another_rule_closes_is_no_difference(compared: Compared) -> None:
    pupil = f'{PUPIL}categories = {{ "service:youtube-kids" = "deny" }}\n'
    assert found(compared, UNKNOWN + pupil) == [("strictest-category", "refused", "service:youtube-kids")]
    assert found(compared, f'{UNKNOWN}deny = ["youtubekids.com"]\n{pupil}') == []


def test_a_reason_lets_it_through_and_is_told_with_each_difference(compared: Compared) -> None:
    text = f'strictest_may_be_looser = "printers"\n{UNKNOWN}{PUPIL}categories = {{ games = "deny" }}\n'
    (one,) = looser(compared(text))
    assert one.severity == "warning"
    assert "printers" in one.remedy
    assert one.sentence == "games is denied under pupil, and not under unknown, the strictest"


def test_a_canary_that_only_others_answer_is_named(compared: Compared) -> None:
    text = f'{UNKNOWN}categories = {{ circumvention-private-relay = "allow" }}\n{PUPIL}'
    assert ("strictest-canary", "refused", "mask.icloud.com") in found(compared, text)


def test_stricter_policies_are_named_together(compared: Compared) -> None:
    others = "".join(f'[policies.p{number}]\ncategories = {{ games = "deny" }}\n' for number in range(5))
    (one,) = looser(compared(UNKNOWN + others))
    assert "under p0, p1, p2 and 2 more" in one.sentence
