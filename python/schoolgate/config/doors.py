"""[doors]: where encrypted DNS is answered, and what clients may take of it. Closed without a certificate in [tls].
Its threads carry plain TCP too."""

from __future__ import annotations

from typing import Final

from pydantic import Field, model_validator

from schoolgate.config.addresses import ListenAddress, SocketAddress
from schoolgate.config.problems import complaint
from schoolgate.config.section import RELOAD, RESTART, Section, Whole

DOT_PORT: Final = 853
"""RFC 7858 section 3.1."""
DOH_PORT: Final = 443


class Doors(Section):
    dot: tuple[ListenAddress, ...] | None = Field(
        default=None,
        description="Addresses and ports of DNS over TLS (RFC 7858); [] is closed. Default: where [tls] names a"
        " certificate, the addresses of server.listen at port 853.",
        json_schema_extra=RESTART,
    )
    doh: tuple[ListenAddress, ...] | None = Field(
        default=None,
        description="Addresses and ports of DNS over HTTPS (RFC 8484) at /dns-query; [] is closed. Default: where [tls]"
        " names a certificate, the addresses of server.listen at port 443.",
        json_schema_extra=RESTART,
    )
    threads: Whole = Field(
        default=1,
        ge=1,
        le=8,
        description="Threads that serve connections, of plain TCP and encrypted.",
        json_schema_extra=RESTART,
    )
    max_connections: Whole = Field(
        default=2048,
        ge=1,
        le=32768,
        description="Open encrypted connections, all clients together.",
        json_schema_extra=RELOAD,
    )
    max_connections_per_client: Whole = Field(
        default=64,
        ge=1,
        le=32768,
        description="Open encrypted connections of one client: an IPv4 address or an IPv6 /64. An address that devices"
        " share (rate_limit.devices of its segment) has so many for each. The one idle longest makes room for another.",
        json_schema_extra=RELOAD,
    )

    @model_validator(mode="after")
    def _client_within_all(self) -> Doors:
        if self.max_connections_per_client > self.max_connections:
            raise complaint("max_connections_per_client is above max_connections", "make it the smaller one")
        return self

    @model_validator(mode="after")
    def _listen_once(self) -> Doors:
        both = [*(self.dot or ()), *(self.doh or ())]
        twice = sorted({str(one) for one in both if one.port and both.count(one) > 1})
        if twice:
            raise complaint(f"{', '.join(twice)} is there twice", "give each door an address of its own")
        return self


def at_port(addresses: tuple[SocketAddress, ...], port: int) -> tuple[SocketAddress, ...]:
    """The same addresses at another port, each once."""
    return tuple(dict.fromkeys(SocketAddress(one.host, port) for one in addresses))
