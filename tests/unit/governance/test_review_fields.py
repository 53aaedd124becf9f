"""The form of a review has a field for each point of the policy, and some are filled in by the system."""

from __future__ import annotations

import pytest

from schoolgate.governance.plain_form import FieldsRefused, FormField, read_form, without_persons
from schoolgate.governance.review import REVIEW_FORM, Review
from schoolgate.operations.governance.review_prefill import _FIELDS

# The points of the policy's section on reviews, in its order, and the field that answers each.
BULLETS = {
    "trigger": ("trigger", "trigger_detail"),
    "attendees": ("attendees",),
    "risk profile: ages": ("ages",),
    "risk profile: SEND": ("send",),
    "risk profile: EAL": ("eal",),
    "what is blocked or allowed and why": ("blocked_and_allowed",),
    "outside influences": ("outside_influences",),
    "safeguarding reports": ("safeguarding_reports",),
    "digital resilience": ("digital_resilience",),
    "RSHE/PSHE needs": ("education_needs",),
    "related policies": ("related_policies",),
    "checks made and how actions were handled": ("checks_made",),
    "AI tools seen": ("ai_tools",),
    "personal devices": ("personal_devices",),
    "limits of DNS": ("limits",),
    "gaps": ("gaps",),
    "conclusion": ("conclusion",),
    "next date": ("next_on",),
}
PREFILLED = {"blocked_and_allowed", "safeguarding_reports", "checks_made", "ai_tools", "limits"}


def test_each_point_of_the_policy_has_its_field() -> None:
    found: dict[str, tuple[str, ...]] = {}
    for one in REVIEW_FORM:
        found[one.bullet] = (*found.get(one.bullet, ()), one.name)
    assert found == BULLETS
    assert set(Review.model_fields) - {one.name for one in REVIEW_FORM} == {"sources", "began_us", "signatures"}


def test_what_is_said_to_be_filled_in_by_the_system_is() -> None:
    assert {one.name for one in REVIEW_FORM if one.is_prefilled} == PREFILLED == set(_FIELDS)


FORM = (FormField("conclusion", "Conclusion"), FormField("next_on", "Next", "day", is_required=False))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "conclusion: fill in"),
        ({"conclusion": "  "}, "conclusion: fill in"),
        ({"conclusion": "x", "signatures": []}, "signatures: there is no such field"),
        ({"conclusion": "x", "next_on": "soon"}, "next_on: write a day"),
        ({"conclusion": "x" * 301}, "conclusion: "),
        ({"conclusion": ["x"]}, "conclusion: "),
    ],
)
def test_a_mistake_of_a_form_is_named_with_its_field(given: dict[str, object], named: str) -> None:
    with pytest.raises(FieldsRefused) as refused:
        read_form(Review, FORM, given)
    assert any(one.startswith(named) for one in refused.value.reasons), refused.value.reasons


def test_who_sees_no_identities_sees_no_attendees() -> None:
    shown = without_persons(REVIEW_FORM, {"attendees": "Head: Ada Byron", "ages": "11 to 18"})
    assert shown == {"attendees": "", "ages": "11 to 18"}
