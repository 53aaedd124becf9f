"""A report as plain text: for a terminal, for a mail."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from schoolgate.reports.chart import bars
from schoolgate.reports.page import Page, Section

WIDTH = 96
# A name may have 253 octets; a table must stay one.
LONGEST_CELL = 60


def text_of(page: Page) -> str:
    lines = [page.title, page.subtitle, "=" * min(WIDTH, max(len(page.title), len(page.subtitle)))]
    for section in page.sections:
        lines += ["", section.title, "-" * len(section.title), *_section(section)]
    return "\n".join([*lines, "", *textwrap.wrap(printable(page.foot), WIDTH)]) + "\n"


def _section(section: Section) -> Iterator[str]:
    for sentence in section.sentences:
        yield from textwrap.wrap(printable(sentence), WIDTH, break_long_words=False, break_on_hyphens=False)
    yield from bars(section.chart)
    if section.rows:
        yield from _table(section)


def _table(section: Section) -> Iterator[str]:
    rows = [section.columns, *section.rows]
    cells = [[_cut(printable(cell)) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in cells) for at in range(len(section.columns))]
    for row in cells:
        first, *others = row
        yield "  ".join(
            [first.ljust(widths[0]), *(one.rjust(width) for one, width in zip(others, widths[1:], strict=True))]
        )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 3] + "..."


def printable(text: str) -> str:
    """Nothing that a terminal would obey."""
    return "".join(one if one.isprintable() else "?" for one in text)
