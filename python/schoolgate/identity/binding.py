"""One address, and the device that a source says is behind it from one moment until another.

Host names are what a device calls itself: nothing of it may steer a page, a terminal or a mail.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from dataclasses import dataclass
from enum import IntEnum

from schoolgate.identity.device_key import MAC

LONGEST_HOST_NAME = 63
# Beside letters and digits of any script; whatever else a device sends becomes "_".
_KEPT = frozenset(" -._'()")


class Confidence(IntEnum):
    """How much a source is worth. None of these may loosen a policy: a device can copy a hardware address."""

    seen = 1
    lease = 2


@dataclass(frozen=True, slots=True)
class Claim:
    """What one source says. `source` is its name in the settings; `since_us` is None where the source does not say."""

    address: str
    device: str
    source: str
    confidence: Confidence
    since_us: int | None
    until_us: int
    host_name: str | None = None

    @property
    def has_mac(self) -> bool:
        """Whether the device is known by its hardware address."""
        return self.device.startswith(MAC)


@dataclass(frozen=True, slots=True)
class Binding:
    """What was found of all claims of one address. Microseconds since 1970, UTC; `until_us` is outside."""

    address: str
    device: str
    source: str
    confidence: Confidence
    since_us: int
    until_us: int
    host_name: str | None = None


def client_address(text: str) -> str | None:
    """The address in its one form; None for what can be no single client of a school: multicast, loopback, link local
    (which means another device on each network)."""
    try:
        address = ipaddress.ip_address(text.strip()) if len(text) <= 64 and "%" not in text else None
    except ValueError:
        return None
    if address is None:
        return None
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_multicast or address.is_loopback or address.is_unspecified or address.is_link_local:
        return None
    return None if str(address) == "255.255.255.255" else str(address)


def clean_host_name(text: str | None) -> str | None:
    """A host name that is safe to show anywhere; None where nothing of it is left."""
    if not text:
        return None
    shown = "".join(one if _is_kept(one) else "_" for one in text[:LONGEST_HOST_NAME]).strip(" ._")
    return shown or None


def _is_kept(one: str) -> bool:
    return one in _KEPT or unicodedata.category(one)[0] in "LN"
