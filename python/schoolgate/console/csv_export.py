"""Rows as CSV (RFC 4180) for spreadsheets, which must not take a name for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

# What a spreadsheet may read as a formula, also after blanks and control characters, or in full width.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
CONTENT_TYPE: Final = "text/csv"


def csv_lines(rows: Iterable[Iterable[object]]) -> str:
    """Lines, each field that could be a formula with an apostrophe before it."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(map(_safe, row) for row in rows)
    return text.getvalue()


def _safe(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text
