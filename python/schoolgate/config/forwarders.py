"""[forwarders] and [[forward_zones]]: who is asked for what our policy allows and our cache does not hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainValidator

from schoolgate.config.addresses import SYSTEM, ServerAddress, ServerOrSystem
from schoolgate.config.domain_name import parse_domain_name
from schoolgate.config.problems import complaint, shown
from schoolgate.config.section import RELOAD, Section, Whole

# RFC 9520 section 3: a resolver must bound its retries; more servers than this is a mistake in the file.
MOST_SERVERS = 16


class Forwarders(Section):
    servers: Annotated[tuple[ServerOrSystem, ...], Field(min_length=1, max_length=MOST_SERVERS)] = Field(
        default=(SYSTEM,),
        description='Resolvers that answer for the internet; "system" means those in /etc/resolv.conf.',
        json_schema_extra=RELOAD,
    )
    timeout_ms: Whole = Field(
        default=800,
        ge=50,
        le=4000,
        description="Wait for one forwarder's answer, in milliseconds.",
        json_schema_extra=RELOAD,
    )
    tries: Whole = Field(
        default=3, ge=1, le=5, description="Most forwarders asked for one question.", json_schema_extra=RELOAD
    )


def _zone(value: object) -> str:
    if not isinstance(value, str):
        raise complaint(f"{shown(value)} is not a name", 'write the zone as text, such as "corp.example"')
    return parse_domain_name(value)


class ForwardZone(Section):
    zone: Annotated[str, PlainValidator(_zone)] = Field(
        description="Zone whose names are asked elsewhere, such as an Active Directory domain; the longest zone wins.",
        json_schema_extra=RELOAD,
    )
    servers: Annotated[tuple[ServerAddress, ...], Field(min_length=1, max_length=MOST_SERVERS)] = Field(
        description="Servers that answer for this zone.", json_schema_extra=RELOAD
    )
