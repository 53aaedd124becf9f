"""[console]: the web console. Without a certificate it is for this machine, or for a reverse proxy of this machine."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schoolgate.config.section import RESTART
from schoolgate.config.web_listener import WebListener


class Console(WebListener):
    site: ClassVar[str] = "the console"
    crosses: ClassVar[str] = "passwords"

    enabled: bool = Field(
        default=True,
        description="Whether there is a console: `run` starts it, `schoolgate console` serves it.",
        json_schema_extra=RESTART,
    )
