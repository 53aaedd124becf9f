"""Platforms that schools work with: names of which a feed's broad category is not believed (lists/platforms.toml).

Each becomes an exception of that feed, in that category, so nothing of the feed's own wins over it. It opens nothing:
the school's own rules, service switches, our reviewed lists and what is compromised close these names as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schoolgate._core import normalise_name
from schoolgate.config.load import read_text
from schoolgate.config.problems import InputRefused, Problem, did_you_mean
from schoolgate.config.reading import parse_toml, read
from schoolgate.policy.catalogue import load_catalogue

FILE = "platforms.toml"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Platform(_Row):
    """One `[[platform]]`; the file's head says what each key means."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    name: str
    why: str
    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    names: Annotated[tuple[str, ...], Field(min_length=1)]
    categories: tuple[str, ...] = ()


class _File(_Row):
    believed: tuple[str, ...]
    sources: Mapping[str, str]
    platform: tuple[Platform, ...] = ()


@dataclass(frozen=True)
class Platforms:
    """The file. `believed`: categories in which a feed is believed even of these names."""

    believed: frozenset[str] = frozenset()
    rows: tuple[Platform, ...] = ()

    def names(self) -> tuple[str, ...]:
        """The names that every category but those of `believed` leaves out, in order."""
        return tuple(sorted({name for row in self.rows if not row.categories for name in row.names}))

    def left_out_of(self, category: str) -> tuple[str, ...]:
        """The names that a feed's list of this category leaves out, with all below them, in order."""
        if category in self.believed:
            return ()
        rows = (row for row in self.rows if not row.categories or category in row.categories)
        return tuple(sorted({name for row in rows for name in row.names}))


def read_platforms(lists_dir: Path) -> Platforms:
    """Raises `InputRefused` with every problem."""
    path = lists_dir / FILE
    if not path.exists():  # a lists directory of the school's own making
        return Platforms()
    raw, wrong = parse_toml(read_text(path), str(path))
    reading = read(_File, raw, str(path))
    problems = [*wrong, *reading.problems]
    if reading.value is None or problems:
        raise InputRefused(problems)
    problems += _strangers(reading.value, set(load_catalogue(lists_dir).categories), str(path))
    if problems:
        raise InputRefused(problems)
    return Platforms(frozenset(reading.value.believed), reading.value.platform)


def _strangers(file: _File, categories: set[str], path: str) -> Iterator[Problem]:
    named = {("believed", one) for one in file.believed}
    for row in file.platform:
        named |= {(row.id, one) for one in row.categories}
        for source in row.sources:
            if source not in file.sources:
                yield Problem(path, row.id, f"there is no source {source}", did_you_mean(source, file.sources))
        for name in row.names:
            try:
                normalise_name(name)
            except ValueError as error:
                yield Problem(path, row.id, f"{name} is no name: {error}", "correct or remove it")
    for place, category in sorted(named):
        if category not in categories:
            yield Problem(path, place, f"there is no category {category}", did_you_mean(category, categories))
