"""Groups of devices in the policy document."""

from __future__ import annotations

import datetime as dt

import orjson
import pytest
from tests.unit.server.test_device_groups import GROUPED, policy

from schoolgate.policy.check import parse
from schoolgate.policy.problems import PolicyRefused

NOW = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)


def test_the_engine_is_given_groups_by_their_name_in_small_letters() -> None:
    described = orjson.loads(policy().compiled.description)
    assert described["groups"] == [{"id": "lost", "policy": "tablet"}, {"id": "year 9", "policy": "tablet"}]
    assert "groups" not in orjson.loads(policy(GROUPED.partition("[groups")[0]).compiled.description)


def test_a_policy_that_only_groups_have_is_used() -> None:
    assert [str(one) for one in policy().compiled.warnings if "tablet" in str(one)] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[groups.guest]\npolicy = "tabelt"\n', "groups.guest.policy: there is no policy tabelt"),
        ('[groups."year 9"]\npolicy = "tablet"\n', "is the group Year 9 too"),
        ('[groups." x"]\npolicy = "tablet"\n', "groups"),
        ('[groups.guest]\npolicy = "tablet"\nlaxer = true\n', "laxer"),
        ("[groups.guest]\n", "policy"),
    ],
)
def test_a_group_that_is_none_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(PolicyRefused) as refused:
        parse(GROUPED + text, "policy.toml")
    assert said in str(refused.value)
