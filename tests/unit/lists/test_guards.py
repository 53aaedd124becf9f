"""What a feed must be like: judged by counts, without any feed."""

from __future__ import annotations

import pytest

from schoolgate.lists.guards import Bounds, FeedHeld, FeedUnfit, Inspected, judge

BOUNDS = Bounds()


def part(rules: int, label: str = "", **skipped: int) -> Inspected:
    named = {reason.replace("_", "-"): lines for reason, lines in skipped.items()}
    return Inspected(label, rules, named, {reason: (f"line:1: {reason}",) for reason in named})


def judged(
    *parts: Inspected, before: dict[str, int] | None = None, announced: int | None = None, ok: bool = False
) -> None:
    judge(parts, before, announced, BOUNDS, accepted=ok)


def test_half_of_the_lines_may_be_unreadable_and_no_more() -> None:
    judged(part(100, malformed=100))
    with pytest.raises(FeedUnfit, match=r"101 of 201 lines .*mostly malformed, such as line:1"):
        judged(part(100, malformed=101))


def test_lines_that_dns_cannot_use_are_no_damage() -> None:
    judged(part(10, page_part=5000, path=5000, url=5000, expression=100, address=3000))


def test_no_rule_at_all_is_never_accepted() -> None:
    with pytest.raises(FeedUnfit, match="no name that can be used"):
        judged(part(0, malformed=3), ok=True)


@pytest.mark.parametrize(("rules", "fine"), [(600, True), (599, False), (5000, True), (5001, False)])
def test_the_bounds_of_shrinking_and_growing(rules: int, fine: bool) -> None:
    if fine:
        judged(part(rules), before={"": 1000})
    else:
        with pytest.raises(FeedHeld):
            judged(part(rules), before={"": 1000})
        judged(part(rules), before={"": 1000}, ok=True)


def test_small_lists_may_halve_and_double() -> None:
    judged(part(3), before={"": 40})
    judged(part(200), before={"": 3})


@pytest.mark.parametrize(("rules", "fine"), [(5_000, True), (4_999, False), (2_000_000, True), (2_000_001, False)])
def test_a_first_fetch_is_measured_by_the_catalogue(rules: int, fine: bool) -> None:
    if fine:
        judged(part(rules), announced=100_000)
    else:
        with pytest.raises(FeedHeld, match="should have about 100000"):
            judged(part(rules), announced=100_000)


def test_a_part_that_shrank_is_seen_behind_one_that_grew() -> None:
    with pytest.raises(FeedHeld, match="its part b shrank from 400 names to 10"):
        judged(part(1000, "a"), part(10, "b"), before={"a": 500, "b": 400})


def test_a_few_protected_names_are_a_warning_and_many_an_attack() -> None:
    assert judge([part(1000, protected=10)], None, None, BOUNDS, accepted=False)
    with pytest.raises(FeedUnfit, match="close 11 protected names"):
        judged(part(1000, protected=11), ok=True)
