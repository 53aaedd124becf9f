"""What `status` says of the lists, from what the last update left on disk."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from schoolgate.lists import update_status as status_file
from schoolgate.lists.last_good import FeedState
from schoolgate.lists.list_problems import list_problems

NOW = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
LONG_AGO = NOW - dt.timedelta(days=30)


def left(folder: Path, at: dt.datetime, *feeds: dict[str, object], problems: tuple[str, ...] = ()) -> None:
    status_file.write(folder, at, 0, 1, None, feeds, problems)


def test_old_lists_that_an_update_found_up_to_date_are_no_problem(tmp_path: Path) -> None:
    left(tmp_path, NOW - dt.timedelta(hours=4))
    assert list_problems(tmp_path, LONG_AGO, NOW) == []


def test_lists_that_nobody_updates_are_a_problem(tmp_path: Path) -> None:
    assert "23 October" not in str(list_problems(tmp_path, NOW, NOW))
    assert "lists update" in list_problems(tmp_path, LONG_AGO, NOW)[0]
    left(tmp_path, LONG_AGO)
    assert "last updated on 24 October 2026" in list_problems(tmp_path, LONG_AGO, NOW)[0]


def test_a_failing_feed_is_told_with_its_true_age_and_reason(tmp_path: Path) -> None:
    row = status_file.feed_row("mine", FeedState().failed(NOW, "404 Not Found"), 24, NOW)
    left(tmp_path, NOW, row, problems=("pinned to serial 3",))
    assert list_problems(tmp_path, NOW, NOW) == [
        "pinned to serial 3",
        "feed mine fails and was never fetched: 404 Not Found",
    ]
