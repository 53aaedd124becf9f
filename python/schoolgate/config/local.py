"""[local]: names we answer ourselves, written as zone text by the school."""

from __future__ import annotations

from pydantic import Field

from schoolgate.config.section import RELOAD, PathFromFile, Section


class Local(Section):
    zone_files: tuple[PathFromFile, ...] = Field(
        default=(),
        description="Files of zone text (RFC 1035) with the school's own names. With an SOA a file is a whole zone;"
        " without one each name is answered here alone, and nothing below it is asked elsewhere.",
        json_schema_extra=RELOAD,
    )
    records: str = Field(
        default="",
        description="The same, written here: one record a line, such as `printer.school.example. 300 IN A 10.0.0.9`.",
        json_schema_extra=RELOAD,
    )
