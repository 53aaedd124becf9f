"""An evidence pack, or a report of the service, as a PDF that a screen reader can read (PDF/UA-1).

Nothing is fetched; fonts come with the program. Characters that no font here has are written as their
numbers: a PDF/UA file with a missing glyph would be none.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import orjson

from schoolgate.errors import SchoolgateError

TEMPLATE = Path(__file__).with_name("pack.typ")
SERVICE_TEMPLATE = Path(__file__).with_name("service.typ")
# Letters that the fonts of the program have, as tests/unit/evidence holds it to.
_RANGES = ((0x20, 0x7E), (0xA1, 0x17F), (0x386, 0x3CE), (0x400, 0x45F), (0x2010, 0x2027), (0x20AC, 0x20AC))


class DocumentNotMade(SchoolgateError):
    """The PDF could not be made."""


def pdf_of(pack: Mapping[str, Any], at: dt.datetime, template: Path = TEMPLATE) -> bytes:
    """The file. Raises `DocumentNotMade`."""
    return _compiled(pack, at, "pdf", template)[0]


def pictures_of(pack: Mapping[str, Any], at: dt.datetime, ppi: float = 60.0, template: Path = TEMPLATE) -> list[bytes]:
    """Its pages as PNG, to look at."""
    return _compiled(pack, at, "png", template, ppi)


def _compiled(
    pack: Mapping[str, Any], at: dt.datetime, form: Literal["pdf", "png"], template: Path, ppi: float = 144.0
) -> list[bytes]:
    import typst

    data = orjson.dumps(printable(pack)).decode()
    try:
        made = typst.compile(
            template.read_bytes(),
            format=form,
            ppi=ppi,
            sys_inputs={"data": data},
            pdf_standards=["ua-1"] if form == "pdf" else [],
            ignore_system_fonts=True,
            font_paths=[],
            timestamp=int(at.timestamp()),
        )
    except typst.TypstError as error:
        raise DocumentNotMade(f"the PDF could not be made: {error}") from error
    return list(made) if isinstance(made, list) else [made]


def printable(value: Any) -> Any:
    """The same with texts that the fonts have."""
    if isinstance(value, str):
        return "".join(map(_shown, unicodedata.normalize("NFC", value)))
    if isinstance(value, Mapping):
        return {str(name): printable(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [printable(one) for one in value]
    return value


def _shown(one: str) -> str:
    number, kind = ord(one), unicodedata.category(one)
    if one == "\n" or (kind != "Cn" and any(first <= number <= last for first, last in _RANGES)):
        return one
    return " " if kind == "Zs" else f"[U+{number:04X}]"
