"""Words that say what a name is (lists/keywords.toml). A short word counts only where it stands alone in a name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schoolgate.config.load import read_text
from schoolgate.config.problems import InputRefused
from schoolgate.config.reading import parse_toml, read

# Below this a word is found inside harmless ones: "sex" in "essex".
SHORTEST_INSIDE = 7
_BETWEEN = re.compile(r"[^a-z]+")


class Keyword(BaseModel):
    """One row."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    word: Annotated[str, Field(pattern=r"^[a-z]{3,30}$")]
    category: str
    unless: tuple[str, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    keyword: Annotated[tuple[Keyword, ...], Field(max_length=1000)] = ()


def read_keywords(lists_dir: Path) -> tuple[Keyword, ...]:
    """Raises `InputRefused`. None in a lists directory without the file."""
    path = lists_dir / "keywords.toml"
    if not path.exists():
        return ()
    raw, wrong = parse_toml(read_text(path), str(path))
    reading = read(_File, raw, str(path))
    if reading.value is None or wrong or reading.problems:
        raise InputRefused([*wrong, *reading.problems])
    return reading.value.keyword


def keyword_in(name: str, keywords: tuple[Keyword, ...]) -> Keyword | None:
    """The first keyword of a name (lower case, without its public suffix)."""
    parts = set(_BETWEEN.split(name))
    for one in keywords:
        is_there = one.word in parts or (len(one.word) >= SHORTEST_INSIDE and one.word in name)
        if is_there and not any(word in name for word in one.unless):
            return one
    return None
