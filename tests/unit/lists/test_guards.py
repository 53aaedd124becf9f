"""What a feed must be like: judged by counts, without any feed."""

from __future__ import annotations

import pytest

from schoolgate.lists.guards import Before, Bounds, FeedHeld, FeedUnfit, Inspected, judge

BOUNDS = Bounds()


def part(rules: int, label: str = "", **skipped: int) -> Inspected:
    named = {reason.replace("_", "-"): lines for reason, lines in skipped.items()}
    return Inspected(label, rules, named, {reason: (f"line:1: {reason}",) for reason in named})


def judged(
    *parts: Inspected, before: dict[str, int] | None = None, announced: int | None = None, ok: bool = False
) -> None:
    judge(parts, None if before is None else Before(before), announced, BOUNDS, accepted=ok)


def test_half_of_the_lines_may_be_unreadable_and_no_more() -> None:
    judged(part(100, malformed=100), ok=True)
    with pytest.raises(FeedUnfit, match=r"101 of 201 lines not read \(malformed, such as line:1"):
        judged(part(100, malformed=101), ok=True)


def test_lines_that_were_not_read_are_said_and_a_tenth_of_a_list_waits_for_a_person() -> None:
    assert judge([part(95, malformed=5)], None, None, BOUNDS, accepted=False) == (
        "5 of 100 lines not read (malformed, such as line:1: malformed)",
    )
    with pytest.raises(FeedHeld, match=r"^40 of 100 lines not read \(malformed, such as line:1: malformed\)$"):
        judged(part(60, malformed=40))
    judged(part(60, malformed=40), ok=True)


def test_a_list_that_always_had_such_lines_goes_on_until_they_become_many_more() -> None:
    usual = Before({"": 60}, 0.4)
    judge([part(60, malformed=40)], usual, None, BOUNDS, accepted=False)
    with pytest.raises(FeedHeld):
        judge([part(60, malformed=60)], Before({"": 60}, 0.3), None, BOUNDS, accepted=False)


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


def test_names_that_must_stay_open_are_left_out_however_many() -> None:
    found = Inspected("", 1000, {"protected": 200}, {}, tuple(f"n{n:03}.example.org" for n in range(200)))
    (said,) = judge([found], None, None, BOUNDS, accepted=False)
    assert said.startswith("200 lines for names that must stay open are left out: n000.example.org, ")
    assert said.endswith(" and 195 more")


def test_only_a_sudden_jump_of_them_waits_for_a_person() -> None:
    for before, now in ((0, 10), (10, 30), (200, 410)):
        judge([part(1000, protected=now)], Before({"": 1000}, 0.0, before), None, BOUNDS, accepted=False)
    for before, now in ((0, 11), (10, 31), (200, 411)):
        with pytest.raises(FeedHeld, match=f"{now} lines for names that must stay open .*; before it were {before}"):
            judge([part(1000, protected=now)], Before({"": 1000}, 0.0, before), None, BOUNDS, accepted=False)
        judge([part(1000, protected=now)], Before({"": 1000}, 0.0, before), None, BOUNDS, accepted=True)


def test_a_first_fetch_that_is_mostly_of_such_names_waits_too() -> None:
    with pytest.raises(FeedHeld, match="much of its 60 lines"):
        judged(part(40, protected=20))
    judged(part(40, protected=10))
