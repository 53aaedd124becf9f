"""Services that a school switches by name, such as a video platform: each is a list of the domains it lives on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schoolgate.config.load import read_text
from schoolgate.config.problems import InputRefused, Problem
from schoolgate.config.reading import parse_toml, read


class LeftOutName(BaseModel):
    """A name that belongs to a service and is no part of its list."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    why: str = ""


class Service(BaseModel):
    """One `[[service]]`; a domain means itself and all below it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    domains: Annotated[tuple[str, ...], Field(min_length=1)]
    # For people: a file of the school's own may leave these out.
    name: str = ""
    group: str = ""
    note: str = ""
    left_out: tuple[LeftOutName, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    service: tuple[Service, ...] = ()


def read_services(folder: Path) -> tuple[Service, ...]:
    """The services of all files of `folder`, by id. Raises `InputRefused` with every problem."""
    problems: list[Problem] = []
    found: list[Service] = []
    for path in sorted(folder.glob("*.toml")):
        raw, wrong = parse_toml(read_text(path), str(path))
        reading = read(_File, raw, str(path))
        problems += (*wrong, *reading.problems)
        found += reading.value.service if reading.value is not None else ()
    if problems:
        raise InputRefused(problems)
    return tuple(sorted(found, key=lambda one: one.id))
