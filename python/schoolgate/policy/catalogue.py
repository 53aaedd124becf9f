"""What policies may refer to: the shipped categories, search engines and special names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from schoolgate.config.load import read_text
from schoolgate.config.problems import InputRefused, Problem
from schoolgate.config.reading import parse_toml, read
from schoolgate.policy.listed import Categories, Category, Engine, Engines, Services
from schoolgate.policy.problems import PolicyRefused
from schoolgate.policy.zones import Zone, special_zones

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Catalogue:
    """The shipped data, by id."""

    categories: Mapping[str, Category]
    engines: Mapping[str, Engine]
    special: tuple[Zone, ...] = ()


def load_catalogue(lists_dir: Path) -> Catalogue:
    """Reads the data files of `lists_dir`; raises `PolicyRefused` with the problems of all of them."""
    problems: list[Problem] = []
    categories = _rows(lists_dir / "categories.toml", Categories, problems)
    engines = _rows(lists_dir / "safesearch.toml", Engines, problems)
    special: tuple[Zone, ...] = ()
    try:
        special = special_zones(lists_dir / "special-names.toml")
    except InputRefused as error:
        problems += error.problems
    services = _services(lists_dir / "services", problems)
    if problems:
        raise PolicyRefused(problems)
    return Catalogue(
        {one.id: one for one in (*(categories.category if categories else ()), *services)},
        {one.id: one for one in (engines.engine if engines else ())},
        special,
    )


def _services(folder: Path, problems: list[Problem]) -> list[Category]:
    """Each service is a category of its own, `service:<id>`."""
    found: list[Category] = []
    for path in sorted(folder.glob("*.toml")):
        rows = _rows(path, Services, problems)
        for one in rows.service if rows is not None else ():
            found.append(Category(id=f"service:{one.id}", name=one.name, role="service"))
    return found


def _rows(path: Path, model: type[M], problems: list[Problem]) -> M | None:
    try:
        raw, wrong = parse_toml(read_text(path), str(path))
    except InputRefused as error:
        problems += error.problems
        return None
    if wrong:
        problems += wrong
        return None
    reading = read(model, raw, str(path))
    problems += reading.problems
    return reading.value
