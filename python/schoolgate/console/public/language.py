"""Languages of the public pages: data files with one sentence a line, read once. English is the measure of the others.

A language is chosen by the visible switch (`?lang=cy`), else by what the browser asks for.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from schoolgate.console.errors import ConsoleUnusable

FOLDER: Final = Path(__file__).parent / "languages"
DEFAULT: Final = "en"
# An Accept-Language is a dozen entries; what is longer is not of a browser.
MOST_RANGES: Final = 30
_PUT_IN: Final = re.compile(r"\{([a-z]+)\}")
_RANGE: Final = re.compile(r"\s*([a-zA-Z]{1,8})(?:-[a-zA-Z0-9-]{1,60})?\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")


@dataclass(frozen=True)
class Language:
    """`code`: of the attribute lang (BCP 47). `name`: in itself. `direction`: ltr or rtl. `is_reviewed`: a speaker has
    checked it."""

    code: str
    name: str
    direction: str
    is_reviewed: bool
    text: Mapping[str, str]

    def says(self, key: str, **values: object) -> str:
        """A sentence. `{word}` is replaced, once, so that values stay as they are. Raises `KeyError`: a defect."""
        return _PUT_IN.sub(lambda found: str(values[found[1]]), self.text[key])


class Languages:
    """All of them, in the order of the switch."""

    def __init__(self, known: Mapping[str, Language]) -> None:
        self.known = known

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Languages:
        """Reads the data files. Raises `ConsoleUnusable` for a sentence that is missing, or one too many."""
        found = {one.code: one for one in (_read(path) for path in sorted(folder.glob("*.toml")))}
        english = found[DEFAULT]
        for one in found.values():
            if wrong := differences(english, one):
                raise ConsoleUnusable(f"{folder}: language {one.code}: {', '.join(sorted(wrong))}; mend the file")
        first, rest = english, sorted((one for one in found.values() if one is not english), key=lambda one: one.name)
        return cls(MappingProxyType({one.code: one for one in (first, *rest)}))

    def chosen(self, asked: str, accepted: str) -> Language:
        """By the switch, else by the browser's Accept-Language (RFC 9110 section 12.5.4), else English."""
        if asked in self.known:
            return self.known[asked]
        best, best_quality = DEFAULT, 0.0
        for part in accepted.split(",")[:MOST_RANGES]:
            found = _RANGE.fullmatch(part)
            quality = float(found[2] or 1) if found else 0.0
            if found and found[1].lower() in self.known and quality > best_quality:
                best, best_quality = found[1].lower(), quality
        return self.known[best]


def differences(english: Language, other: Language) -> set[str]:
    """Sentences that only one of two languages has, and those that put in something else."""
    wrong = set(english.text) ^ set(other.text)
    for key in set(english.text) & set(other.text):
        if sorted(_PUT_IN.findall(english.text[key])) != sorted(_PUT_IN.findall(other.text[key])):
            wrong.add(key)
    return wrong


def _read(path: Path) -> Language:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return Language(
            str(data["code"]), str(data["name"]), str(data["direction"]), data["is_reviewed"] is True, data["text"]
        )
    except (OSError, ValueError, KeyError) as error:
        raise ConsoleUnusable(f"{path}: the language cannot be read ({error}); install the package anew") from error
