"""The OpenAPI 3.1 document of the API, made from the registry: `python -m schoolgate.operations.openapi_document FILE`.

It is made when the project is built and lies in the console's package: the console reads it, and imports no operation.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import TypeAdapter

from schoolgate.operations import rights
from schoolgate.operations.registry import Operation, every_operation
from schoolgate.operations.rights import Audience, Right

PREFIX: Final = "/api/v1"
# What the console reads of an operation besides what OpenAPI says.
KIND: Final = "x-schoolgate-kind"
_SCHEMAS: Final = "#/components/schemas/"
_PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "mistakes": {"type": "array", "items": {"type": "string"}},
    },
}
_ABOUT: Final = (
    "Every operation of schoolgate, with the rights of the account whose token is given. Times end in _us where they"
    " are microseconds since 1970. docs/api.md shows the usual tasks."
)


def document() -> dict[str, Any]:
    """The document. Operations of sign-in, and those about one's own account, are not part of the API."""
    operations = [one for _, one in sorted(every_operation().items()) if one.audience is Audience.roles]
    schemas, shared = TypeAdapter.json_schemas(
        [
            entry
            for one in operations
            for entry in (
                ((one.name, "arguments"), "validation", TypeAdapter(one.arguments)),
                ((one.name, "result"), "serialization", one.returns),
            )
        ],
        ref_template=_SCHEMAS + "{model}",
    )
    components: dict[str, Any] = {**shared.get("$defs", {}), "problem": _PROBLEM}
    paths = {}
    for one in operations:
        arguments = schemas[(one.name, "arguments"), "validation"]
        result = schemas[(one.name, "result"), "serialization"]
        paths[f"{PREFIX}/{one.name.replace('.', '/')}"] = _path(one, arguments, result, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "schoolgate", "version": "1", "description": _ABOUT, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "sgt_..."}},
            "responses": {"problem": {"description": "Why it was not done (RFC 9457)", "content": _content("problem")}},
        },
    }


def octets() -> bytes:
    """The document as it is committed."""
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _content(name: str) -> dict[str, Any]:
    return {"application/problem+json": {"schema": {"$ref": _SCHEMAS + name}}}


def _path(one: Operation, arguments: Mapping[str, Any], result: Any, components: Mapping[str, Any]) -> dict[str, Any]:
    post = _operation(one, result)
    post["requestBody"] = {"required": False, "content": {"application/json": {"schema": arguments}}}
    if one.is_change:
        post["parameters"] = list(_change_headers(one))
        return {"post": post}
    asked = _operation(one, result)
    asked["parameters"] = list(_query(_resolved(arguments, components), components))
    return {"get": asked, "post": {**post, "operationId": f"{one.name}.post"}}


def _operation(one: Operation, result: Any) -> dict[str, Any]:
    return {
        "operationId": one.name,
        "tags": [one.noun],
        "summary": one.summary,
        "description": _description(one),
        KIND: "change" if one.is_change else "look",
        "responses": {
            "200": {"description": "Its result", "content": {"application/json": {"schema": result}}},
            "default": {"$ref": "#/components/responses/problem"},
        },
    }


def _description(one: Operation) -> str:
    holders = rights.RIGHTS.get(one.name, {})
    named = [
        role.replace("_", " ")
        + (" (no devices, no persons)" if right is Right.looks_without_identities and not one.is_change else "")
        for role, right in holders.items()
    ]
    parts = [f"For: {', '.join(named)}.", f"Scope of the token: `{one.name}` or `{one.noun}`."]
    if one.name in rights.NEEDS_SESSION or one.name in rights.NEEDS_FRESH_FACTOR:
        parts.append("Needs a person with a fresh second factor, so a token is always refused (403).")
    if one.is_disclosure:
        parts.append("Who looks at one person or device is on record.")
    return " ".join(parts)


def _change_headers(one: Operation) -> Iterator[dict[str, Any]]:
    yield {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "minLength": 1, "maxLength": 100}}
    if "expected" in one.arguments.model_fields:
        yield {"name": "If-Match", "in": "header", "schema": {"type": "string"}}


def _query(arguments: Mapping[str, Any], components: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Arguments that an address can hold: values, lists of values, objects of these as name[part]=value."""
    required = arguments.get("required", [])
    for name, schema in arguments.get("properties", {}).items():
        kind = kind_of(schema, components)
        if kind is None:
            continue
        one = {"name": name, "in": "query", "required": name in required, "schema": schema}
        yield {**one, "style": "deepObject" if kind == "object" else "form", "explode": True}


def kind_of(schema: Mapping[str, Any], components: Mapping[str, Any]) -> str | None:
    """`value`, `array` or `object`; None for what an address cannot hold."""
    found = _resolved(schema, components)
    choices = [one for one in found.get("anyOf", ()) if one.get("type") != "null"]
    if choices:
        kinds = {kind_of(one, components) for one in choices}
        return kinds.pop() if len(kinds) == 1 else None
    kind = found.get("type")
    if kind == "array":
        return "array" if kind_of(found.get("items", {}), components) == "value" else None
    if kind == "object":
        parts = found.get("properties", {}).values()
        is_flat = bool(parts) and all(kind_of(one, components) in ("value", "array") for one in parts)
        return "object" if is_flat else None
    return "value" if kind in ("string", "integer", "number", "boolean") or "enum" in found else None


def _resolved(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = components[str(schema["$ref"]).removeprefix(_SCHEMAS)]
    return schema


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(octets())
