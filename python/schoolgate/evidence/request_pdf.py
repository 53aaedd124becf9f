"""A change request as a PDF that a screen reader can read (PDF/UA-1), with its whole record attached to it as JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schoolgate.evidence.typst_document import compiled

TEMPLATE = Path(__file__).with_name("request.typ")


def request_pdf(pages: Mapping[str, Any], record: str, at: dt.datetime) -> bytes:
    """The file. `pages`: what is shown; `record`: the bundle, as it is. Raises `DocumentNotMade`."""
    return compiled(TEMPLATE, pages, at, "pdf", attached=record)[0]


def request_pictures(pages: Mapping[str, Any], at: dt.datetime, ppi: float = 60.0) -> list[bytes]:
    """Its pages as PNG, to look at."""
    return compiled(TEMPLATE, {**pages, "record": ""}, at, "png", ppi)
