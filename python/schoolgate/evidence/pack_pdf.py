"""An evidence pack as a PDF that a screen reader can read (PDF/UA-1)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schoolgate.evidence.typst_document import compiled

TEMPLATE = Path(__file__).with_name("pack.typ")


def pdf_of(pack: Mapping[str, Any], at: dt.datetime) -> bytes:
    """The file. Raises `DocumentNotMade`."""
    return compiled(TEMPLATE, pack, at, "pdf")[0]


def pictures_of(pack: Mapping[str, Any], at: dt.datetime, ppi: float = 60.0) -> list[bytes]:
    """Its pages as PNG, to look at."""
    return compiled(TEMPLATE, pack, at, "png", ppi)
