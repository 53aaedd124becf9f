"""Refusals of operations in the words of a form."""

from __future__ import annotations

import pytest

from schoolgate.console.form_mistakes import without_options
from schoolgate.policy import parse
from schoolgate.policy.quick_change import SegmentUnclear, scope_of

POLICY = """\
format = 1
allowed_clients = ["192.0.2.0/24"]
strictest = "pupil"

[policies.pupil]
categories = { games = "deny" }

[segments.year-7]
prefixes = ["192.0.2.0/26"]
policy = "pupil"

[segments.year-8]
prefixes = ["192.0.2.64/26"]
policy = "pupil"
"""


def test_networks_that_share_their_rules_are_to_be_ticked_and_no_option_is_named() -> None:
    with pytest.raises(SegmentUnclear) as refused:
        scope_of(parse(POLICY, "policy.toml"), ("year-7",))
    said = without_options(str(refused.value))
    assert said == "Year 7 has the same rules as Year 8. Tick these too, or tick none for the whole school."


def test_another_refusal_stays_as_it_is() -> None:
    assert without_options("there is no network x") == "there is no network x"
