"""The line of a text that a path of a mistake names."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from schoolgate.console.plain_words import duration, group, left, list_name, octets
from schoolgate.console.text_lines import line_of

TEXT = """\
format = 1
[policies.trust]
locked.categories = { games = "deny" }
[policies."odd name"]
"service:x" = 1
[[segments.a.schedule]]
policy = "x"
[[segments.a.schedule]]
policy = "y"
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("format", 1),
        ("policies.trust", 2),
        ("policies.trust.locked.categories.games", 3),
        ("policies.trust.deny[0]", 2),
        ('policies."odd name"."service:x"', 5),
        ("segments.a.schedule[1].policy", 9),
        ("segments.a.schedule[0]", 6),
        ("nothing", 0),
        ("", 0),
    ],
)
def test_a_path_has_its_line_or_the_nearest_above_it(path: str, line: int) -> None:
    assert line_of(TEXT, path) == line


@pytest.mark.parametrize("line", ["[ a ]", "[a]  # why", "[[ a ]]", "  [[a]]#"])
def test_a_table_is_found_however_it_is_spaced(line: str) -> None:
    assert line_of(f"x = 1\n{line}\n", "a[0]" if "[[" in line else "a") == 2


@pytest.mark.parametrize("line", ["[a", "[]", "[a, [b]]", "[a] b", "[#a]", "[1, 2],"])
def test_what_opens_no_table_is_none(line: str) -> None:
    assert line_of(f"x = 1\n{line}\ny = 2\n", "y") == 3


@pytest.mark.parametrize(
    "line", ["[" + " " * 100_000, "[" + " " * 50_000 + "a" + " " * 50_000, '["' + '\\"' * 50_000 + "]", "a" * 100_000]
)
def test_a_line_without_end_takes_no_time(line: str) -> None:
    began = time.process_time()
    assert line_of(f"{line}\nb = 1\n", "b") == 2
    assert time.process_time() - began < 1


def test_a_message_of_the_reader_names_its_line_itself() -> None:
    assert line_of("a = \n", "", "Invalid value (at line 1, column 5)") == 1


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "less than a second"), (1, "1 second"), (60, "1 minute"), (5400, "1 hour 30 minutes"), (86_400, "1 day")],
)
def test_a_length_of_time_is_said_in_its_largest_units(seconds: int, words: str) -> None:
    assert duration(seconds) == words


def test_what_is_left_and_sizes_and_groups_are_said_in_words() -> None:
    now = dt.datetime(2026, 11, 30, 9, tzinfo=dt.UTC)
    assert left("2026-11-30T11:10:30+00:00", now) == "2 hours 10 minutes left"
    assert left("2026-11-30T08:00:00+00:00", now) == "has ended"
    assert [octets(one) for one in (12, 3400, 12_000_000)] == ["12 bytes", "3.4 kB", "12 MB"]
    assert [group(one) for one in ("year-11", "")] == ["Year 11", "Devices in no network"]


def test_a_list_is_named_as_people_read_it() -> None:
    assert [list_name(one) for one in ("starter/ai-chat", "feeds/school-games", "hagezi-fake")] == [
        "starter list of ai chat", "school-games", "hagezi-fake",
    ]  # fmt: skip
