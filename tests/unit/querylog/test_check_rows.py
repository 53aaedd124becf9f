"""Rows of the hourly checks of this server stand beside those of devices, and no count of devices has them."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.stand_in.query_log import NOON, row, wal, write_rows

from schoolgate.checks.own_questions import Window, announce_questions
from schoolgate.console.log_words import OWN_CHECK, shown_row
from schoolgate.operations.self_test_marks import marked
from schoolgate.querylog import Query, QueryLog
from schoolgate.querylog.check_rows import CheckRows, check_rows
from schoolgate.querylog.log_query import OWN_CHECK_RULE, OwnRows, microseconds
from schoolgate.querylog.tail import matches

OWN, DEVICE, TEST_NAME = "192.0.2.2", "192.0.2.10", "gambling.blocked.example.com"
LATER = NOON + dt.timedelta(hours=1)
ROWS = (
    row(time=NOON, client=OWN, qname=TEST_NAME, action="deny", layer="category", category="gambling"),
    row(time=NOON + dt.timedelta(seconds=5), client=OWN, qname="www.example.org"),
    # The same name from a device, another name from here, and the same here when no check was made.
    row(time=NOON + dt.timedelta(seconds=6), client=DEVICE, qname=TEST_NAME, action="deny", category="gambling"),
    row(time=NOON + dt.timedelta(seconds=7), client=OWN, qname="updates.example.net"),
    row(time=LATER, client=OWN, qname="www.example.org"),
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    at_us = microseconds(NOON)
    window = Window(("p-of-another-key", OWN), at_us, at_us + 20_000_000)
    announce_questions(tmp_path, (TEST_NAME, "www.example.org"), window)
    write_rows(tmp_path, wal(1), ROWS)
    return tmp_path


@pytest.mark.parametrize(("own", "found"), [("with", 5), ("without", 3), ("only", 2)])
def test_a_search_has_them_when_they_are_asked_for(state: Path, own: OwnRows, found: int) -> None:
    for since in (None, NOON - dt.timedelta(hours=1)):
        query = Query(since=since, own_checks=own)
        with QueryLog(state) as log:
            rows = log.search(query).rows
            assert log.count(query) == log.totals(query).rows == len(rows) == found
        assert [one for one in rows if not matches(query, (), one, check_rows(state))] == []


def test_no_count_of_what_devices_asked_has_them(state: Path) -> None:
    since, until = NOON - dt.timedelta(hours=1), LATER + dt.timedelta(hours=1)
    with QueryLog(state) as log:
        top = log.top("names", Query(own_checks="without"))
        assert {one.value: one.rows for one in top} == dict.fromkeys(
            (TEST_NAME, "www.example.org", "updates.example.net"), 1
        )
        asked = log.names_asked_since([TEST_NAME, "www.example.org"], since)
        assert {one.name: one.rows for one in asked} == {TEST_NAME: 1, "www.example.org": 1}
        assert log.names_by_segment(since, most=10).all_rows == 3
        assert log.devices_asking({"pupils": [TEST_NAME]}, since) == {"pupils": 1}
        every = ("allow", "deny")
        sums = log.rollup(since, until, by=("action",), without_own=every)
        assert {one.key[0]: one.rows for one in sums} == {"allow": 2, "deny": 1}
        kept = log.rollup(since, until, by=("action",))
        assert {one.key[0]: one.rows for one in kept} == {"allow": 3, "deny": 2}


def test_nothing_is_left_out_where_no_check_was_made(tmp_path: Path) -> None:
    write_rows(tmp_path, wal(1), ROWS)
    assert check_rows(tmp_path) == CheckRows()
    with QueryLog(tmp_path) as log:
        assert len(log.search(Query(own_checks="without")).rows) == len(ROWS)
        assert log.search(Query(own_checks="only")).rows == ()


def test_a_file_that_cannot_be_read_hides_no_row(state: Path) -> None:
    (state / "checks" / "own-questions.json").write_text('{"names": 1, "windows": [[]]}')
    assert check_rows(state) == CheckRows()


def test_people_see_whose_row_it_is(state: Path) -> None:
    shown = marked(state, ROWS)
    assert [one.rule == OWN_CHECK_RULE for one in shown] == [True, True, False, False, False]
    assert OWN_CHECK == OWN_CHECK_RULE
    first, *_, last = (shown_row(asdict(one), {}) for one in shown)
    assert (first.is_check, first.why, first.feed) == (True, "An hourly check of this server", "")
    assert not last.is_check
