"""[operations]: who a user of this machine is, for what people may do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Strict

from schoolgate.config.section import RELOAD, RESTART, Section

LocalRole = Literal["network_manager", "safeguarding_lead", "data_protection_officer"]


class Operations(Section):
    local_roles: Annotated[tuple[LocalRole, ...], Field(min_length=1)] = Field(
        default=("network_manager", "safeguarding_lead", "data_protection_officer"),
        description="Roles of those who use the command line as the service's user or as root. What heads and directors"
        " approve needs an account.",
        json_schema_extra=RELOAD,
    )
    one_person_decides: Annotated[bool, Strict()] = Field(
        default=False,
        description="true: the person who files a change request may approve it, too. schoolgate mails governors and"
        " trust directors at once, and the record says so. For a trust with small schools to switch on.",
        json_schema_extra=RELOAD,
    )
    openings_need_approval: Annotated[bool, Strict()] = Field(
        default=False,
        description="true: network managers, IT providers and users of this machine ask for what opens sites by a"
        " change request, and another person decides. It counts while an account is here that may decide. For a trust"
        " to switch on.",
        json_schema_extra=RELOAD,
    )
    console_user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] = Field(
        default="schoolgate-console",
        description="The user that the console runs as. It may connect to the operations socket, and has no role: it"
        " acts for those who are signed in.",
        json_schema_extra=RESTART,
    )
