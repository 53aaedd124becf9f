"""A report as a PDF, and who has signed that it was read."""

from __future__ import annotations

import datetime as dt

from tests.unit.console.care_school import RoleBrowser

from schoolgate.accounts.roles import Role
from schoolgate.reports.facts import Day
from schoolgate.reports.page import Page, Section
from schoolgate.reports.report_pdf import pdf_of, pictures_of

GOVERNOR, HEAD, IT, TEACHER = Role.governor, Role.head, Role.network_manager, Role.teacher
MADE = "/reports/made?kind=weekly&reader=governors"
FORM = {"kind": "weekly", "reader": "governors"}
AT = dt.datetime(2026, 11, 30, 9, tzinfo=dt.UTC)
PAGE = Page(
    "Filtering report, weekly", "The whole school",
    (
        Section("At a glance", ("Questions asked: `1`.",), chart=(Day(dt.date(2026, 11, 23), 12, 3),)),
        Section("Sites", (), ("Site", "Times"), (("#strong[x] * _ $ <y>", "4"),)),
    ),
    "Made today.",
)  # fmt: skip


async def test_who_has_the_duty_signs_once_and_others_see_it(browser: RoleBrowser) -> None:
    _, text = await browser.get(GOVERNOR, MADE)
    assert "No one has signed yet" in text and "I have read it" in text
    for _ in range(2):
        status, _, headers = await browser.post(GOVERNOR, "/reports/made", **FORM, do="sign")
        assert status == 303
    _, text = await browser.get(GOVERNOR, headers["Location"])
    assert "Signed: you have read it." in text and "I have read it" not in text
    _, text = await browser.get(HEAD, MADE)
    assert text.count("governor, ") == 1 and "I have read it" in text, "a head signs too"
    _, text = await browser.get(IT, MADE)
    assert "I have read it" not in text, "the report for governors is not theirs to sign"
    status, _, _ = await browser.post(TEACHER, "/reports/made", **FORM, do="sign")
    assert status == 404


async def test_a_time_that_has_not_ended_is_not_signed(browser: RoleBrowser) -> None:
    today = dt.datetime.now(dt.UTC).date().isoformat()
    _, text = await browser.get(HEAD, f"{MADE}&of={today}")
    assert "I have read it" not in text
    status, text, _ = await browser.post(HEAD, "/reports/made", **FORM, of=today, do="sign")
    assert status == 422 and "has not ended" in text


async def test_a_report_is_taken_away_as_a_pdf(browser: RoleBrowser) -> None:
    status, text, headers = await browser.post(GOVERNOR, "/reports/made", **FORM, do="pdf")
    assert (status, headers["Content-Type"]) == (200, "application/pdf")
    assert text.startswith("%PDF-") and headers["Content-Disposition"].endswith('-weekly-governors.pdf"')


def test_a_pdf_holds_what_no_markup_can_change() -> None:
    made = pdf_of(PAGE, ("the log cannot be read",), [("Grace <b>", "governor", "30 November 2026")], AT)
    assert made.startswith(b"%PDF-") and b"pdfuaid" in made
    assert pdf_of(PAGE, (), (), AT) == pdf_of(PAGE, (), (), AT)
    assert len(pictures_of(PAGE, (), AT)) == 1
