"""[identity]: which device has an address, as DHCP servers and the kernel say. No source, no process, no names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schoolgate.config.problems import complaint, shown
from schoolgate.config.section import RESTART, PathFromFile, Section, Whole

MOST_SOURCES = 20
NEIGHBOURS = "neighbours"


class IdentitySource(Section):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")] = Field(
        default="",
        validate_default=False,
        description='How pages and reports call it, such as "main-building". Default: its kind.',
        json_schema_extra=RESTART,
    )
    kind: Literal["kea", "dnsmasq", "isc", "neighbours"] = Field(
        description='"kea": the CSV file of memfile, of either version. "dnsmasq", "isc": the lease file. "neighbours":'
        " the neighbour table of this machine's kernel, which knows devices of its own networks alone.",
        json_schema_extra=RESTART,
    )
    path: PathFromFile = Field(
        default=Path(),
        description='The lease file, such as "/var/lib/kea/kea-leases4.csv". None for "neighbours".',
        json_schema_extra=RESTART,
    )

    @model_validator(mode="after")
    def _a_path_where_one_is_read(self) -> IdentitySource:
        if (self.kind == NEIGHBOURS) != (self.path == Path()):
            message = "neighbours have no path" if self.kind == NEIGHBOURS else f"{shown(self.kind)} needs a path"
            raise complaint(message, 'write path = "/var/lib/..." for lease files alone')
        return self

    @property
    def called(self) -> str:
        """Its name, or its kind."""
        return self.name or self.kind


class Identity(Section):
    read_every_s: Whole = Field(
        default=2,
        ge=1,
        le=3600,
        description="Seconds between two looks at the sources. A lease file that did not change is not read again.",
        json_schema_extra=RESTART,
    )
    sources: Annotated[tuple[IdentitySource, ...], Field(max_length=MOST_SOURCES)] = Field(
        default=(),
        description="Who says which device has an address: docs/identity.md. None: no device gets a name.",
    )

    @model_validator(mode="after")
    def _each_name_once(self) -> Identity:
        names = [one.called for one in self.sources]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise complaint(f"two sources are called {shown(twice[0])}", "give each source a name of its own")
        return self
