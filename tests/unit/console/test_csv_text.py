"""Tables for a spreadsheet: no cell is a formula, also where a semicolon parts cells."""

from __future__ import annotations

import pytest

from schoolgate.console.csv_text import csv_lines


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("  @x", "'  @x"),
        ("\uff1d1", "'\uff1d1"),
        ("noted;=1+1", "noted;'=1+1"),
        ("noted; +1;-2", "noted;' +1;'-2"),
        ("a = b; c", "a = b; c"),
        (-5, "-5"),
        (None, ""),
    ],
)
def test_what_could_be_a_formula_is_text(value: object, cell: str) -> None:
    assert csv_lines([[value, "x"]]) == f"{cell},x\r\n"
