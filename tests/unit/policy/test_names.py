"""Entries of own lists."""

import pytest
from pydantic_core import PydanticCustomError

from schoolgate.policy.names import NameRule, parse_name_rule


def test_a_plain_name_stands_for_all_below_and_an_equals_sign_for_itself() -> None:
    suffix, exact = parse_name_rule("Example.ORG."), parse_name_rule("= Example.org")
    assert (suffix, exact) == (NameRule("example.org", "suffix"), NameRule("example.org", "exact"))
    assert suffix.covers("example.org")
    assert suffix.covers("www.example.org")
    assert not suffix.covers("badexample.org")
    assert exact.covers("example.org")
    assert not exact.covers("www.example.org")
    assert str(exact) == "=example.org"


@pytest.mark.parametrize("value", ["", "=", "==x", "*.example.org", 3, None, ["a"], "http://example.org/"])
def test_junk_is_refused(value: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_name_rule(value)
