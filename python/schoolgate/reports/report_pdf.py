"""A report as a PDF that a screen reader can read (PDF/UA-1): the same sections as its page, and who has read it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from schoolgate.evidence.typst_document import compiled
from schoolgate.reports.facts import Day
from schoolgate.reports.page import Page, Section

TEMPLATE = Path(__file__).with_name("report.typ")
_DAYS = ("Day", "Questions", "Of these, blocked")


def pdf_of(page: Page, problems: Sequence[str], readings: Iterable[tuple[str, str, str]], at: dt.datetime) -> bytes:
    """`readings`: who, as what, when. Raises `DocumentNotMade`."""
    return compiled(TEMPLATE, _values(page, problems, readings), at, "pdf")[0]


def pictures_of(page: Page, problems: Sequence[str], at: dt.datetime) -> list[bytes]:
    """Its pages as PNG, to look at."""
    return compiled(TEMPLATE, _values(page, problems, ()), at, "png", 60.0)


def _values(page: Page, problems: Sequence[str], readings: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    return {
        "title": page.title, "subtitle": page.subtitle, "foot": page.foot, "problems": list(problems),
        "sections": [one for section in page.sections for one in _tables(section)], "readings": [*map(list, readings)],
    }  # fmt: skip


def _tables(section: Section) -> list[dict[str, Any]]:
    """A section, and its chart as a table of its own: numbers are read by everyone."""
    made = {"title": section.title, "sentences": list(section.sentences), "columns": [], "rows": []}
    table = made | {"columns": list(section.columns), "rows": [list(row) for row in section.rows]}
    if not section.chart:
        return [table]
    days = {"columns": list(_DAYS), "rows": [_row(day) for day in section.chart]}
    if not section.rows:
        return [made | days]
    return [table, {"title": f"{section.title}: day by day", "sentences": []} | days]


def _row(day: Day) -> list[str]:
    return [f"{day.date:%-d %b %Y}", f"{day.rows:,}", f"{day.blocked:,}"]
