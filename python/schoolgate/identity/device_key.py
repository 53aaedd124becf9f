"""What tells one device from another: the hardware address of its network card, or the DUID of DHCPv6.

A key is a text: `mac:02:00:5e:10:00:01` or `duid:0004...`. A client of DHCP writes what it likes there: what comes out
of here is lower-case hexadecimal of a bounded length and nothing else.
"""

from __future__ import annotations

import re

MAC, DUID = "mac:", "duid:"
# RFC 8415, section 11.1: a DUID has at most 128 octets and a type code.
MOST_DUID_OCTETS = 130
_HEXADECIMAL = re.compile(r"[0-9a-f]+")
_KEY = re.compile(r"mac:(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|duid:(?:[0-9a-f]{2}){3,130}")
_ETHERNET = 1
# Bits of the first octet of a hardware address (IEEE 802).
_GROUP, _LOCAL = 0x01, 0x02


def mac_key(text: str) -> str | None:
    """The key of a hardware address of six octets, in any usual notation; None for others, and for those that stand for
    no single device."""
    octets = _octets(text)
    if octets is None or len(octets) != 6 or not any(octets) or octets[0] & _GROUP:
        return None
    return MAC + octets.hex(":")


def duid_key(text: str) -> str | None:
    """The key of a DUID (RFC 8415, section 11): that of the hardware address in it where it has one, because the same
    device is known by that elsewhere."""
    octets = _octets(text)
    if octets is None or not 3 <= len(octets) <= MOST_DUID_OCTETS:
        return None
    kind, hardware = int.from_bytes(octets[:2], "big"), int.from_bytes(octets[2:4], "big")
    link_layer = octets[8:] if kind == 1 else octets[4:] if kind == 3 else b""
    if hardware == _ETHERNET and len(link_layer) == 6 and (key := mac_key(link_layer.hex())) is not None:
        return key
    return DUID + octets.hex()


def is_key(text: str) -> bool:
    """Whether a text is a key as this module writes it."""
    return _KEY.fullmatch(text) is not None


def is_randomised(key: str) -> bool:
    """Whether the address was made up by the device (locally administered bit): it may have another one tomorrow."""
    return key.startswith(MAC) and bool(int(key[len(MAC) : len(MAC) + 2], 16) & _LOCAL)


def _octets(text: str) -> bytes | None:
    plain = re.sub(r"[:.\-]", "", text.strip().lower()) if len(text) <= 3 * MOST_DUID_OCTETS else ""
    if len(plain) % 2 or _HEXADECIMAL.fullmatch(plain) is None:
        return None
    return bytes.fromhex(plain)
