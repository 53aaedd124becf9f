"""Scheduled reports by a clock of the test: when, how often, what is sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.unit.reports.conftest import school, week_of_rows, write_log

from schoolgate.config import ConfigInvalid, Settings
from schoolgate.jobs import reports as report_jobs
from schoolgate.jobs.context import JobContext
from schoolgate.jobs.reports import ReportsNotMade, ScheduledReports
from schoolgate.reports.shelf import shelf_of

__all__ = ["school"]

MONDAY = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
SCHEDULED = """
[reports]
at = "07:00"
[[reports.scheduled]]
kind = "weekly"
reader = "governors"
recipients = ["chair@school.example"]
[[reports.scheduled]]
kind = "daily"
reader = "it"
segments = ["pupils"]
"""


class Desk:
    """A place whose messages the test reads."""

    def __init__(self, settings: Settings) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.place = cast(
            JobContext,
            SimpleNamespace(settings=settings, document=SimpleNamespace(time_zone="Europe/London"), post=self._post),
        )

    async def _post(
        self, recipients: Sequence[str], subject: str, text: str, *, key: str, html: str | None = None
    ) -> None:
        self.sent.append((tuple(recipients), subject, text, key, html))


async def test_a_report_is_made_once_when_its_hour_has_come_and_sent_with_a_key(
    school: Callable[..., Settings],
) -> None:
    settings = school(SCHEDULED)
    write_log(settings.server.state_dir, *week_of_rows())
    desk = Desk(settings)
    work = ScheduledReports(desk.place).work
    assert await work(MONDAY + dt.timedelta(hours=6, minutes=59)) is None
    assert await work(MONDAY + dt.timedelta(hours=7)) == "made 2026-11-16-weekly-governors, 2026-11-22-daily-it-pupils"
    assert await work(MONDAY + dt.timedelta(hours=7, minutes=1)) is None
    assert await work(MONDAY + dt.timedelta(days=1, hours=8)) == "made 2026-11-23-daily-it-pupils"
    ((recipients, subject, text, key, html),) = desk.sent
    assert (recipients, key) == (("chair@school.example",), "report-2026-11-16-weekly-governors")
    assert subject.startswith("Filtering report, weekly")
    assert "Questions asked: 61" in text
    assert html is not None and html.startswith("<!doctype html>")
    assert "bets.example.net" not in text + html
    assert len(shelf_of(settings).all()) == 3


async def test_a_report_that_cannot_be_kept_is_said_tried_again_and_sent_once(
    school: Callable[..., Settings], tmp_path: Path
) -> None:
    (tmp_path / "full").write_text("a file where the directory should be", encoding="utf-8")
    settings = school(SCHEDULED.replace("[reports]", '[reports]\ndir = "full"'))
    write_log(settings.server.state_dir, *week_of_rows())
    desk = Desk(settings)
    for minute in (0, 1):
        with pytest.raises(ReportsNotMade, match=r"full.*reports\.dir"):
            await ScheduledReports(desk.place).work(MONDAY + dt.timedelta(hours=7, minutes=minute))
    assert {sent[3] for sent in desk.sent} == {"report-2026-11-16-weekly-governors"}, "the outbox takes one of a key"


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ('[reports]\nat = "25:00"', "not a time of day"),
        ('[reports]\nterms = ["13-01"]', "not a day of the year"),
        (
            '[[reports.scheduled]]\nkind = "weekly"\nreader = "it"\nrecipients = ["a b@example.org\\nBcc: x"]',
            "no recipient",
        ),
        ('[[reports.scheduled]]\nkind = "hourly"\nreader = "it"', "kind"),
    ],
)
def test_a_mistake_is_named(school: Callable[..., Settings], extra: str, complaint: str) -> None:
    with pytest.raises(ConfigInvalid, match=complaint):
        school(extra)


TWO = """
[reports]
at = "07:00"
[[reports.scheduled]]
kind = "weekly"
reader = "it"
recipients = ["it@school.example"]
[[reports.scheduled]]
kind = "weekly"
reader = "it"
recipients = ["lead@school.example"]
"""


async def test_the_same_report_for_others_is_sent_to_them_too(school: Callable[..., Settings]) -> None:
    settings = school(TWO)
    write_log(settings.server.state_dir, *week_of_rows())
    desk = Desk(settings)
    for minute in range(3):
        await ScheduledReports(desk.place).work(MONDAY + dt.timedelta(hours=7, minutes=minute))
    assert [sent[0] for sent in desk.sent] == [("it@school.example",), ("lead@school.example",)]


async def test_a_report_that_a_person_kept_is_sent_all_the_same(school: Callable[..., Settings]) -> None:
    settings = school(SCHEDULED)
    write_log(settings.server.state_dir, *week_of_rows())
    shelf = shelf_of(settings)
    shelf.keep(shelf.folder / "2026-11-16-weekly-governors.html", "made by hand")
    desk = Desk(settings)
    await ScheduledReports(desk.place).work(MONDAY + dt.timedelta(hours=7))
    assert [sent[0] for sent in desk.sent] == [("chair@school.example",)]


async def test_one_report_that_fails_stops_no_other(
    school: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = school(SCHEDULED)
    write_log(settings.server.state_dir, *week_of_rows())
    whole = report_jobs.make

    def make(settings: Any, zone: Any, reader: Any, *others: Any) -> Any:
        if reader == "governors":
            raise ValueError("a defect")
        return whole(settings, zone, reader, *others)

    monkeypatch.setattr(report_jobs, "make", make)
    with pytest.raises(ValueError, match="a defect"):
        await ScheduledReports(Desk(settings).place).work(MONDAY + dt.timedelta(hours=7))
    assert [one.path.name for one in shelf_of(settings).all()] == ["2026-11-22-daily-it-pupils.html"]
