"""What policies may refer to: the shipped categories, search engines and special names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from schoolgate.config.load import read_text
from schoolgate.config.problems import InputRefused, Problem
from schoolgate.config.reading import parse_toml, read
from schoolgate.policy.listed import Categories, Category, Engine, Engines, Services, SpelledNames
from schoolgate.policy.problems import PolicyRefused
from schoolgate.policy.zones import Zone, special_zones

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Catalogue:
    """The shipped data, by id."""

    categories: Mapping[str, Category]
    engines: Mapping[str, Engine]
    special: tuple[Zone, ...] = ()
    # Suffixes below which names spell other names.
    spelled: tuple[str, ...] = ()


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
    spelled_file = lists_dir / "spelled-names.toml"
    # A lists directory of the school's own making may have none.
    spelled = _rows(spelled_file, SpelledNames, problems) if spelled_file.exists() else None
    services = _services(lists_dir / "services", problems)
    if engines is not None:
        problems += _pointing_back(engines.engine, str(lists_dir / "safesearch.toml"))
    if problems:
        raise PolicyRefused(problems)
    return Catalogue(
        {one.id: one for one in (*(categories.category if categories else ()), *services)},
        {one.id: one for one in (engines.engine if engines else ())},
        special,
        tuple(sorted(one.name for one in spelled.suffix)) if spelled else (),
    )


def _pointing_back(engines: tuple[Engine, ...], path: str) -> Iterator[Problem]:
    """A target that is itself a name of an engine would lead back to what the rewrite leads away from."""
    rewritten = {name: engine.id for engine in engines for name in engine.names}
    for engine in engines:
        if engine.target in rewritten:
            message = f"the target {engine.target} is itself a name of engine {rewritten[engine.target]}"
            yield Problem(path, engine.id, message, "point it at the host that only gives safe results")


def _services(folder: Path, problems: list[Problem]) -> list[Category]:
    """Each service is a category of its own, `service:<id>`."""
    found: list[Category] = []
    for path in sorted(folder.glob("*.toml")):
        rows = _rows(path, Services, problems)
        for one in rows.service if rows is not None else ():
            found.append(Category(id=f"service:{one.id}", name=one.name, role="service", group=one.group))
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
