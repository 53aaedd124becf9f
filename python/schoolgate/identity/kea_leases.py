"""The lease files of Kea (memfile): CSV with a header, a journal in which the last line of an address counts.

Kea tidies its files: `FILE.2` (or `FILE.completed`) has what was tidied, `FILE.1` what is being tidied, `FILE` what
came since. A lease that ended stands there with a lifetime of 0, or in another state than 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from schoolgate.identity.binding import Claim, client_address
from schoolgate.identity.device_key import duid_key, mac_key
from schoolgate.identity.lease_lines import LeasesRead, lease, lines_of, whole

_NEEDED = frozenset({"address", "valid_lifetime", "expire", "state"})
# Kea writes a comma in a value so; the "x" is of `&#x2c`.
_COMMA = "&#x2c"
_IN_USE = 0
# RFC 8415 IA_NA and IA_TA; a prefix (2) is no device's address.
_NO_PREFIX = ("", "0", "1")


def files_of(path: Path) -> list[Path]:
    """The files that together are the lease file, oldest first."""
    tidied = path.with_name(path.name + ".completed")
    if tidied.exists():
        return [tidied, path]
    return [one for one in (path.with_name(path.name + end) for end in (".2", ".1")) if one.exists()] + [path]


def read_kea(parts: Iterable[bytes], source: str, now_us: int) -> LeasesRead:
    """The leases of DHCPv4 or DHCPv6, from the contents of the files, oldest first."""
    read = LeasesRead()
    for octets in parts:
        columns: list[str] | None = None
        for line in lines_of(octets, read):
            cells = line.split(",")
            if cells[0] == "address":
                columns = cells if set(cells) >= _NEEDED else None
            elif columns is None or len(cells) < len(columns):
                read.odd += 1
            else:
                _take(read, dict(zip(columns, cells, strict=False)), source, now_us)
    return read


def _take(read: LeasesRead, row: dict[str, str], source: str, now_us: int) -> None:
    lifetime_s, expire_s, state = whole(row["valid_lifetime"]), whole(row["expire"]), whole(row["state"])
    if lifetime_s is None or expire_s is None or state is None or row.get("lease_type", "") not in _NO_PREFIX:
        if row.get("lease_type") != "2":
            read.take(None, row["address"])
        return
    if lifetime_s == 0 or state != _IN_USE:
        read.release(client_address(row["address"]) or "")
        return
    read.take(_claim(row, lifetime_s, expire_s, source, now_us), row["address"])


def _claim(row: dict[str, str], lifetime_s: int, expire_s: int, source: str, now_us: int) -> Claim | None:
    device = mac_key(row.get("hwaddr", "")) or duid_key(row.get("duid", ""))
    name = row.get("hostname", "").replace(_COMMA, ",").rstrip(".")
    is_endless = lifetime_s >= 0xFFFFFFFF
    since_s, until_s = (None, None) if is_endless else (expire_s - lifetime_s, expire_s)
    return lease(source, row["address"], device, name, since_s, until_s, now_us)
