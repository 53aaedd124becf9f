"""`policy block` and `policy allow` write what a person would write, and leave every other line as it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from difflib import unified_diff
from typing import Any

import pytest

from schoolgate.policy import CheckedPolicy, PolicyRefused, parse
from schoolgate.policy.inheritance import effective
from schoolgate.policy.names import NameRule
from schoolgate.policy.quick_change import NoEffect, Scope, SegmentUnclear, Wanted, changed, scope_of

NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
LATER = dt.datetime(2026, 11, 29, 14, 30, tzinfo=dt.UTC)
GAMES = NameRule("games.example.net")

OPENED = '{ name = "games.example.net", reason = "r", approved_by = "a", until = 2026-12-24T00:00:00Z }'
TEXT = """\
# The school's policy.
format = 1
allowed_clients = ["10.0.0.0/8"]
strictest = "pupil"   # unknown devices

[policies.trust]   # for all
deny = [
    "a.example",   # a reason
]

[policies.pupil]
extends = "trust"
exceptions = [
    { name = "old.example", reason = "r", approved_by = "a", until = 2026-11-01T00:00:00Z },  # over
]

[policies.pupil.categories]
gambling = "deny"

[policies.lunch]
extends = "pupil"
allow = ["games.example.net"]   # at noon

[policies.staff]
extends = "trust"

[segments.pupils]
prefixes = ["10.1.0.0/16"]
policy = "pupil"
schedule = [ { policy = "lunch", from = "12:00", to = "13:00" } ]

[segments.sixth]
prefixes = ["10.2.0.0/16"]
policy = "lunch"

[segments.staff]
prefixes = ["10.3.0.0/16"]
policy = "staff"
"""


def by_own_rules(wanted: Wanted, now: dt.datetime = NOW) -> Callable[[CheckedPolicy, str], str | None]:
    """What the policy's own rules say of the name, without any list."""

    def judge(checked: CheckedPolicy, identity: str) -> str | None:
        said = effective(checked.document, checked.lineages[identity], now)
        own = said.own_names.get(wanted.rule)
        is_closed = (
            own is not None and own.effect == "deny" and not any(one.rule == wanted.rule for one in said.exemptions)
        )
        return None if is_closed == wanted.closes else "its own rules"

    return judge


def wanted(closes: bool, until: dt.datetime | None = None, rule: NameRule = GAMES) -> Wanted:
    return Wanted(rule, closes, "a test", "sam", until)


def after(text: str, what: Wanted, *segments: str, now: dt.datetime = NOW) -> str:
    scope = scope_of(parse(text, "test"), segments)
    return changed(text, "test", scope, what, now, by_own_rules(what, now))


def lines(before: str, now: str) -> list[str]:
    """Only the lines that differ."""
    return [
        one
        for one in unified_diff(before.splitlines(), now.splitlines(), n=0, lineterm="")
        if one[:3] not in ("---", "+++") and one[0] in "+-"
    ]


def test_a_deny_for_one_segment_is_one_line_and_the_rest_stays() -> None:
    assert lines(TEXT, after(TEXT, wanted(True), "staff")) == ['+deny = ["games.example.net"]']


def test_for_the_whole_school_it_goes_to_the_top_and_where_something_nearer_opens_it() -> None:
    done = after(TEXT, wanted(True))
    # Written to pupil and staff; lunch has an allow of its own. What ended in pupil is gone.
    assert lines(TEXT, done).count('+deny = ["games.example.net"]') == 3
    assert (
        '-    { name = "old.example", reason = "r", approved_by = "a", until = 2026-11-01T00:00:00Z },  # over'
        in lines(TEXT, done)
    )
    kept = [line for line in TEXT.splitlines() if "#" in line and "old.example" not in line]
    assert [line for line in done.splitlines() if line in kept] == kept


def test_a_deny_with_an_end_is_without_effect_after_it() -> None:
    text = after(TEXT, wanted(True, LATER), "staff")
    assert "until = 2026-11-29T14:30:00Z" in text or "until = 2026-11-29T14:30:00+00:00" in text
    checked = parse(text, "test")
    judge = by_own_rules(wanted(True), LATER - dt.timedelta(seconds=1))
    assert judge(checked, "staff") is None
    assert by_own_rules(wanted(True), LATER)(checked, "staff") is not None


def test_an_exception_closes_by_itself() -> None:
    text = after(TEXT, wanted(False, LATER, NameRule("a.example")), "staff")
    (row,) = parse(text, "test").document.policies["staff"].exceptions
    assert (str(row.name), row.reason, row.approved_by, row.until) == ("a.example", "a test", "sam", LATER)
    said = effective(parse(text, "test").document, ("trust", "staff"), LATER)
    assert said.own_names[NameRule("a.example")].effect == "deny"
    assert said.exemptions == []


def test_a_second_one_stands_beside_the_first() -> None:
    once = after(TEXT, wanted(True, LATER), "staff")
    twice = after(once, wanted(True, LATER, NameRule("b.example")), "staff")
    names = [str(one.name) for one in parse(twice, "test").document.policies["staff"].temporary_deny]
    assert names == ["games.example.net", "b.example"]
    # After their end the next change takes them away.
    later = after(twice, wanted(True, None, NameRule("c.example")), "staff", now=LATER)
    assert parse(later, "test").document.policies["staff"].temporary_deny == ()


def test_the_same_deny_again_changes_nothing() -> None:
    once = after(TEXT, wanted(True), "staff")
    assert after(once, wanted(True), "staff") == once


@pytest.mark.parametrize(("segments", "said"), [(("pupil",), "did you mean pupils?"), (("pupils",), "--segment sixth")])
def test_a_segment_that_does_not_say_which_policies_to_change(segments: tuple[str, ...], said: str) -> None:
    with pytest.raises(SegmentUnclear, match=said):
        scope_of(parse(TEXT, "test"), segments)


def test_segments_that_share_a_policy_are_named_together() -> None:
    assert scope_of(parse(TEXT, "test"), ("pupils", "sixth")) == Scope(("lunch", "pupil"), ("pupil",))


def test_what_would_have_no_effect_is_refused_with_the_reason() -> None:
    text = TEXT.replace(
        '[policies.staff]\nextends = "trust"\n',
        '[policies.staff]\nextends = "trust"\nexceptions = [ ' + OPENED + "]\n",
    )
    with pytest.raises(NoEffect, match="would stay open under policy staff: its own rules"):
        after(text, wanted(True), "staff")


def test_a_locked_name_is_not_opened() -> None:
    text = TEXT.replace(
        "[policies.trust]   # for all\n", '[policies.trust]\nlocked = { deny = ["games.example.net"] }\n'
    ).replace('allow = ["games.example.net"]', "")
    with pytest.raises(PolicyRefused, match=r"loosens policies\.trust\.locked"):
        after(text, wanted(False, LATER), "staff")


def test_the_engine_is_told_of_the_end(compiled: Callable[..., dict[str, Any]]) -> None:
    entry = '{ name = "games.example.net", reason = "r", until = 2026-11-29T14:30:00Z }'
    text = f"[policies.trust]\ntemporary_deny = [ {entry} ]\n"
    segment = '[segments.a]\nprefixes = ["10.1.0.0/16"]\npolicy = "trust"\n'
    during, past = compiled(text + segment, NOW), compiled(text + segment, LATER)
    assert [(one["name"], one["effect"]) for one in during["names"] if one["layer"] == 6] == [
        ("games.example.net", "deny")
    ]
    assert [one for one in past["names"] if one["layer"] == 6] == []
    assert during["segments"][0]["ends_at_unix_s"] == int(LATER.timestamp())
    assert past["segments"][0]["ends_at_unix_s"] is None
