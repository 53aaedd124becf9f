"""lists/canaries.toml: names that a new snapshot must know, and names that it must leave open."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from schoolgate.config.load import read_text
from schoolgate.config.problems import InputRefused
from schoolgate.config.reading import parse_toml, read

# Roles of categories that close a name for some policy by what it is.
HARMFUL = frozenset({"threat", "circumvention", "content"})


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Listed(_Row):
    """A name that must carry a category."""

    name: str
    category: str


class Open(_Row):
    """A name that must carry no harmful category but those of `unless`."""

    name: str
    unless: tuple[str, ...] = ()


class Canaries(_Row):
    """The file."""

    listed: tuple[Listed, ...] = ()
    open: tuple[Open, ...] = ()


def read_canaries(lists_dir: Path) -> Canaries:
    """Raises `InputRefused`."""
    path = lists_dir / "canaries.toml"
    if not path.exists():  # a lists directory of the school's own making
        return Canaries()
    raw, wrong = parse_toml(read_text(path), str(path))
    reading = read(Canaries, raw, str(path))
    if reading.value is None or wrong or reading.problems:
        raise InputRefused([*wrong, *reading.problems])
    return reading.value
