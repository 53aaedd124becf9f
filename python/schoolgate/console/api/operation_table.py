"""The operations of the API and how an address holds their arguments, read from the document that is served."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import orjson
from multidict import MultiMapping

from schoolgate.console.api.problem_details import ProblemFound

PREFIX: Final = "/api/v1/"
_PART: Final = re.compile(r"([a-z][a-z0-9_]*)\[([a-z][a-z0-9_]*)\]")
# Repeated keys of one address; the address itself holds 8 kB.
MOST_VALUES: Final = 500


@dataclass(frozen=True)
class ApiOperation:
    """`query`: each argument that an address can hold, `value` or `array`; parts of an object as name[part]."""

    name: str
    is_change: bool
    query: Mapping[str, str]
    has_expected: bool

    def arguments_of(self, query: MultiMapping[str]) -> dict[str, Any]:
        """Arguments as the address has them: texts, which the operation reads by its types."""
        if len(query) > MOST_VALUES:
            raise ProblemFound("arguments", f"an address holds at most {MOST_VALUES} values; send a JSON body by POST")
        found: dict[str, Any] = {}
        mistakes: list[str] = []
        for name in dict.fromkeys(query):
            values = query.getall(name)
            kind = self.query.get(name)
            if kind is None:
                mistakes.append(f"{name[:80]}: no argument of {self.name} has this name in an address")
            elif kind == "value" and len(values) > 1:
                mistakes.append(f"{name}: one value is taken, and {len(values)} are given")
            else:
                self._put(found, name, values if kind == "array" else values[0])
        if mistakes:
            raise ProblemFound("arguments", f"{self.name}: {'; '.join(mistakes[:20])}", mistakes[:20])
        return found

    @staticmethod
    def _put(found: dict[str, Any], name: str, value: Any) -> None:
        part = _PART.fullmatch(name)
        if part is None:
            found[name] = value
        else:
            found.setdefault(part[1], {})[part[2]] = value


@dataclass(frozen=True)
class OperationTable:
    """Every operation by its path, such as `log/search`; and the document, as octets with their entity tag."""

    operations: Mapping[str, ApiOperation]
    document: bytes
    etag: str

    @classmethod
    def load(cls) -> OperationTable:
        """Reads the document of the package."""
        document = orjson.loads(files("schoolgate.console.api").joinpath("openapi.json").read_bytes())
        schemas = document["components"]["schemas"]
        operations = {path.removeprefix(PREFIX): _operation(at, schemas) for path, at in document["paths"].items()}
        octets = orjson.dumps(document)
        return cls(operations, octets, hashlib.sha256(octets).hexdigest()[:32])


def _operation(at: Mapping[str, Any], schemas: Mapping[str, Any]) -> ApiOperation:
    asked = at.get("get")
    known = asked or at["post"]
    query = _query_kinds(asked["parameters"], schemas) if asked else {}
    names = {one["name"] for one in known.get("parameters", ())}
    return ApiOperation(known["operationId"], asked is None, query, "If-Match" in names)


def _query_kinds(parameters: list[Mapping[str, Any]], schemas: Mapping[str, Any]) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for one in parameters:
        schema = _not_null(one["schema"], schemas)
        if schema.get("type") != "object":
            kinds[one["name"]] = _kind(schema)
            continue
        for part, its in schema["properties"].items():
            kinds[f"{one['name']}[{part}]"] = _kind(_not_null(its, schemas))
    return kinds


def _kind(schema: Mapping[str, Any]) -> str:
    return "array" if schema.get("type") == "array" else "value"


def _not_null(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a schema stands for, besides null."""
    while True:
        choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
        if "$ref" in schema:
            schema = schemas[schema["$ref"].rpartition("/")[2]]
        elif choices:
            schema = choices[0]
        else:
            return schema
