"""[webhooks.<id>]: programs that receive alerts over HTTPS. Secrets are in files of their own, never here."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, Strict, model_validator

from schoolgate.config.problems import complaint, shown
from schoolgate.config.section import RELOAD, PathFromFile, Section

if TYPE_CHECKING:
    from yarl import URL


class Webhook(Section):
    url: str = Field(
        default="",
        max_length=2000,
        description="Where to post. https, or http on this machine.",
        json_schema_extra=RELOAD,
    )
    url_file: PathFromFile = Field(
        default=Path(),
        description="File with the address instead of `url`: those of Teams and Slack are secrets themselves. Default:"
        " webhook-ID-url in $CREDENTIALS_DIRECTORY.",
        json_schema_extra=RELOAD,
    )
    kind: Literal["generic", "teams", "slack"] = Field(
        default="generic", description="How the message is written.", json_schema_extra=RELOAD
    )
    secret_file: PathFromFile = Field(
        default=Path(),
        description="File with the key that signs messages of kind generic (HMAC-SHA256). Default: webhook-ID in"
        " $CREDENTIALS_DIRECTORY.",
        json_schema_extra=RELOAD,
    )
    allow_http: Annotated[bool, Strict()] = Field(
        default=False,
        description="true: also http to another machine, where everybody on the way can read it.",
        json_schema_extra=RELOAD,
    )

    @model_validator(mode="after")
    def _an_address_that_may_be_used(self) -> Webhook:
        if self.url:
            refuse_address(self.url, self.allow_http)
        return self


def refuse_address(url: str, allow_http: bool) -> URL:
    """The address, or a `complaint` that says why it may not be used."""
    from yarl import URL

    try:
        parsed = URL(url)
    except ValueError:
        raise complaint(f"{shown(url)} is not an address", 'write "https://..."') from None
    if parsed.scheme not in ("https", "http") or not parsed.host:
        raise complaint("is no web address", 'write "https://..."')
    if parsed.scheme == "http" and not (allow_http or is_loopback(parsed.host)):
        raise complaint("is http: all on the way could read it", "write https, or allow_http = true")
    return parsed


def is_loopback(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
