"""The rules a school needs beside a DNS filter, in words, and where they apply: which networks, which server.

They make devices ask schoolgate, or no resolver. What they cannot do is said in every export, because a rule believed
to do more than it does is worse than none.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError

# The plan of deploy/README.md, where nothing better is known.
EXAMPLE_RESOLVERS = ("10.1.0.53", "2001:db8:1::53")
EXAMPLE_INTERFACE = "vlan20"
# Linux: IFNAMSIZ is 16 with its final NUL. A name goes into a rule as it is, so nothing that could end the rule.
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
MOST_INTERFACES = 256
MOST_RESOLVERS = 16

# DoT (RFC 7858) over TCP, DoQ (RFC 9250) over UDP.
ENCRYPTED_DNS_PORT = 853

RULES = (
    "1. Port 53, UDP and TCP, IPv4 and IPv6: only to schoolgate. Redirect what goes elsewhere, or refuse it.",
    "2. Port 853, TCP (DNS over TLS) and UDP (DNS over QUIC): refused, to any address.",
    "3. The addresses below: all TCP and UDP refused, port 443 above all (DNS over HTTPS, HTTP/3 too).",
    "Refuse (reset, unreachable) rather than drop: devices then fall back at once instead of waiting.",
    "The rules are for the networks of devices, never for schoolgate itself, which asks its forwarders.",
)
CANNOT_STOP = (
    "What this cannot stop: DNS over HTTPS at an address nobody has listed (it looks like any web page), a resolver",
    "that shares its addresses with web sites, iCloud Private Relay (its addresses are not published; schoolgate",
    "denies its names), a VPN, a proxy, Tor, a phone on mobile data, an app that carries its own addresses. Against",
    "these schoolgate denies the names (categories circumvention-*), which helps while a device asks it for names.",
    "The rest needs device management, or a firewall that allows only what it knows.",
    "The addresses are facts of their day: export them again after each update of schoolgate.",
)


class PlaceUnclear(SchoolgateError):
    """An interface or a server was given that no rule can name."""


@dataclass(frozen=True)
class Place:
    """Where the rules apply. `is_example`: no setting says it, so a person has to put the real ones in."""

    interfaces: tuple[str, ...]
    v4: tuple[str, ...]
    v6: tuple[str, ...]
    is_example: bool

    @property
    def resolvers(self) -> tuple[str, ...]:
        return (*self.v4, *self.v6)


def place_of(interfaces: Sequence[str], resolvers: Sequence[str], settings: Settings) -> Place:
    """What was said, else what the settings say, else the example network. Raises `PlaceUnclear`."""
    servers = [*resolvers] or _listening(settings)
    addresses = sorted({_address(one) for one in servers or EXAMPLE_RESOLVERS}, key=lambda one: (one.version, one))
    names = tuple(dict.fromkeys(map(_interface, interfaces or (EXAMPLE_INTERFACE,))))
    if len(names) > MOST_INTERFACES or len(addresses) > MOST_RESOLVERS:
        raise PlaceUnclear(f"name at most {MOST_INTERFACES} interfaces and {MOST_RESOLVERS} addresses of schoolgate")
    return Place(
        names,
        tuple(str(one) for one in addresses if one.version == 4),
        tuple(str(one) for one in addresses if one.version == 6),
        is_example=not interfaces or not servers,
    )


def _listening(settings: Settings) -> list[str]:
    """Addresses of ours that devices can reach."""
    hosts = {one.host for one in settings.server.listen if one.port == 53 and not one.is_wildcard}
    return sorted(one for one in hosts if not ipaddress.ip_address(one).is_loopback)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise PlaceUnclear(f"--resolver {text} is not an IP address; write --resolver 10.1.0.53") from None
    if found.is_unspecified or found.is_multicast or found.is_loopback or "%" in text:
        raise PlaceUnclear(f"--resolver {text} is not an address that devices can ask; write --resolver 10.1.0.53")
    return found


def _interface(text: str) -> str:
    if not _INTERFACE.fullmatch(text):
        raise PlaceUnclear(f"--interface {text!r} is not the name of an interface; write --interface vlan20")
    return text
