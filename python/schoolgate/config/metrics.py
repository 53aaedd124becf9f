"""[metrics]: numbers for Prometheus over HTTP. Off unless asked for, on this machine only unless said otherwise."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainValidator

from schoolgate.config.addresses import SocketAddress, parse_socket_address
from schoolgate.config.problems import complaint, shown
from schoolgate.config.section import RESTART, Section

LOOPBACK = "127.0.0.1"


def _listen(value: object) -> str:
    """Text in canonical form; a bare port is one on this machine."""
    if not isinstance(value, str):
        raise complaint(f"{shown(value)} is not an address", 'write "127.0.0.1:9153", or "" for none')
    text = value.strip()
    if not text:
        return ""
    if text.lstrip(":").isdigit():
        text = f"{LOOPBACK}:{text.lstrip(':')}"
    return str(parse_socket_address(text, lowest_port=0))


class Metrics(Section):
    listen: Annotated[str, PlainValidator(_listen)] = Field(
        default="",
        description='Where Prometheus may scrape /metrics, such as "127.0.0.1:9153"; a port alone means this machine.'
        ' "" is off. It tells counts, ages and states, never a client or a name; whoever reaches it may read it.',
        json_schema_extra=RESTART,
    )

    @property
    def address(self) -> SocketAddress | None:
        """None when it is off."""
        return parse_socket_address(self.listen, lowest_port=0) if self.listen else None
