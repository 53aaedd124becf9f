"""A forwarder as people write it: an address, or a table that says how it is spoken to.

`{ address = "192.0.2.1", transport = "tls", name = "dns.example.org" }`: address and name both stand in the file, so
that no name must be looked up before names can be looked up.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import PlainValidator, ValidationInfo

from schoolgate.config.addresses import DNS_PORT, SYSTEM, SocketAddress, parse_socket_address
from schoolgate.config.domain_name import parse_domain_name
from schoolgate.config.problems import complaint, did_you_mean, shown
from schoolgate.config.section import beside_the_file

Transport = Literal["udp", "tcp", "tls", "https"]
TRANSPORTS: Final = get_args(Transport)
ENCRYPTED: Final = frozenset({"tls", "https"})
PORTS: Final = {"udp": DNS_PORT, "tcp": DNS_PORT, "tls": 853, "https": 443}
DOH_PATH: Final = "/dns-query"
PIN_OCTETS: Final = 32
MOST_PINS: Final = 4
_KEYS: Final = ("address", "transport", "name", "pins", "path", "roots")


@dataclass(frozen=True, order=True)
class ConnectedServer(SocketAddress):
    """A forwarder that is asked over connections. `roots`: the file of the authorities that its certificate is believed
    by; None: those of this machine. `pins`: SHA-256 of public keys (SPKI) in base64; without any every key will do."""

    transport: Transport = "tls"
    name: str = ""
    pins: tuple[str, ...] = ()
    path: str = ""
    roots: Path | None = None

    def __str__(self) -> str:
        return f"{self.transport}://{SocketAddress.__str__(self)}"

    @property
    def is_encrypted(self) -> bool:
        return self.transport in ENCRYPTED


def is_encrypted(server: SocketAddress) -> bool:
    """Whether what is asked of it can be read on the way."""
    return isinstance(server, ConnectedServer) and server.is_encrypted


def system_roots() -> Path | None:
    """The authorities that this machine trusts; None where it has no such file."""
    # Here: a server that asks no forwarder over TLS starts without it.
    import ssl

    known = ssl.get_default_verify_paths()
    return next((Path(one) for one in (known.cafile, known.openssl_cafile) if one and Path(one).is_file()), None)


def parse_server(value: object, info: ValidationInfo | None = None) -> SocketAddress:
    """An address, or a table. Raises a `complaint` that names the right form."""
    if not isinstance(value, Mapping):
        return parse_socket_address(value, default_port=DNS_PORT)
    for key in value:
        if key not in _KEYS:
            raise complaint(f"{shown(key)} is no key of a forwarder", did_you_mean(str(key), _KEYS))
    transport = value.get("transport", "udp")
    if transport not in TRANSPORTS:
        raise complaint(f"{shown(transport)} is no transport", did_you_mean(str(transport), TRANSPORTS))
    if "address" not in value:
        raise complaint("the forwarder has no address", 'write address = "192.0.2.1"; a name alone cannot be looked up')
    address = parse_socket_address(value["address"], default_port=PORTS[transport])
    if transport not in ENCRYPTED:
        for key in ("name", "pins", "path", "roots"):
            if key in value:
                raise complaint(f"{key} says nothing over {transport}", 'set transport = "tls" or "https"')
        return address if transport == "udp" else ConnectedServer(address.host, address.port, transport)
    if transport != "https" and "path" in value:
        raise complaint("path is for https alone", "remove it")
    return ConnectedServer(
        address.host, address.port, transport, name=_name(value.get("name"), transport),
        pins=_pins(value["pins"]) if "pins" in value else (),
        path=_path(value.get("path", DOH_PATH)) if transport == "https" else "",
        roots=_roots(value["roots"], info) if "roots" in value else None,
    )  # fmt: skip


def in_short(server: SocketAddress | Literal["system"]) -> str:
    """On one line, as a person types it: `192.0.2.1:53`, `tls://192.0.2.1:853#dns.example.org`, `system`."""
    name = f"#{server.name}" if isinstance(server, ConnectedServer) and server.name else ""
    return f"{server}{name}"


def from_short(text: str) -> SocketAddress | Literal["system"]:
    """What `in_short` writes, and shorter: without the port. Raises a `complaint`."""
    if text == SYSTEM:
        return SYSTEM
    transport, is_named, rest = text.partition("://")
    if not is_named:
        return parse_server(text)
    address, _, name = rest.partition("#")
    # The path of an address that was copied whole: of https it is the usual one.
    address = address.rstrip("/")
    return parse_server({"address": address, "transport": transport, **({"name": name} if name else {})})


def as_setting(server: SocketAddress | Literal["system"]) -> str | dict[str, Any]:
    """As it stands in the settings file: a text, or a table."""
    if not isinstance(server, ConnectedServer):
        return str(server)
    found: dict[str, Any] = {"address": SocketAddress.__str__(server), "transport": server.transport}
    if server.name:
        found["name"] = server.name
    if server.pins:
        found["pins"] = list(server.pins)
    if server.path and server.path != DOH_PATH:
        found["path"] = server.path
    if server.roots is not None:
        found["roots"] = str(server.roots)
    return found


def _name(name: Any, transport: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise complaint(
            f"a forwarder by {transport} needs a name", 'write name = "dns.example.org": its certificate is held to it'
        )
    return parse_domain_name(name)


def _pins(pins: Any) -> tuple[str, ...]:
    remedy = "name two keys, the one in use and the next: SHA-256 of the public key (SPKI), in base64"
    if not isinstance(pins, (list, tuple)) or not 2 <= len(set(map(str, pins))) <= MOST_PINS:
        raise complaint(f"pins holds {2} to {MOST_PINS} keys", remedy)
    for pin in pins:
        try:
            decoded = base64.b64decode(pin, validate=True)
        except (TypeError, ValueError, binascii.Error):
            decoded = b""
        if len(decoded) != PIN_OCTETS:
            raise complaint(f"{shown(pin)} is not the SHA-256 of a key", remedy)
    return tuple(pins)


def _path(path: Any) -> str:
    if not isinstance(path, str) or not path.startswith("/") or not path.isascii() or not path.isprintable():
        raise complaint(f"{shown(path)} is not a path", 'write path = "/dns-query"')
    if " " in path or "#" in path or "{" in path:
        raise complaint(f"{shown(path)} is not a path", 'write it without blanks and templates: "/dns-query"')
    return path


def _roots(path: Any, info: ValidationInfo | None) -> Path:
    if not isinstance(path, str):
        raise complaint(f"{shown(path)} is not a path", "write the path of a file of certificates (PEM)")
    return beside_the_file(Path(path), info)


def _parse_server_or_system(value: object, info: ValidationInfo) -> SocketAddress | Literal["system"]:
    return SYSTEM if value == SYSTEM else parse_server(value, info)


def mixed(servers: Iterable[SocketAddress | Literal["system"]]) -> bool:
    """Whether some of them are encrypted and others are not: names would leave readable whenever those are quicker."""
    kinds = {not isinstance(one, str) and is_encrypted(one) for one in servers}
    return len(kinds) > 1


# A forwarder: by UDP at port 53 unless said otherwise.
ForwarderServer = Annotated[SocketAddress, PlainValidator(parse_server)]
# The same, or "system": the machine's own resolvers.
ForwarderOrSystem = Annotated[SocketAddress | Literal["system"], PlainValidator(_parse_server_or_system)]
