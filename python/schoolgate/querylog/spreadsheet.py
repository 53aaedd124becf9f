"""CSV (RFC 4180) that a spreadsheet shows and does not run: a pupil chooses the names in the log, and a cell that
begins with = would be a formula on the desk of whoever opens the file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from schoolgate.querylog.shown import printable

# What makes a spreadsheet calculate, or skip to what does (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_line(values: Sequence[object]) -> str:
    """One record, with its line end. None is an empty cell."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow([cell(value) for value in values])
    return written.getvalue()


def csv_text(records: Iterable[Sequence[object]]) -> str:
    """All records."""
    return "".join(map(csv_line, records))


def cell(value: object) -> object:
    """A value as a cell: text that could be a formula gets an apostrophe in front. Numbers are numbers."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{printable(value)}" if value.startswith(_FORMULA) else printable(value)
    return value
