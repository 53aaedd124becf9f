"""Reports over a real log: the counts are true, each reader sees what is his, and nothing in a name becomes markup."""

from __future__ import annotations

import datetime as dt
import html.parser
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from tests.unit.reports.conftest import MONDAY, NOW, ZONE, row, week_of_rows, write_log

from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import AlertRules
from schoolgate.checks.record import CheckRecord
from schoolgate.config import Settings
from schoolgate.governance.due_file import DueLine, path_of_dues, write_dues
from schoolgate.policy.calendar_file import path_of_calendar, write_calendar
from schoolgate.policy.school_calendar import SchoolDays, calendar_of
from schoolgate.reports import gathering
from schoolgate.reports.chart import bars, nice_above, svg
from schoolgate.reports.facts import Day
from schoolgate.reports.making import Form, Made, make
from schoolgate.reports.page import Reader
from schoolgate.reports.period import Kind, Period, period_of

WEEK = period_of(Kind.weekly, MONDAY.date(), ZoneInfo(ZONE))
School = Callable[..., Settings]


def made(settings: Settings, reader: Reader = Reader.it, segments: tuple[str, ...] = ()) -> Made:
    return make(settings, ZONE, reader, WEEK, segments, NOW)


@pytest.fixture
def settings(school: School) -> Settings:
    found = school()
    write_log(found.server.state_dir, *week_of_rows())
    return found


def test_the_counts_are_those_of_the_log(settings: Settings) -> None:
    facts = made(settings, Reader.safeguarding).facts
    assert (facts.rows, facts.blocked, facts.blocked_before) == (61, 11, 5)
    assert {one.what: (one.rows, one.blocked) for one in facts.by_segment} == {"pupils": (60, 10), "guests": (1, 1)}
    kinds = {one.what: (one.blocked, one.before) for one in facts.by_category}
    assert kinds["Gambling"] == (5, 5)
    assert kinds["Illegal content (sealed lists)"] == (1, 0)
    assert sum(one.blocked for one in facts.bypass) == 5
    assert [(day.rows, day.blocked) for day in facts.days] == [(13, 3), *[(12, 2)] * 4, (0, 0), (0, 0)]
    assert facts.problems == ()


def test_one_segment_alone(settings: Settings) -> None:
    facts = made(settings, segments=("guests",)).facts
    assert (facts.rows, facts.blocked) == (1, 1)
    assert [one.what for one in facts.by_segment] == ["guests"]
    assert "Network guests, for IT" in made(settings, segments=("guests",)).written(Form.text)


@pytest.mark.parametrize("form", list(Form))
def test_governors_see_no_site_and_nobody_but_safeguarding_a_device(settings: Settings, form: Form) -> None:
    governors, it, lead = (
        made(settings, reader).written(form) for reader in (Reader.governors, Reader.it, Reader.safeguarding)
    )
    shown = "bets.example.net" if form is Form.json else "bets[.]example[.]net"
    assert shown not in governors
    assert shown in it
    for text in (governors, it):
        assert "p-aaaa" not in text
    assert "p-aaaaaaaaaaaaaaaaaaaaaaaaaa" in lead
    for text in (governors, it, lead):
        assert "10.1.20.50" not in text, "an address stands in no report, even where the log holds one"
    assert "Gambling" in governors


def test_the_change_against_the_week_before_is_said(settings: Settings) -> None:
    text = made(settings).written(Form.text)
    assert "Questions asked: 61; blocked: 11 (18.0%)." in text
    assert "120% more than in the week before" in text


def test_an_empty_log_and_no_log_are_said_and_are_no_error(school: School) -> None:
    for reader in Reader:
        text = made(school(), reader).written(Form.text)
        assert "No questions are in the log" in text
        assert "did not run" in text


class Strict(html.parser.HTMLParser):
    """Fails on anything that could run or load, and on tags left open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "iframe", "object", "link", "img", "a", "form"), tag
        assert not [name for name, _ in attributes if name.startswith("on") or name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in ("rect", "line")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_name_that_is_markup_stays_text(school: School) -> None:
    settings = school()
    evil = "<script>alert(1)</script>.example.org"
    rows = [row(MONDAY, evil, action="deny", layer="category", category="gambling", segment='"><img src=x onerror=y>')]
    write_log(settings.server.state_dir, rows, [])
    text = made(settings).written(Form.html)
    parser = Strict()
    parser.feed(text)
    assert parser.open == []
    assert "script" in text
    assert "default-src 'none'" in text


def test_what_a_terminal_would_obey_is_not_printed(school: School) -> None:
    settings = school()
    write_log(
        settings.server.state_dir,
        [row(MONDAY, "x.example.org", action="deny", layer="category", category="gambling", segment="\x1b[2Jpupils")],
        [],
    )
    assert "\x1b" not in made(settings).written(Form.text)


def test_json_is_the_numbers(settings: Settings) -> None:
    told = orjson.loads(made(settings, Reader.governors).written(Form.json))
    assert (told["reader"], told["rows"], told["blocked_names"], told["clients"]) == ("governors", 61, [], [])


def test_alerts_are_counted_by_what_became_of_them(settings: Settings) -> None:
    folder = settings.server.state_dir / "monitor"
    folder.mkdir(parents=True)
    store = AlertStore.open(folder / "alerts.db")
    finding = Finding("circumvention", "warning", "pupils", "p-a", int(MONDAY.timestamp() * 1e6), 60, "It tried.")
    with store.transaction() as database:
        store.remember(database, finding, MONDAY)
    store.close()
    text = made(settings).written(Form.text)
    assert "Found once: a device that tried several ways around the filter (warning)." in text
    (folder / "alerts.db").write_bytes(b"not a database, and long enough to be looked at" * 10)
    assert made(settings).facts.alerts is None


def test_reading_the_alerts_writes_nothing(settings: Settings) -> None:
    folder = settings.server.state_dir / "monitor"
    folder.mkdir(parents=True)
    with sqlite3.connect(folder / "alerts.db") as database:
        database.execute("CREATE TABLE other (x)")
    before = (folder / "alerts.db").read_bytes()
    assert made(settings).facts.alerts is None
    assert (folder / "alerts.db").read_bytes() == before


def test_over_blocking_comes_from_the_checks_of_that_time(settings: Settings) -> None:
    record = CheckRecord(settings.server.state_dir)
    for day, wrong in ((-1, 9), (1, 4), (2, 2), (8, 7)):
        at = (MONDAY + dt.timedelta(days=day)).isoformat()
        record.keep(
            "reachability", {}, {"at": at, "names": 400, "decisions": 1000, "over_blocked": wrong, "rate": wrong / 1000}
        )
    text = " ".join(made(settings).written(Form.text).split())
    assert "At the last check 2 of 1,000 decisions were wrong (0.20%); the worst check had 0.40%." in text


def test_the_chart_says_in_words_what_it_shows() -> None:
    days = [Day(dt.date(2026, 11, 16) + dt.timedelta(days=n), 10 * n, n) for n in range(100)]
    assert svg(days).count('class="all"') == 100
    assert "16 Nov 0, blocked 0" in svg(days)
    assert svg([]).startswith("<svg")
    assert list(bars([Day(dt.date(2026, 11, 16), 100, 1)])) == [
        "Mon 16 Nov #--------------------------------------- 100, blocked 1"
    ]


@pytest.mark.parametrize(("count", "top"), [(0, 1), (1, 1), (3, 5), (10, 10), (11, 20), (499, 500), (501, 1000)])
def test_a_scale_ends_at_a_round_number(count: int, top: int) -> None:
    assert nice_above(count) == top


def test_a_report_is_written_where_nobody_else_reads(settings: Settings, tmp_path: Path) -> None:
    from schoolgate.reports.shelf import shelf_of

    shelf = shelf_of(settings)
    path = shelf.path_of(WEEK, "it", ("pupils",))
    (shelf.folder).mkdir(parents=True)
    (shelf.folder / "notes.txt").write_text("mine", encoding="utf-8")
    shelf.keep(path, "x")
    assert path.name == "2026-11-16-weekly-it-pupils.html"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.path for one in shelf.all()] == [path]


def test_no_name_in_a_report_is_a_link(settings: Settings) -> None:
    """A mail program makes a link of whatever looks like a name."""
    for form in (Form.text, Form.html):
        text = made(settings, Reader.it).written(form)
        assert "bets[.]example[.]net" in text
        assert "bets.example.net" not in text


def test_the_self_test_is_told_as_it_was_recorded_and_nobody_is_asked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def call(_: object, command: str) -> dict[str, Any]:
        asked.append(command)
        return {"uptime_s": 1, "sealed": {"suppliers": []}}

    monkeypatch.setattr(gathering, "call_if_running", call)
    assert made(settings).facts.self_test is None
    folder = settings.server.state_dir / "sealed"
    folder.mkdir()
    segments = [{"segment": "pupils", "denied": True}, {"segment": "guests", "denied": False}]
    rows = [
        {"at": "2026-11-18T09:00:00+00:00", "passed": False, "by_network": True, "segments": segments},
        {"at": "2026-11-19T09:00:00+00:00", "passed": True, "by_network": True, "segments": segments[:1]},
    ]
    for number, said in ((1, "FAILED in network guests on 2026-11-18"), (2, "passed in every network on 2026-11-19")):
        (folder / "selftests.jsonl").write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in rows[:number]))
        assert made(settings).facts.self_test == said
    assert set(asked) == {"status"}


def test_still_open_are_all_that_are_open(settings: Settings, tmp_path: Path) -> None:
    """An alert of last month that nobody closed is still open."""
    path = tmp_path / "alerts.db"
    store = AlertStore.open(path)
    for week in range(3):
        at = MONDAY - dt.timedelta(weeks=week)
        found = Finding("sealed", "urgent", "pupils", f"p-{week}", int(at.timestamp() * 1e6), 0, "A device asked.")
        with store.transaction() as db:
            store.raise_alert(db, "urgent", "urgent", found, 60, at)
    store.close_alert(2, "concern", "lead", "", NOW)
    store.close()
    week_before = Period(Kind.weekly, MONDAY - dt.timedelta(weeks=1), MONDAY)
    told = gathering.read_alerts(path, week_before, ())
    assert told is not None
    assert (sum(count for _, _, count in told.alerts), told.open) == (1, 1)


def test_questions_of_a_self_test_are_no_devices(settings: Settings) -> None:
    before = made(settings, Reader.safeguarding).facts
    folder = settings.server.state_dir / "monitor"
    folder.mkdir()
    store = AlertStore.open(folder / "alerts.db")
    at_us = int(MONDAY.timestamp() * 1e6)
    test = Finding("sealed-selftest", "notice", "guests", "10.1.20.50", at_us, 0, "The self-test.")
    AlertRules({}, ZoneInfo("UTC")).apply([test], store, Outbox(store), MONDAY)
    store.close()
    after = made(settings, Reader.safeguarding).facts
    assert (before.rows - after.rows, before.blocked - after.blocked) == (1, 1)
    assert "Illegal content (sealed lists)" not in {one.what for one in after.by_category}
    assert len(before.clients) - len(after.clients) == 1
    assert sum(day.rows for day in before.days) - sum(day.rows for day in after.days) == 1
    assert after.alerts is not None
    assert (after.alerts.findings, after.alerts.alerts) == ((), ())


def test_a_week_is_not_compared_with_one_that_the_log_has_a_day_of(school: School) -> None:
    settings = school("")
    bets = [
        row(MONDAY + dt.timedelta(days=day, hours=9), "bets.example.net", action="deny", layer="category",
            category="gambling")
        for day in (-1, 0, 1, 2, 3, 4)
    ]  # fmt: skip
    write_log(settings.server.state_dir, bets * 3, [])
    report = made(settings)
    assert not report.facts.is_comparable
    text = report.written(Form.text)
    assert "The week before is not compared: the log has 1 day of it, and 5 days of this one." in " ".join(text.split())
    assert "%" not in text.split("Day by day")[0].replace("(100.0%)", "")
    assert "The time before (1 day of log)" in text


def test_a_week_that_is_not_over_is_not_compared(settings: Settings) -> None:
    facts = make(settings, ZONE, Reader.it, WEEK, (), WEEK.until - dt.timedelta(days=2)).facts
    assert (facts.days_logged, facts.days_before, facts.is_comparable) == (5, 5, False)


def test_a_report_says_when_it_was_made_on_the_schools_clock(settings: Settings) -> None:
    assert "Made 23 November 2026 09:00 GMT; times and days are those of Europe/London." in " ".join(
        made(settings).written(Form.text).split()
    )


def test_what_is_overdue_is_said_to_each_reader_and_a_broken_file_says_nothing(settings: Settings) -> None:
    words = "Review of filtering and monitoring"
    late, later = (int((NOW + dt.timedelta(days=days)).timestamp() * 1e6) for days in (-9, 9))
    write_dues(settings.server.state_dir, [DueLine(words, late), DueLine("Action", later)])
    for reader in Reader:
        text = made(settings, reader).written(Form.text)
        assert "1 is overdue." in text
        assert f"{words}        1  14 November 2026" in text
        assert "Action" not in text, "what is due later is not late"
    path_of_dues(settings.server.state_dir).write_bytes(b"[[1")
    assert "overdue" not in made(settings).written(Form.text)


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("2026-11-20", "This was a holiday week: Autumn half term. Fewer questions are no surprise."),
        ("2026-11-17", "2 weekdays of this week had no pupils: Autumn half term."),
    ],
)
def test_a_report_says_that_it_was_a_holiday_and_a_damaged_calendar_says_nothing(
    settings: Settings, last: str, said: str
) -> None:
    days = SchoolDays(MONDAY.date(), dt.date.fromisoformat(last), "holiday", "Autumn half term")
    write_calendar(settings.server.state_dir, calendar_of([days]))
    for reader in Reader:
        assert said in " ".join(made(settings, reader).written(Form.text).split())
    path_of_calendar(settings.server.state_dir).write_bytes(b"schoolgate")
    assert "half term" not in made(settings).written(Form.text)
