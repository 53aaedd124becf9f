"""The shape of our own data files that policies refer to. Keys we do not need here are for other readers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from schoolgate.config.domain_name import parse_domain_name
from schoolgate.config.problems import complaint, shown

Role = Literal["platform", "protected", "threat", "circumvention", "content", "service"]


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise complaint(f"{shown(value)} is not a name", "write it as text")
    return parse_domain_name(value)


Name = Annotated[str, PlainValidator(_name)]
Id = Annotated[str, Field(pattern=r"^(service:)?[a-z0-9][a-z0-9-]*$")]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Category(_Row):
    """A row of lists/categories.toml."""

    id: Id
    name: str
    role: Role
    definition: str = ""
    # "watch" and "urgent": a denial matters for safeguarding.
    alert: Literal["none", "watch", "urgent"] = "none"
    # Its feeds may name public suffixes of private hosts, such as duckdns.org.
    private_suffixes: bool = False
    # Of a service: what kind of service it is.
    group: str = ""


class Categories(_Row):
    """lists/categories.toml."""

    category: tuple[Category, ...]


class Engine(_Row):
    """A row of lists/safesearch.toml: names that become a CNAME to `target`.

    `service`: the id of the service whose other names the engine needs; a level set in a policy opens it.
    """

    id: Id
    service: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] | None = None
    names: Annotated[tuple[Name, ...], Field(min_length=1)]
    target: Name


class Engines(_Row):
    """lists/safesearch.toml."""

    engine: tuple[Engine, ...]


class SpecialName(_Row):
    """A row of lists/special-names.toml."""

    name: Name
    kind: Literal["static", "nodata", "nxdomain"]
    why: str
    category: Id | None = None
    records: tuple[str, ...] = ()


class SpecialNames(_Row):
    """lists/special-names.toml."""

    zone: tuple[SpecialName, ...]


class SpelledSuffix(_Row):
    """A row of lists/spelled-names.toml: below `name`, a label spells another name."""

    name: Name
    what: str
    source: str


class SpelledNames(_Row):
    """lists/spelled-names.toml."""

    suffix: tuple[SpelledSuffix, ...]


class Service(_Row):
    """A row of lists/services/*.toml: the names of one service, with a switch of their own in a policy."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    name: str
    group: str = ""


class Services(_Row):
    """A file of lists/services/."""

    service: tuple[Service, ...]
