"""Tables for a spreadsheet (RFC 4180). A value that would be a formula there gets an apostrophe before it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

from aiohttp import web

# What spreadsheets take for the begin of a formula, in full width too; where a semicolon parts cells, after one.
_BEFORE_FORMULA: Final = re.compile(r"""(^|;)([\s"']*)(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])""")


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    """Lines of a table; its head is one of them."""
    written = io.StringIO()
    csv.writer(written).writerows([_cell(one) for one in row] for row in rows)
    return written.getvalue()


def csv_file(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> web.Response:
    """A download. `name`: of the file, in letters that every system has."""
    # The mark at the begin makes spreadsheets read UTF-8.
    return download(name, "\ufeff" + csv_lines([columns, *rows]), "text/csv")


def download(name: str, text: str, kind: str) -> web.Response:
    """A text to keep; a browser does not show it as a page."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(text=text, content_type=kind, charset="utf-8", headers=headers)


def _cell(value: object) -> object:
    text = "" if value is None else str(value)
    return text if isinstance(value, int) else _BEFORE_FORMULA.sub(r"\1'\2", text)
