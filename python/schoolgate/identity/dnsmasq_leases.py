"""The lease file of dnsmasq: a line for each lease; after a line `duid ...` those of DHCPv6.

`1767225600 02:00:5e:10:00:01 192.0.2.17 ipad-12 01:02:00:5e:10:00:01`: the end (0: none), hardware address or IAID,
address, host name ("*": none), client id or DUID ("*": none). dnsmasq writes the file anew in place.
"""

from __future__ import annotations

from schoolgate.identity.binding import Claim
from schoolgate.identity.device_key import duid_key, mac_key
from schoolgate.identity.lease_lines import LeasesRead, lease, lines_of, whole

_NONE = "*"


def read_dnsmasq(octets: bytes, source: str, now_us: int) -> LeasesRead:
    """The leases of both versions."""
    read = LeasesRead()
    is_v6 = False
    for line in lines_of(octets, read):
        words = line.split()
        if words[0] == "duid" and len(words) == 2:
            is_v6 = True
        else:
            read.take(_claim(words, source, now_us, is_v6=is_v6))
    return read


def _claim(words: list[str], source: str, now_us: int, *, is_v6: bool) -> Claim | None:
    end_s = whole(words[0])
    if len(words) != 5 or end_s is None:
        return None
    # Ethernet has no type before the address; another type has one, "06-...".
    device = duid_key(words[4]) if is_v6 else mac_key(words[1])
    name = None if words[3] == _NONE else words[3]
    return lease(source, words[2], device, name, None, end_s or None, now_us)
