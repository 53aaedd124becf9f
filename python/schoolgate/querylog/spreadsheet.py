"""CSV (RFC 4180) that a spreadsheet shows and does not run: a pupil chooses the names in the log, and a cell that
begins with = would be a formula for the person who opens the file. Where the decimal sign is a comma, a spreadsheet
splits at semicolons too, so a cell can begin in the middle of a name.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from schoolgate.querylog.shown import printable

# What makes a spreadsheet calculate, or skip to what does (OWASP, CSV injection).
_BEFORE_FORMULA = re.compile(r"""(^|;[\s"']*)(?=[=+\-@\t\r])""")


def csv_line(values: Sequence[object]) -> str:
    """One record, with its line end. None is an empty cell."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow([cell(value) for value in values])
    return written.getvalue()


def csv_text(records: Iterable[Sequence[object]]) -> str:
    """All records."""
    return "".join(map(csv_line, records))


def cell(value: object) -> object:
    """A value as a cell: an apostrophe stands before what could be a formula. Numbers are numbers."""
    if value is None:
        return ""
    return _BEFORE_FORMULA.sub(r"\1'", printable(value)) if isinstance(value, str) else value
