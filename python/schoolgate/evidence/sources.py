"""What evidence is measured from: values by name, each with the query that anyone with the right can repeat.

A source that could not be read has no value and a reason. No row of evidence may turn such a source into a good word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schoolgate.errors import SchoolgateError


class SourceBroken(SchoolgateError):
    """A row needs a source that could not be read."""


@dataclass(frozen=True)
class Source:
    """`query`: an operation with its arguments, such as `alerts.summary days=365`. `value`: as JSON.

    `problem`: why there is no value; None where there is one.
    """

    query: str
    value: Any = None
    problem: str | None = None


class Sources:
    """All of them, read at one time. `at_us`: when (microseconds since 1970)."""

    def __init__(self, found: Mapping[str, Source], at_us: int) -> None:
        self._found = dict(found)
        self.at_us = at_us

    def __getitem__(self, name: str) -> Any:
        """The value of a source. Raises `SourceBroken`."""
        found = self._found.get(name)
        if found is None:
            raise SourceBroken(f"{name} was not read")
        if found.problem is not None:
            raise SourceBroken(f"{found.query}: {found.problem}")
        return found.value

    def query(self, name: str) -> str:
        """How a source is asked."""
        found = self._found.get(name)
        return name if found is None else found.query

    def broken(self) -> tuple[str, ...]:
        """What could not be read, with the reason."""
        return tuple(f"{one.query}: {one.problem}" for one in self._found.values() if one.problem is not None)
