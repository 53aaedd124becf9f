"""How strictly a search engine filters its own results: off < moderate < strict."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated

from pydantic import PlainValidator

from schoolgate.config.problems import complaint, shown


class Level(IntEnum):
    """Ordered, so that a lock can say "at least"."""

    OFF = 0
    MODERATE = 1
    STRICT = 2

    @property
    def word(self) -> str:
        return self.name.lower()


def parse_level(value: object) -> Level:
    """`true` is strict and `false` is off, because most engines know nothing between."""
    if isinstance(value, bool):
        return Level.STRICT if value else Level.OFF
    for level in Level:
        if value == level.word:
            return level
    raise complaint(f"{shown(value)} is not a level", 'write true, false, "off", "moderate" or "strict"')


def rewrite_of(engine: str, level: Level, known: Mapping[str, object]) -> str | None:
    """The id of the rewrite that gives `level`, or None when the table has none.

    An engine with levels has one rewrite for each: `youtube-strict`. Others have one, strict, under their own name.
    """
    leveled = f"{engine}-{level.word}"
    if leveled in known:
        return leveled
    return engine if level is Level.STRICT and engine in known else None


def engines(known: Mapping[str, object]) -> set[str]:
    """The engines a policy may name, given the ids of the rewrites."""
    return {name.removesuffix("-moderate").removesuffix("-strict") for name in known}


LevelField = Annotated[Level, PlainValidator(parse_level)]
