"""The OpenAPI document: the committed one is what the operations say, and names every operation with roles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from schoolgate.operations import openapi_document, rights
from schoolgate.operations.rights import Audience

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def octets() -> bytes:
    """As the operations make it now."""
    return openapi_document.octets()


@pytest.fixture(scope="module")
def made(octets: bytes) -> Any:
    """The same, read."""
    return orjson.loads(octets)


def test_the_committed_document_is_that_of_the_operations(octets: bytes) -> None:
    committed = (ROOT / "docs/openapi.json").read_bytes()
    assert committed == octets, "run `make api-document`"


def test_it_has_every_operation_of_roles_and_no_step_of_a_sign_in(made: Any) -> None:
    names = {name for name in rights.RIGHTS if rights.audience(name) is Audience.roles}
    assert set(made["paths"]) == {f"/api/v1/{name.replace('.', '/')}" for name in names}


def test_no_change_is_a_get_and_each_says_whom_it_is_for(made: Any) -> None:
    for at in made["paths"].values():
        for method, one in at.items():
            assert method == "post" or one["x-schoolgate-kind"] == "look"
            assert "For: " in one["description"] and "Scope of the token" in one["description"]


def test_every_reference_leads_somewhere(made: Any) -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [one for each in value.values() for one in references(each)]
        return [one for each in value for one in references(each)] if isinstance(value, list) else []

    found = set(references(made))
    assert len(found) > 50
    for reference in found:
        value = made
        for part in reference.removeprefix("#/").split("/"):
            value = value[part]
