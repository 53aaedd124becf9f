"""[sealed]: which sealed illegal-content lists there must be. No setting opens a sealed name or does without a list."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, Strict

from schoolgate.config.problems import complaint, shown
from schoolgate.config.section import RELOAD, PathFromFile, Section, Text

_SUPPLIER = re.compile(r"[a-z0-9-]{1,32}")


def _supplier(value: object) -> str:
    if not isinstance(value, str) or not _SUPPLIER.fullmatch(value):
        raise complaint(f"{shown(value)} is not a supplier", "use the name given to `sealed import`, such as iwf")
    return value


def _https(value: object) -> str:
    if isinstance(value, str) and value.startswith(("https://", "http://")) and value.isascii() and value.isprintable():
        return value
    raise complaint(f"{shown(value)} is not an address of a list", "write it as the supplier does: https://...")


class SealedFeed(Section):
    supplier: Annotated[str, PlainValidator(_supplier)] = Field(
        description="Who supplies it, such as iwf.", json_schema_extra=RELOAD
    )
    url: Annotated[str, PlainValidator(_https)] = Field(
        description="Where the supplier publishes it for you.", json_schema_extra=RELOAD
    )
    format: Literal["plain", "csv", "hashes"] = Field(
        default="plain", description="How it is written.", json_schema_extra=RELOAD
    )
    column: Text | None = Field(
        default=None, description="Of a CSV file: the column's name, or its number from 1.", json_schema_extra=RELOAD
    )
    authorization_file: PathFromFile | None = Field(
        default=None,
        description="File, readable by nobody else, with the value of the Authorization header: Bearer ..., Basic ...",
        json_schema_extra=RELOAD,
    )
    allow_http: Annotated[bool, Strict()] = Field(
        default=False,
        description="Take it without encryption, from a gateway in your own network.",
        json_schema_extra=RELOAD,
    )
    allow_hosts: tuple[Text, ...] = Field(
        default=(),
        description="Hosts that may have a private address: your trust's own gateway.",
        json_schema_extra=RELOAD,
    )


class Sealed(Section):
    required: Annotated[bool, Strict()] = Field(
        default=False,
        description="true: no start without a sealed list. A list that was imported here must be there whatever this"
        " says; this also notices a state directory that was emptied or restored from before the import.",
        json_schema_extra=RELOAD,
    )
    suppliers: tuple[Annotated[str, PlainValidator(_supplier)], ...] = Field(
        default=(), description="Suppliers whose lists must be there.", json_schema_extra=RELOAD
    )
    feeds: tuple[SealedFeed, ...] = Field(
        default=(),
        description="Sealed lists that are fetched with each `schoolgate lists update`.",
        json_schema_extra=RELOAD,
    )
