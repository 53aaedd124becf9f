"""The pack as a PDF: tagged for screen readers (PDF/UA-1), and text is text whatever it holds."""

from __future__ import annotations

import datetime as dt
import re
import zlib
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.unit.evidence.well_school import VALUES, sources

from schoolgate.evidence.pack import pack_of
from schoolgate.evidence.pack_pdf import pdf_of
from schoolgate.evidence.sources import Source
from schoolgate.evidence.typst_document import _RANGES, printable

AT = dt.datetime(2026, 11, 30, 12, 0, tzinfo=dt.UTC)
HOSTILE = (
    '#strong[x] $x$ `a` *b* @c <d> \\ // "quoted" = - + 1.',
    "=cmd|'/c calc'!a1",
    "\u202emoc.elpmaxe",
    "\u4e2d\u6587 \U0001f600 \x07 \ufeff \ud7ff",
    "a" * 3_000,
)


def pack(**changed: Source) -> dict[str, Any]:
    return pack_of(sources(**changed), "Example School", "1.0", ZoneInfo("Europe/London"))


@cache
def good() -> bytes:
    return pdf_of(pack(), AT)


def objects(pdf: bytes) -> bytes:
    """The file with its compressed parts opened."""
    parts = [pdf]
    for found in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            parts.append(zlib.decompress(found[1]))
        except zlib.error:
            continue
    return b"\n".join(parts)


def test_the_file_is_tagged_named_and_says_that_it_is_pdf_ua() -> None:
    found = objects(good())
    assert re.search(rb"/MarkInfo\s*<<[^>]*/Marked true", found)
    assert b"/StructTreeRoot" in found
    assert re.search(rb"/Lang\s*\(en-GB\)", found)
    assert re.search(rb"/DisplayDocTitle true", found)
    assert re.search(rb"pdfuaid:part(>|=\")1", found)
    assert b"Evidence of filtering and monitoring: Example School" in found
    kinds = set(re.findall(rb"/S\s*/([A-Z][A-Za-z0-9]*)", found))
    assert {b"H1", b"H2", b"Table", b"TH", b"TD", b"L", b"LI", b"P"} <= kinds
    assert b"/Scope" in found, "each head of a table says what it heads"


def test_the_same_values_make_the_same_file() -> None:
    assert pdf_of(pack(), AT) == good()


def test_text_of_people_is_text() -> None:
    decisions = [dict.fromkeys(("what", "value", "reason", "owner"), one) | {"review_on": "", "missing": ["reason"]}
                 for one in HOSTILE]  # fmt: skip
    review = VALUES["review"] | {"texts": [{"words": "Gaps", "text": "\n".join(HOSTILE)}]}
    changed = pack(decisions=Source("q", decisions), review=Source("q", review))
    assert pdf_of(changed, AT).startswith(b"%PDF-")


def test_a_pack_of_broken_sources_is_a_file_too() -> None:
    none = {name: Source(f"q {name}", problem="damaged: <b>") for name in VALUES}
    assert pdf_of(pack(**none), AT).startswith(b"%PDF-")


def test_every_letter_that_is_let_through_has_a_glyph() -> None:
    letters = "".join(chr(one) for first, last in _RANGES for one in range(first, last + 1))
    decisions = [{"what": letters, "value": "", "reason": letters, "owner": "", "review_on": "", "missing": []}]
    assert "[U+038B]" in printable(letters), "no letter stands there"
    changed = pack(decisions=Source(letters, decisions))
    assert pdf_of(changed, AT).startswith(b"%PDF-")


def test_what_has_no_glyph_is_written_as_its_number() -> None:
    assert printable("a\u4e2d\u202eb") == "a[U+4E2D][U+202E]b"
    assert printable({"a": ["e\u0301\n", 5, None]}) == {"a": ["\u00e9\n", 5, None]}
