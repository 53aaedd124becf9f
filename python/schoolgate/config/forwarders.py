"""[forwarders] and [[forward_zones]]: who is asked for what our policy allows and our cache does not hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, model_validator

from schoolgate.config.addresses import SYSTEM, SocketAddress
from schoolgate.config.domain_name import parse_domain_name
from schoolgate.config.forwarder_address import ForwarderOrSystem, ForwarderServer, is_encrypted, mixed
from schoolgate.config.problems import complaint, shown
from schoolgate.config.section import RELOAD, Section, Whole

# RFC 9520 section 3: a resolver must bound its retries; more servers than this is a mistake in the file.
MOST_SERVERS = 16


Dnssec = Literal["off", "trust-ad", "sidecar"]


class Forwarders(Section):
    servers: Annotated[tuple[ForwarderOrSystem, ...], Field(min_length=1, max_length=MOST_SERVERS)] = Field(
        default=(SYSTEM,),
        description='Resolvers that answer for the internet; "system" means those in /etc/resolv.conf. Encrypted:'
        ' { address = "192.0.2.1", transport = "tls", name = "dns.example.org" }, see docs/encrypted-dns.md.',
        json_schema_extra=RELOAD,
    )
    strategy: Literal["fastest", "first-healthy"] = Field(
        default="fastest",
        description='Which of them is asked: "fastest" the quickest of late, "first-healthy" the first in the order of'
        " servers that answers, and again the first as soon as it does.",
        json_schema_extra=RELOAD,
    )
    dnssec: Dnssec = Field(
        default="trust-ad",
        description='DNSSEC: "trust-ad" believes a forwarder that says that it has validated an answer (AD), if it is'
        ' encrypted or named here by an address of this machine; "sidecar" demands that all servers are on this'
        ' machine; "off" does not ask. See docs/dnssec.md.',
        json_schema_extra=RELOAD,
    )
    plain_fallback: Annotated[tuple[ForwarderServer, ...], Field(max_length=MOST_SERVERS)] = Field(
        default=(),
        description="Servers without encryption that are asked while none of the encrypted ones answers. Names can be"
        " read on the way then, and `status` says so. Empty: nothing is ever asked without encryption.",
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

    @model_validator(mode="after")
    def _of_one_kind(self) -> Forwarders:
        if mixed(self.servers):
            raise complaint(
                "servers has encrypted and plain ones: names would leave readable whenever a plain one is quicker",
                "move the plain ones to plain_fallback, or remove them",
            )
        if self.plain_fallback and any(isinstance(one, str) or not is_encrypted(one) for one in self.servers):
            raise complaint("plain_fallback is for encrypted servers", "remove it, or encrypt servers")
        if any(is_encrypted(one) for one in self.plain_fallback):
            raise complaint("plain_fallback has an encrypted server", "move it to servers")
        _validators_are_here(self.dnssec, self.servers)
        return self


def _validators_are_here(dnssec: Dnssec, servers: tuple[SocketAddress | str, ...]) -> None:
    if dnssec != "sidecar":
        return
    elsewhere = next((one for one in servers if isinstance(one, str) or not one.is_loopback), None)
    if elsewhere is not None:
        raise complaint(
            f'with dnssec = "sidecar" every server is a resolver on this machine, and {elsewhere} is not one',
            'write its address, such as "127.0.0.1:5335", or set dnssec = "trust-ad"',
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
    servers: Annotated[tuple[ForwarderServer, ...], Field(min_length=1, max_length=MOST_SERVERS)] = Field(
        description="Servers that answer for this zone, as in `forwarders`.", json_schema_extra=RELOAD
    )
    dnssec: Dnssec = Field(
        default="off",
        description='Signatures of this zone, as in `forwarders`; "off", because a zone of a school is seldom signed.',
        json_schema_extra=RELOAD,
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> ForwardZone:
        if mixed(self.servers):
            raise complaint("servers has encrypted and plain ones", "name servers of one kind for a zone")
        _validators_are_here(self.dnssec, self.servers)
        return self
