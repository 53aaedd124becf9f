"""[mail]: the server that takes our messages. The password is in a file of its own, never here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PlainValidator

from schoolgate.config.problems import complaint, shown
from schoolgate.config.section import RELOAD, PathFromFile, Section, Whole

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9a-fA-F:]{2,45}")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")


def _host(value: object) -> str:
    if isinstance(value, str) and (value == "" or _HOST.fullmatch(value)):
        return value
    raise complaint(f"{shown(value)} is not a host", 'write "mail.school.example", or "" for no mail')


def _address(value: object) -> str:
    if isinstance(value, str) and _ADDRESS.fullmatch(value):
        return value
    raise complaint(f"{shown(value)} is not a mail address", 'write "schoolgate@school.example"')


class Mail(Section):
    host: Annotated[str, PlainValidator(_host)] = Field(
        default="", description='Server that takes mail. "": no mail is sent.', json_schema_extra=RELOAD
    )
    port: Whole = Field(
        default=0,
        ge=0,
        le=65535,
        description="0: 465 with tls, 587 with starttls, 25 without.",
        json_schema_extra=RELOAD,
    )
    tls: Literal["tls", "starttls", "none"] = Field(
        default="starttls",
        description="tls from the first octet, starttls (refused when the server has none), or none for a relay on this"
        " machine.",
        json_schema_extra=RELOAD,
    )
    user: str = Field(default="", max_length=250, description='Sign in as. "": do not.', json_schema_extra=RELOAD)
    password_file: PathFromFile = Field(
        default=Path(),
        description="File with the password, readable by the service alone. Default: mail-password in"
        " $CREDENTIALS_DIRECTORY.",
        json_schema_extra=RELOAD,
    )
    sender: Annotated[str, PlainValidator(_address)] = Field(
        default="schoolgate@localhost", description="The address that messages come from.", json_schema_extra=RELOAD
    )

    @property
    def port_or_default(self) -> int:
        return self.port or {"tls": 465, "starttls": 587, "none": 25}[self.tls]
