"""Where browsers reach a web site of ours: address, host names, certificate, reverse proxies."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, ClassVar, Final

from pydantic import Field, PlainValidator, model_validator

from schoolgate.config.addresses import SocketAddress, parse_socket_address
from schoolgate.config.problems import complaint, shown
from schoolgate.config.section import RESTART, PathFromFile, Section, Whole

PORT: Final = 8053
MOST_NAMES: Final = 32
_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _address(value: object) -> str:
    """The canonical text of one address, without a port."""
    found = parse_socket_address(value, default_port=PORT)
    if "%" in found.host or f"{found}" == value:
        raise complaint(f"{shown(value)} is not an address alone", 'write "192.0.2.10", and the port in port')
    return found.host


def _name(value: object) -> str:
    name = value.strip().rstrip(".").lower() if isinstance(value, str) else ""
    if not _NAME.fullmatch(name) or len(name) > 253:
        raise complaint(
            f"{shown(value)} is not a host name", 'write it as browsers do, such as "filter.school.example"'
        )
    return name


def _network(value: object) -> Network:
    try:
        return ipaddress.ip_network(value if isinstance(value, str) else "")
    except ValueError:
        raise complaint(f"{shown(value)} is not a network", 'write "192.0.2.10" or "192.0.2.0/24"') from None


Address = Annotated[str, PlainValidator(_address)]
Name = Annotated[str, PlainValidator(_name)]
Proxy = Annotated[Network, PlainValidator(_network)]


class WebListener(Section):
    """What the sites have in common. `site`: which one, for sentences; `crosses`: what would cross the network."""

    site: ClassVar[str] = "the site"
    crosses: ClassVar[str] = "pages"

    enabled: bool = Field(default=True, description="Whether it is opened.", json_schema_extra=RESTART)
    address: Address = Field(
        default="127.0.0.1",
        description="Address of ours that browsers reach. Without a certificate it must be one of this machine alone.",
        json_schema_extra=RESTART,
    )
    port: Whole = Field(
        default=PORT, ge=0, le=65535, description="Its port; 0 lets the machine choose.", json_schema_extra=RESTART
    )
    names: Annotated[tuple[Name, ...], Field(max_length=MOST_NAMES)] = Field(
        default=(),
        description="Host names at which browsers reach it; requests for other names are refused. The address"
        " itself, and localhost on this machine, need not be named.",
        json_schema_extra=RESTART,
    )
    certificate: PathFromFile | None = Field(
        default=None,
        description="File of its certificate chain in PEM, the server's own first. Read again when it changes.",
        json_schema_extra=RESTART,
    )
    key: PathFromFile | None = Field(
        default=None,
        description="File of its private key in PEM, without a passphrase. Read again when it changes.",
        json_schema_extra=RESTART,
    )
    trusted_proxies: Annotated[tuple[Proxy, ...], Field(max_length=MOST_NAMES)] = Field(
        default=(),
        description="Addresses or networks of reverse proxies: X-Forwarded-For is believed from these alone.",
        json_schema_extra=RESTART,
    )

    @property
    def listen(self) -> SocketAddress:
        """Address and port."""
        return SocketAddress(self.address, self.port)

    @property
    def has_certificate(self) -> bool:
        """Whether it speaks TLS itself."""
        return self.certificate is not None

    @model_validator(mode="after")
    def _both_or_none(self) -> WebListener:
        if (self.certificate is None) != (self.key is None):
            raise complaint("certificate and key belong together", "name both files, or none")
        return self

    @model_validator(mode="after")
    def _plain_stays_here(self) -> WebListener:
        if self.certificate is None and not self.listen.is_loopback:
            raise complaint(
                f"without a certificate {self.site} is not opened at {self.address}: {self.crosses} would cross the"
                " network unencrypted",
                'name certificate and key, or use "127.0.0.1" with a reverse proxy of this machine in front',
            )
        return self
