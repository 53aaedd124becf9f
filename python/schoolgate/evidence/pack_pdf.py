"""An evidence pack, or a report of the service, as a PDF that a screen reader can read (PDF/UA-1)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schoolgate.evidence.typst_document import compiled

TEMPLATE = Path(__file__).with_name("pack.typ")
SERVICE_TEMPLATE = Path(__file__).with_name("service.typ")


def pdf_of(pack: Mapping[str, Any], at: dt.datetime, template: Path = TEMPLATE) -> bytes:
    """The file. Raises `DocumentNotMade`."""
    return compiled(template, pack, at, "pdf")[0]


def pictures_of(pack: Mapping[str, Any], at: dt.datetime, ppi: float = 60.0, template: Path = TEMPLATE) -> list[bytes]:
    """Its pages as PNG, to look at."""
    return compiled(template, pack, at, "png", ppi)
