"""[lists]: where the shipped lists are, and the school's own list files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, ValidationInfo, model_validator

from schoolgate.config.domain_name import parse_domain_name
from schoolgate.config.problems import complaint, shown
from schoolgate.config.section import RELOAD, PathFromFile, Section

_CATEGORY = re.compile(r"(service:)?[a-z0-9][a-z0-9-]*")

_PROXY = re.compile(r"http://[A-Za-z0-9.\-\[\]:]+:[0-9]{1,5}/?")


def _category(value: object) -> str:
    if not isinstance(value, str) or not _CATEGORY.fullmatch(value):
        raise complaint(f"{shown(value)} is not a category", "use an id from lists/categories.toml, such as gambling")
    return value


def _protected(value: object) -> str:
    if not isinstance(value, str):
        raise complaint(f"{shown(value)} is not a name", "write a domain name in quotes")
    return parse_domain_name(value)


def _proxy(value: object) -> str:
    if isinstance(value, str) and _PROXY.fullmatch(value):
        return value
    raise complaint(f"{shown(value)} is not a web proxy", "write http://HOST:PORT")


class ExtraList(Section):
    path: PathFromFile = Field(description="File with one name a line, or a hosts file.", json_schema_extra=RELOAD)
    category: Annotated[str, PlainValidator(_category)] = Field(
        description="Category its names belong to.", json_schema_extra=RELOAD
    )
    match: Literal["suffix", "exact"] = Field(
        default="suffix",
        description="suffix: a name stands for everything below it too; exact: for itself only.",
        json_schema_extra=RELOAD,
    )


class Lists(Section):
    dir: PathFromFile = Field(
        default=Path(),
        description="Directory of the shipped lists. Default: found beside the program.",
        json_schema_extra=RELOAD,
    )
    extra: tuple[ExtraList, ...] = Field(default=(), description="The school's own lists.", json_schema_extra=RELOAD)
    protected: tuple[Annotated[str, PlainValidator(_protected)], ...] = Field(
        default=(),
        description="The school's own names, such as its web site and sign-in: no feed closes them or what is below.",
        json_schema_extra=RELOAD,
    )

    words: tuple[PathFromFile, ...] = Field(
        default=(),
        description="Word libraries beside the school's own, such as the trust's: words that suggest a look at a name.",
        json_schema_extra=RELOAD,
    )
    most_newly_closed: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.01,
        description="Share of what a segment asked for in the last week that the news of a feed may close; a feed that"
        " would close more waits for `lists update --accept`.",
        json_schema_extra=RELOAD,
    )
    shared_hosts: tuple[Annotated[str, PlainValidator(_category)], ...] = Field(
        default=(),
        description="Categories whose feeds may close a whole host that strangers share, such as github.io; dynamic-dns"
        " always may. No list closes a registry's suffix, such as co.uk.",
        json_schema_extra=RELOAD,
    )
    proxy: Annotated[str, PlainValidator(_proxy)] | None = Field(
        default=None,
        description="Web proxy that feeds are fetched through, such as http://proxy.school.example:3128.",
        json_schema_extra=RELOAD,
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_directory(cls, raw: object, info: ValidationInfo) -> object:
        if not isinstance(raw, dict) or "dir" in raw:
            return raw
        return raw | {"dir": str((info.context or {}).get("lists_dir", "lists"))}
