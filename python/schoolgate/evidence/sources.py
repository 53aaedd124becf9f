"""What evidence is measured from: values by name, each with the query that anyone with the right can repeat.

A source that could not be read has no value and a reason. No row of evidence may turn such a source into a good word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from schoolgate.errors import SchoolgateError

M = TypeVar("M", bound=Callable[..., Any])


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
            raise SourceBroken(str(found.problem))
        return found.value

    def only(self, names: Iterable[str]) -> Sources:
        """Those of a measure: it can read no other than it names. Raises `SourceBroken` where one is broken."""
        found = {name: self._found[name] for name in names if name in self._found}
        chosen = Sources(found, self.at_us)
        for name in names:
            _ = chosen[name]
        return chosen

    def queries(self, names: Iterable[str]) -> str:
        """How several are asked."""
        return "; ".join(dict.fromkeys(self.query(one) for one in names))

    def query(self, name: str) -> str:
        """How a source is asked."""
        found = self._found.get(name)
        return name if found is None else found.query

    def broken(self) -> tuple[str, ...]:
        """What could not be read, with the reason."""
        return tuple(f"{one.query}: {one.problem}" for one in self._found.values() if one.problem is not None)


def reads(*names: str) -> Callable[[M], M]:
    """Says which sources a measure reads. What is read for it, what names its query, and what turns it red when it is
    broken, all come from here."""

    def named(measure: M) -> M:
        measure.reads = names  # type: ignore[attr-defined]
        return measure

    return named


def reads_of(measure: Callable[..., Any]) -> tuple[str, ...]:
    """The sources of a measure, as `reads` named them."""
    found: tuple[str, ...] = measure.reads  # type: ignore[attr-defined]
    return found


def needed_by(measures: Iterable[Callable[..., Any]]) -> tuple[str, ...]:
    """The sources of several, each once."""
    return tuple(dict.fromkeys(name for one in measures for name in reads_of(one)))
