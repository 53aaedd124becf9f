"""[sealed]: which sealed illegal-content lists there must be. No setting opens a sealed name or does without a list."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, PlainValidator, Strict

from schoolgate.config.problems import complaint, shown
from schoolgate.config.section import RELOAD, Section

_SUPPLIER = re.compile(r"[a-z0-9-]{1,32}")


def _supplier(value: object) -> str:
    if not isinstance(value, str) or not _SUPPLIER.fullmatch(value):
        raise complaint(f"{shown(value)} is not a supplier", "use the name given to `sealed import`, such as iwf")
    return value


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
