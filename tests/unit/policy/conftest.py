"""A small catalogue and the shortest policy, so that each test shows only what it is about."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from schoolgate.policy import Catalogue, CheckedPolicy, PolicyRefused, Zone, compile_policy, parse
from schoolgate.policy.listed import Category, Engine

ROLES = {
    "platform": "platform",
    "help-lines": "protected",
    "malware": "threat",
    "remote-access": "circumvention",
    "pornography": "content",
    "gambling": "content",
    "games": "service",
    "service:example": "service",
}


@pytest.fixture
def catalogue() -> Catalogue:
    categories = {key: Category.model_validate({"id": key, "name": key, "role": role}) for key, role in ROLES.items()}
    ids = ("google", "youtube-moderate", "youtube-strict")
    engines = {key: Engine(id=key, names=(f"www.{key}.example",), target=f"safe.{key}.example") for key in ids}
    return Catalogue(categories, engines)


HEAD = 'format = 1\nallowed_clients = ["10.0.0.0/8", "2001:db8::/32"]\nstrictest = "trust"\n'


@pytest.fixture
def read(catalogue: Catalogue) -> Callable[[str], CheckedPolicy]:
    """Parses a policy; the head is written for it."""
    return lambda text: parse(HEAD + text, "policy.toml", catalogue)


@pytest.fixture
def problems(catalogue: Catalogue) -> Callable[[str], list[str]]:
    """What is wrong with a policy, one line each, without the name of the file."""

    def refused(text: str, head: str = HEAD) -> list[str]:
        with pytest.raises(PolicyRefused) as error:
            parse(head + text, "policy.toml", catalogue)
        return [str(problem).removeprefix("policy.toml: ") for problem in error.value.problems]

    return refused


@pytest.fixture
def compiled(catalogue: Catalogue, read: Callable[[str], CheckedPolicy]) -> Callable[..., dict[str, Any]]:
    """The description of a policy at an instant."""

    def description(text: str, now: Any, zones: tuple[Zone, ...] = ()) -> dict[str, Any]:
        result: dict[str, Any] = orjson.loads(
            compile_policy(read(text), catalogue, zones, serial=7, now=now).description
        )
        return result

    return description
