"""Rows that operations write into a policy text, in whatever way a person wrote the rows before them."""

from __future__ import annotations

import datetime as dt
import tomllib

import pytest

from schoolgate.policy.lesson_opening import LessonWanted, closed, opened

NOW = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)
WANTED = LessonWanted(
    7, "Art", ("pupils",), ("a.example",), "teacher", "head", NOW, NOW + dt.timedelta(hours=1)
)  # fmt: skip
ROW = 'names = ["z.example"]{0}lesson = "Maths"{0}number = 3{0}by = "b"{0}approved_by = "c"{0}from = {1}{0}until = {2}'
LATER, OVER = "2026-06-02T00:00:00Z", "2026-05-02T00:00:00Z"
BLOCKS = f"[segments.pupils]\npolicy = 'p'\n\n[[segments.pupils.lessons]]\n{ROW}\n"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (BLOCKS.format("\n", "2026-05-01T00:00:00Z", LATER), [3, 7]),
        (BLOCKS.format("\n", "2026-05-01T00:00:00Z", OVER), [7]),
        ("[segments.pupils]\npolicy = 'p'\nlessons = [{" + ROW.format(", ", OVER, LATER) + "}] # by hand\n", [3, 7]),
        ("[segments]\npupils = {policy = 'p'}\n", [7]),
        ("[segments.pupils]\npolicy = 'p'\n[policies.p]\n[segments.staff]\npolicy = 'p'\n", [7]),
    ],
)
def test_a_row_is_added_and_removed_however_the_others_are_written(text: str, rows: list[int]) -> None:
    after = opened(text, WANTED, NOW)
    assert [one["number"] for one in tomllib.loads(after)["segments"]["pupils"]["lessons"]] == rows
    again = tomllib.loads(closed(after, frozenset({7})))["segments"]["pupils"].get("lessons", [])
    assert [one["number"] for one in again] == [one for one in rows if one != 7]
