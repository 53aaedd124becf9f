"""A school's own rule that does nothing is said, and one that reaches further than a site is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.checks.conftest import NOW

from schoolgate.checks.needed import Needed
from schoolgate.checks.own_rules import rules_without_effect, wide_rules
from schoolgate.checks.strictest import Comparison

Compared = Callable[..., Comparison]
NEEDED = (
    Needed("help.example.org", "help-lines", is_always_open=True),
    Needed("sign-in.example.net", "guarded", is_always_open=False),
    Needed("mail.platform.example", "school-platform", is_always_open=False),
)
HEAD = "[policies.unknown]\n"


def wide(compared: Compared, text: str) -> list[tuple[str, str, str]]:
    document = compared(text).active.checked.document
    return [(one.id, one.severity, one.subject) for one in wide_rules(document, NEEDED, NOW)]


def idle(compared: Compared, text: str) -> dict[str, str]:
    with_what = compared(text)
    document = with_what.active.checked.document
    return {one.subject: one.sentence for one in rules_without_effect(document, with_what.judge, NOW)}


@pytest.mark.parametrize(
    ("rules", "path"),
    [
        ('deny = ["com"]', "deny[0]"),
        ('deny = ["example.com", "co.uk"]', "deny[1]"),
        ('deny = ["github.io"]', "deny[0]"),
        ('allow = ["com"]', "allow[0]"),
        ('locked = { deny = ["org.uk"] }', "locked.deny[0]"),
        # Above a help line, and above a name that no list may close.
        ('deny = ["example.org"]', "deny[0]"),
        ('locked = { deny = ["example.net"] }', "locked.deny[0]"),
        (
            'exceptions = [{ name = "co.uk", reason = "r", approved_by = "h", until = 2027-01-01T00:00:00Z }]',
            "exceptions[0]",
        ),
    ],
)
def test_a_rule_wider_than_a_site_is_refused(compared: Compared, rules: str, path: str) -> None:
    assert wide(compared, f"{HEAD}{rules}\n") == [("rule-too-wide", "refused", f"policies.unknown.{path}")]


@pytest.mark.parametrize(
    "rules",
    [
        'deny = ["example.com", "www.example.co.uk", "=com", "=example.org"]',
        'allow = ["example.org", "example.net"]',
        # The name itself, not one above it: the school means it.
        'deny = ["sign-in.example.net"]',
        'deny = ["platform.example"]',
        'exceptions = [{ name = "co.uk", reason = "r", approved_by = "h", until = 2026-01-01T00:00:00Z }]',
    ],
)
def test_a_rule_for_a_site_is_not(compared: Compared, rules: str) -> None:
    assert wide(compared, f"{HEAD}{rules}\n") == []


def test_a_reason_lets_a_wide_rule_through_and_one_without_a_rule_is_told(compared: Compared) -> None:
    reasons = 'wide_rules = { "com" = "allow list only", "co.uk" = "old" }\n'
    assert wide(compared, f'{reasons}{HEAD}deny = ["com"]\n') == [
        ("reason-without-rule", "warning", 'wide_rules."co.uk"')
    ]


@pytest.mark.parametrize(
    ("rules", "path", "says"),
    [
        ('allow = ["porn.example.com"]\nlocked = { categories = { pornography = "deny" } }', "allow[0]", "locked"),
        ('deny = ["help.example.org"]', "deny[0]", "help lines"),
        ('deny = ["time.example.net"]', "deny[0]", "devices need"),
        ('allow = ["a.example"]\ndeny = ["a.example"]', "allow[0]", "policies.unknown.deny[0] decides"),
        ('deny = ["a.example", "a.example"]', "deny[0]", "policies.unknown.deny[1] decides"),
        ('locked = { deny = ["time.example.net"] }', "locked.deny[0]", "devices need"),
        (
            "exceptions = [{ name = 'porn.example.com', reason='r', approved_by='h', until=2027-01-01 00:00:00Z }]"
            '\nlocked = { categories = { pornography = "deny" } }',
            "exceptions[0]",
            "locked (pornography of feeds/porn)",
        ),
    ],
)
def test_a_rule_that_does_nothing_is_named_with_what_decides(
    compared: Compared, rules: str, path: str, says: str
) -> None:
    found = idle(compared, f"{HEAD}{rules}\n")
    assert set(found) == {f"policies.unknown.{path}"}
    assert says in found[f"policies.unknown.{path}"]


@pytest.mark.parametrize(
    "rules",
    [
        'allow = ["a.example"]\ndeny = ["www.a.example"]',
        # The exact name is opened, what is below it stays closed.
        'allow = ["=a.example"]\ndeny = ["a.example"]',
        'allow = ["films.example.com"]\ncategories = { streaming = "deny" }',
        # Nothing closes it today; a list may tomorrow.
        'allow = ["learning.example.com"]',
        'locked = { deny = ["help.example.org"] }',
        'deny = ["example.org"]',
    ],
)
def test_a_rule_that_decides_some_name_is_not(compared: Compared, rules: str) -> None:
    assert idle(compared, f"{HEAD}{rules}\n") == {}


def test_a_rule_that_a_policy_below_overrides_still_speaks_in_its_own(compared: Compared) -> None:
    below = '[policies.pupil]\nextends = "unknown"\nallow = ["a.example"]\n'
    assert idle(compared, f'{HEAD}deny = ["a.example"]\n{below}') == {}
