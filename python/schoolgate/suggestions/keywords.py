"""Words that say what a name is: ours (lists/keywords.toml), the trust's and the school's. A hit only suggests.

A short word counts only where it stands alone in a name. Names travel as xn--...; words are compared with what they
stand for, so a word may be in any script.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schoolgate.config.load import read_text
from schoolgate.config.problems import InputRefused, complaint, shown
from schoolgate.config.reading import parse_toml, read

# Below this a word is found inside harmless ones: "sex" in "essex".
SHORTEST_INSIDE = 7
# Scripts that put no blanks between words, where two characters are a word.
_UNDIVIDED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR")
_SHORTEST_INSIDE_UNDIVIDED = 2
_BETWEEN = re.compile(r"[\W\d_]+")
_LONGEST = 30


def folded(text: str) -> str:
    """Lower case, composed: as words and names are compared."""
    return unicodedata.normalize("NFKC", text).casefold()


def parse_word(text: str) -> str:
    """A word as it is compared. Raises `ValueError` that says what is wrong."""
    word = folded(text.strip())
    shortest = _SHORTEST_INSIDE_UNDIVIDED if _is_undivided(word) else 3
    if not shortest <= len(word) <= _LONGEST or _BETWEEN.search(word):
        raise ValueError(f"{text!r} is not a word of {shortest} to {_LONGEST} letters")
    return word


def _word(text: str) -> str:
    try:
        return parse_word(text)
    except ValueError as error:
        raise complaint(f"{shown(text)} is not a word", "write one word, letters only") from error


def _is_undivided(word: str) -> bool:
    return any(unicodedata.name(letter, "").startswith(_UNDIVIDED) for letter in word)


class Keyword(BaseModel):
    """One row. `file` is where it comes from: "" for ours."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    word: Annotated[str, AfterValidator(_word)]
    category: str
    unless: tuple[str, ...] = ()
    file: str = ""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    keyword: Annotated[tuple[Keyword, ...], Field(max_length=1000)] = ()


def read_keywords(lists_dir: Path) -> tuple[Keyword, ...]:
    """Ours. Raises `InputRefused`. None in a lists directory without the file."""
    path = lists_dir / "keywords.toml"
    if not path.exists():
        return ()
    raw, wrong = parse_toml(read_text(path), str(path))
    reading = read(_File, raw, str(path))
    if reading.value is None or wrong or reading.problems:
        raise InputRefused([*wrong, *reading.problems])
    return reading.value.keyword


def keyword_in(name: str, keywords: tuple[Keyword, ...]) -> Keyword | None:
    """The first keyword of a name (lower case, as it travels, without its public suffix)."""
    text = _as_written(name)
    parts = set(_BETWEEN.split(text))
    for one in keywords:
        shortest = _SHORTEST_INSIDE_UNDIVIDED if _is_undivided(one.word) else SHORTEST_INSIDE
        is_there = one.word in parts or (len(one.word) >= shortest and one.word in text)
        if is_there and not any(word in text for word in one.unless):
            return one
    return None


def _as_written(name: str) -> str:
    """The name with the letters that its xn-- labels stand for; a label that stands for nothing stays."""
    if "xn--" not in name:
        return name
    labels = name.split(".")
    for at, label in enumerate(labels):
        if label.startswith("xn--"):
            with contextlib.suppress(UnicodeError):
                labels[at] = folded(label.removeprefix("xn--").encode("ascii").decode("punycode"))
    return ".".join(labels)
