"""[operations]: who a user of this machine is, for what people may do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schoolgate.config.section import RELOAD, Section

LocalRole = Literal["network_manager", "safeguarding_lead", "data_protection_officer"]


class Operations(Section):
    local_roles: Annotated[tuple[LocalRole, ...], Field(min_length=1)] = Field(
        default=("network_manager", "safeguarding_lead", "data_protection_officer"),
        description="Roles of those who use the command line as the service's user or as root. What heads and directors"
        " approve needs an account.",
        json_schema_extra=RELOAD,
    )
