"""What kind of file a person gave, by its content and never by its name; what is none of a few kinds is not kept.

No kind here runs anything by itself where it is opened. A file is kept as it is, and served as a download alone.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from schoolgate.governance.errors import RecordRefused

LONGEST_NAME: Final = 120
_MAGIC: Final = (
    (b"%PDF-", "application/pdf", (".pdf",)),
    (b"\x89PNG\r\n\x1a\n", "image/png", (".png",)),
    (b"\xff\xd8\xff", "image/jpeg", (".jpg", ".jpeg")),
)
_TEXT: Final = ("text/plain", (".txt",))
# Characters of a plain text besides those that are printed.
_SPACES: Final = "\t\n\r\f"


def kind_of(octets: bytes) -> tuple[str, tuple[str, ...]]:
    """Media type and the ends of names that say it. Raises `RecordRefused`."""
    for magic, media_type, ends in _MAGIC:
        if octets.startswith(magic):
            return media_type, ends
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if all(one in _SPACES or unicodedata.category(one) != "Cc" for one in text):
        return _TEXT
    raise RecordRefused("a file may be a PDF, a picture (PNG, JPEG) or plain text; save or print it as one of these")


def name_of(given: str, ends: tuple[str, ...]) -> str:
    """A name to keep: without directories and characters that are not seen, and with an end that says its kind."""
    last = given.replace("\\", "/").rpartition("/")[2]
    seen = "".join(one for one in last if unicodedata.category(one)[0] != "C").strip(" .") or "file"
    if seen.lower().endswith(ends):
        stem, _, end = seen.rpartition(".")
        return f"{stem[: LONGEST_NAME - len(end) - 1]}.{end}"
    return seen[: LONGEST_NAME - len(ends[0])] + ends[0]
