"""Trees, locks, and what a policy says once all it inherits is taken together."""

import datetime as dt

import pytest

from schoolgate.policy.inheritance import effective
from schoolgate.policy.names import NameRule
from schoolgate.policy.safesearch import Level

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def effect(read):
    """One policy of a document, taken together."""

    def of(text: str, identity: str):
        checked = read(text)
        return effective(checked.document, checked.lineages[identity], NOW)

    return of


def test_a_cycle_is_told_once_and_policies_below_it_not_at_all(problems) -> None:
    found = problems(
        """
        [policies.trust]
        [policies.a]
        extends = "b"
        [policies.b]
        extends = "c"
        [policies.c]
        extends = "a"
        [policies.below]
        extends = "a"
        [policies.me]
        extends = "me"
        """
    )
    assert [line.split(" (")[0] for line in found] == [
        "policies.a.extends: extends itself: a -> b -> c -> a",
        "policies.me.extends: extends itself: me -> me",
    ]


LOCKED = """
[policies.trust.locked]
categories = { pornography = "deny", "service:example" = "deny" }
deny = ["bad.example", "=one.example"]
safesearch = { google = true, youtube = "moderate" }
unknown = "deny"
[policies.school]
extends = "trust"
[policies.pupil]
extends = "school"
"""


@pytest.mark.parametrize(
    ("loosening", "path", "lock"),
    [
        ('categories = { pornography = "allow" }', "categories.pornography", "categories.pornography"),
        (
            'categories = { "service:example" = "allow" }',
            'categories."service:example"',
            'categories."service:example"',
        ),
        ('unknown = "allow"', "unknown", "unknown"),
        ('allow = ["x.example", "bad.example"]', "allow[1]", "deny[0]"),
        ('allow = ["=www.bad.example"]', "allow[0]", "deny[0]"),
        ('allow = ["one.example"]', "allow[0]", "deny[1]"),
        ("safesearch = { google = false }", "safesearch.google", "safesearch.google (strict)"),
        ('safesearch = { youtube = "off" }', "safesearch.youtube", "safesearch.youtube (moderate)"),
        ('locked.safesearch = { google = "off" }', "locked.safesearch.google", "safesearch.google (strict)"),
        (
            'exceptions = [{ name = "a.bad.example", reason = "r", approved_by = "a", until = 2027-01-01T00:00:00Z }]',
            "exceptions[0].name",
            "deny[0]",
        ),
    ],
)
def test_loosening_is_refused_with_the_path_and_the_parent_that_locks(
    problems, loosening: str, path: str, lock: str
) -> None:
    (line,) = problems(LOCKED + loosening)
    assert line.startswith(f"policies.pupil.{path}: ")
    assert f" loosens policies.trust.locked.{lock} (" in line
    assert line.endswith("unlocked in policies.trust)")


@pytest.mark.parametrize(
    "tightening",
    [
        'categories = { pornography = "deny", gambling = "deny", games = "inherit" }',
        'categories = { pornography = "inherit" }',
        'safesearch = { google = true, youtube = "strict" }\nlocked.safesearch = { youtube = "strict" }',
        'deny = ["more.bad.example"]\nallow = ["example", "www.one.example"]',
        'locked.deny = ["worse.example"]\nunknown = "deny"',
    ],
)
def test_tightening_is_welcome(read, tightening: str) -> None:
    assert read(LOCKED + tightening).lineages["pupil"] == ("trust", "school", "pupil")


def test_a_policy_may_not_loosen_its_own_lock(problems) -> None:
    (line,) = problems(
        '[policies.trust]\ncategories = { gambling = "allow" }\nlocked.categories = { gambling = "deny" }'
    )
    assert line.startswith("policies.trust.categories.gambling: ")


def test_locks_hold_where_nothing_is_set(effect) -> None:
    pupil = effect(LOCKED, "pupil")
    assert pupil.unknown == "deny"
    assert pupil.safesearch == {"google": Level.STRICT, "youtube": Level.MODERATE}
    assert pupil.categories["pornography"] == "deny"
    assert pupil.locked_categories == {"pornography", "service:example"}
    assert [str(rule) for rule, _ in pupil.locked_names] == ["bad.example", "=one.example"]


def test_what_is_left_out_comes_from_above_and_nearer_wins(effect) -> None:
    text = """
    [policies.trust]
    action = "block-page"
    block_page = ["192.0.2.10"]
    block_ttl_s = 20
    unknown = "deny"
    categories = { gambling = "deny", games = "deny" }
    [policies.school]
    extends = "trust"
    categories = { games = "allow", gambling = "inherit" }
    unknown = "allow"
    block_ttl_s = 10
    """
    school = effect(text, "school")
    assert (school.action, school.block_page, school.block_ttl_s, school.unknown) == (
        "block-page",
        ("192.0.2.10",),
        10,
        "allow",
    )
    assert school.categories == {"gambling": "deny", "games": "allow"}


TREE = "[policies.trust]\n{trust}\n[policies.school]\nextends = 'trust'\n{school}\n"


def own(policy) -> dict[str, str]:
    return {str(rule): one.effect for rule, one in policy.own_names.items()}


@pytest.mark.parametrize(
    ("trust", "school", "expected"),
    [
        ('allow = ["a.example"]', 'deny = ["a.example"]', {"a.example": "deny"}),
        ('deny = ["a.example"]', 'allow = ["a.example"]', {"a.example": "allow"}),
        ('deny = ["=a.example"]', 'allow = ["a.example"]', {"a.example": "allow"}),
        ('allow = ["a.example"]\ndeny = ["a.example"]', "", {"a.example": "deny"}),
        ('allow = ["a.example"]\ndeny = ["=a.example"]', "", {"a.example": "allow", "=a.example": "deny"}),
        ('allow = ["w.a.example"]', 'deny = ["a.example"]', {"a.example": "deny"}),
        ('allow = ["a.example"]', 'deny = ["=a.example"]', {"a.example": "allow", "=a.example": "deny"}),
        ('deny = ["w.a.example"]', 'allow = ["a.example"]', {"w.a.example": "deny", "a.example": "allow"}),
        ("", 'allow = ["w.a.example"]\ndeny = ["a.example"]', {"w.a.example": "allow", "a.example": "deny"}),
    ],
)
def test_own_lists_of_two_levels_meet(effect, trust: str, school: str, expected: dict[str, str]) -> None:
    assert own(effect(TREE.format(trust=trust, school=school), "school")) == expected


EXCEPTION = "exceptions = [ {{ name = '{}', reason = 'r', approved_by = 'a', until = {} }} ]"
LATER, EARLIER = "2026-12-01T16:00:00Z", "2026-11-23T12:00:00Z"


def exemptions(policy) -> list[str]:
    return [str(one.rule) for one in policy.exemptions]


def test_an_exception_is_inherited_until_its_end_and_not_at_it(effect) -> None:
    running = TREE.format(trust=EXCEPTION.format("lesson.example", LATER), school="")
    assert exemptions(effect(running, "school")) == ["lesson.example"]
    ended = TREE.format(trust=EXCEPTION.format("lesson.example", EARLIER), school="")
    assert exemptions(effect(ended, "school")) == []


def test_a_descendants_deny_takes_an_inherited_exception_away(effect) -> None:
    text = TREE.format(trust=EXCEPTION.format("lesson.example", LATER), school='deny = ["example"]')
    assert exemptions(effect(text, "school")) == []
    assert exemptions(effect(text, "trust")) == ["lesson.example"]


def test_a_descendants_deny_inside_an_exception_is_said_where_it_counts(effect) -> None:
    text = TREE.format(trust=EXCEPTION.format("lesson.example", LATER), school='deny = ["chat.lesson.example"]')
    school = effect(text, "school")
    assert exemptions(school) == ["lesson.example"]
    assert list(school.denies_inside_exemptions()) == [(NameRule("chat.lesson.example"), "policies.school.deny[0]")]


def test_an_exception_of_the_same_level_opens_what_its_list_denies(effect) -> None:
    text = TREE.format(trust="", school='deny = ["example"]\n' + EXCEPTION.format("lesson.example", LATER))
    school = effect(text, "school")
    assert exemptions(school) == ["lesson.example"]
    assert list(school.denies_inside_exemptions()) == []


def test_a_block_page_without_an_address_is_refused(problems) -> None:
    assert problems("[policies.trust]\naction = 'block-page'")[0].startswith("policies.trust.action: ")
