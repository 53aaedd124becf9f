"""Whatever value stands in a settings file or a policy, the words about it are ours and not those of a library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from schoolgate.config.reading import read
from schoolgate.config.settings import Settings
from schoolgate.policy.model import Document

WRONG: tuple[Any, ...] = ("x", "", -1, 10**12, 1.5, True, [], ["x"], {}, {"x": 1}, [1], "a" * 5000, "\0")
THEIRS = re.compile(r"input should|value error|assertion failed|extra inputs|valid [a-z]+|at least \d+ character|field")


def places(model: type[BaseModel], steps: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every key; of a table with free keys, that of one entry named `x`."""
    for name, field in model.model_fields.items():
        here = (*steps, field.alias or name)
        yield here
        for inner, more in models_in(field.annotation):
            yield from places(inner, (*here, *more))


def models_in(annotation: Any) -> Iterator[tuple[type[BaseModel], tuple[str, ...]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ()
    elif get_origin(annotation) is dict:
        for inner, more in models_in(get_args(annotation)[1]):
            yield inner, ("x", *more)
    elif get_origin(annotation) is not tuple:
        for part in get_args(annotation):
            yield from models_in(part)


def written(steps: tuple[str, ...], value: Any) -> dict[str, Any]:
    for step in reversed(steps):
        value = {step: value}
    found: dict[str, Any] = value
    return found


@pytest.mark.parametrize("model", [Settings, Document])
def test_no_message_is_in_the_words_of_a_library(model: type[BaseModel]) -> None:
    said = {
        problem.message
        for steps in places(model)
        for value in WRONG
        for problem in read(model, written(steps, value), "file").problems
    }
    assert len(said) > 100
    assert [one for one in sorted(said) if THEIRS.search(one.lower())] == []
