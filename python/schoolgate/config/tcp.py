"""[tcp]: what a client may take of us over TCP (RFC 7766), so that slow or greedy ones cannot close the door."""

from __future__ import annotations

from pydantic import Field, model_validator

from schoolgate.config.problems import complaint
from schoolgate.config.section import RELOAD, Section, Whole


class Tcp(Section):
    max_connections: Whole = Field(
        default=1024,
        ge=1,
        le=65536,
        description="Open TCP connections, all clients together.",
        json_schema_extra=RELOAD,
    )
    max_connections_per_client: Whole = Field(
        default=16,
        ge=1,
        le=65536,
        description="Open TCP connections of one client: an IPv4 address or an IPv6 /64. An address that devices"
        " share (rate_limit.devices of its segment) has so many for each. The one idle longest makes room for another.",
        json_schema_extra=RELOAD,
    )
    idle_s: Whole = Field(
        default=10,
        ge=1,
        le=300,
        description="A connection with no query is closed after this many seconds.",
        json_schema_extra=RELOAD,
    )
    max_pipelined: Whole = Field(
        default=64,
        ge=1,
        le=4096,
        description="Queries of one connection that may wait at the same time.",
        json_schema_extra=RELOAD,
    )

    @model_validator(mode="after")
    def _client_within_all(self) -> Tcp:
        if self.max_connections_per_client > self.max_connections:
            raise complaint("max_connections_per_client is above max_connections", "make it the smaller one")
        return self
