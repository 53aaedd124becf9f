"""[pages]: what pupils, guests and parents see without a sign-in: the why page, the page about filtering, and the
redirect of the block page's addresses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import Field, PlainValidator, model_validator

from schoolgate.config.problems import complaint, shown
from schoolgate.config.section import RELOAD, RESTART, PathFromFile, Section, Text, Whole
from schoolgate.config.web_listener import Address, WebListener

PAGES_PORT: Final = 8054
BLOCK_PORT: Final = 80
MOST_BLOCK_ADDRESSES, MOST_HELP_LINES, MOST_SEGMENTS = 16, 12, 1000
_SITE = re.compile(r"https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?")


def _site(value: object) -> str:
    found = value.strip().rstrip("/").lower() if isinstance(value, str) else "?"
    if found and not _SITE.fullmatch(found):
        raise complaint(f"{shown(value)} is not the address of a site", 'write "https://why.school.example"')
    return found


Site = Annotated[str, PlainValidator(_site)]
Line = Annotated[str, Field(min_length=1, max_length=100)]


class HelpLine(Section):
    name: Line = Field(description="What it is called.", json_schema_extra=RESTART)
    call: Line = Field(description="How to reach it, such as a telephone number.", json_schema_extra=RESTART)
    site: Annotated[Site, Field()] = Field(default="", description="Its web site.", json_schema_extra=RESTART)


# Numbers that cost nothing in the United Kingdom.
HELP_LINES: Final = (
    HelpLine(name="Childline", call="0800 1111", site="https://www.childline.org.uk"),
    HelpLine(name="Samaritans", call="116 123", site="https://www.samaritans.org"),
    HelpLine(name="Shout", call="SMS: SHOUT, 85258", site="https://giveusashout.org"),
)


class Pages(WebListener):
    site: ClassVar[str] = "the why page"
    crosses: ClassVar[str] = "what devices asked for"

    enabled: bool = Field(
        default=False,
        description="Whether the console's process serves pages for people without an account.",
        json_schema_extra=RESTART,
    )
    port: Whole = Field(
        default=PAGES_PORT,
        ge=0,
        le=65535,
        description="Its port; 0 lets the machine choose.",
        json_schema_extra=RESTART,
    )
    school: Annotated[str, Field(max_length=100)] = Field(
        default="", description="The school's name on these pages.", json_schema_extra=RESTART
    )
    why_address: Site = Field(
        default="",
        description="The site as people type it. Default: the first of names, and port.",
        json_schema_extra=RESTART,
    )
    console_address: Site = Field(
        default="",
        description="The console's site, where staff sign in. Without it the why page has no link there.",
        json_schema_extra=RESTART,
    )
    block_addresses: Annotated[tuple[Address, ...], Field(max_length=MOST_BLOCK_ADDRESSES)] = Field(
        default=(),
        description="Addresses that policies give as block_page: their port 80 leads to the why page.",
        json_schema_extra=RESTART,
    )
    block_port: Whole = Field(
        default=BLOCK_PORT, ge=0, le=65535, description="Their port, another one for tests.", json_schema_extra=RESTART
    )
    one_device_segments: Annotated[tuple[Text, ...], Field(max_length=MOST_SEGMENTS)] = Field(
        default=(),
        description="Segments of the policy where each address is one device, and never a member of staff's: the why"
        " page may show there what that device was refused in the last minute. Not behind NAT, and not on shared"
        " computers with several users at once.",
        json_schema_extra=RELOAD,
    )
    guest_key_file: PathFromFile = Field(
        default=Path(),
        description="File with the key, 32 characters at least, with which the captive portal of a guest network signs"
        " that a guest accepted the notice. Without one such requests are refused.",
        json_schema_extra=RELOAD,
    )
    help_lines: Annotated[tuple[HelpLine, ...], Field(max_length=MOST_HELP_LINES)] = Field(
        default=HELP_LINES, description="Where a child finds help; on each of these pages.", json_schema_extra=RESTART
    )

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Pages:
        if self.block_addresses and not self.site_address:
            raise complaint("block_addresses lead to the why page, and nothing says where it is", "set names")
        return self

    @property
    def site_address(self) -> str:
        """Scheme, name and port, as people type it; "" where nothing says so."""
        if self.why_address or not self.names:
            return self.why_address
        scheme, usual = ("https", 443) if self.has_certificate else ("http", 80)
        return f"{scheme}://{self.names[0]}" + ("" if self.port in (usual, 0) else f":{self.port}")

    @property
    def nonce_parent(self) -> str:
        """The name below which the why page's devices ask for a nonce; "" where there is none."""
        return self.names[0] if self.names else ""
