"""How often one source may ask the public pages: an address, or for IPv6 the network of one household or device."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from typing import Final

from schoolgate.console.api.request_limits import RequestLimit

# Guests may share one address: a class that opens the page at once gets it.
PAGES_BURST, PAGES_A_SECOND = 120, 4.0
# A question for the last block is a search of the log.
LOOKS_BURST, LOOKS_A_SECOND = 10, 0.2
_NETWORK_OF_ONE: Final = 64


class SourceLimit:
    """Two buckets for each source: for pages, and for looks at the log."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._pages = RequestLimit(PAGES_BURST, PAGES_A_SECOND, clock)
        self._looks = RequestLimit(LOOKS_BURST, LOOKS_A_SECOND, clock)

    def wait_s(self, address: str, *, looks: bool = False) -> float:
        """Counts a request; 0, or the seconds after which it may be sent again."""
        limit, source = self._looks if looks else self._pages, source_of(address)
        wait = limit.wait_s(source)
        if not wait:
            limit.take(source)
        return wait


def source_of(address: str) -> str:
    """The address, or the network of 64 bits that an IPv6 address is in."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, _NETWORK_OF_ONE), strict=False))
