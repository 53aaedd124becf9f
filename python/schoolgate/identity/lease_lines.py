"""What all readers of leases share: lines of bounded length, times that make sense, and what was not understood.

A lease file is written by a server that may be writing it now, about what unknown devices sent: a line that is not
understood is counted and left out, and never stops the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from schoolgate.identity.binding import Claim, Confidence, clean_host_name, client_address

LONGEST_LINE = 8192
# A lease without an end, or with one in the next century, is believed for as long as its source is read.
LONGEST_LEASE_US = 24 * 3600 * 1_000_000
_SECOND_US = 1_000_000
# A date before or after is no date: 2001-09-09 to 2286-11-20.
_EARLIEST_S, _LATEST_S = 1_000_000_000, 9_999_999_999


@dataclass
class LeasesRead:
    """Claims by address, the last of an address counts; `odd`: lines or blocks that were not understood."""

    claims: dict[str, Claim] = field(default_factory=dict)
    odd: int = 0

    def take(self, claim: Claim | None, address: str = "") -> None:
        """One lease that is in use; None: one that could not be read. `address`, as the file has it, has no device
        then: a client can make its own line odd, and would pass for the device of the lease before."""
        if claim is None:
            self.odd += 1
            self.release(client_address(address) or "")
        else:
            self.claims[claim.address] = claim

    def release(self, address: str) -> None:
        """The server says that the lease of the address has ended."""
        self.claims.pop(address, None)


def lines_of(octets: bytes, read: LeasesRead) -> Iterator[str]:
    """Whole lines; one that has no end is being written and comes with the next read."""
    for line in octets[: octets.rfind(b"\n") + 1].split(b"\n")[:-1]:
        if len(line) > LONGEST_LINE:
            read.odd += 1
        elif line.strip():
            yield line.decode("utf-8", "replace").rstrip("\r")


def lease(
    source: str, address: str, device: str | None, host_name: str | None, since_s: int | None, until_s: int | None,
    now_us: int,
) -> Claim | None:  # fmt: skip
    """A claim of a lease; `until_s` None: without end. None where address, device or times make no sense."""
    known = client_address(address)
    if known is None or device is None or not all(_is_date(one) for one in (since_s, until_s) if one is not None):
        return None
    longest = now_us - now_us % (3600 * _SECOND_US) + LONGEST_LEASE_US
    until_us = longest if until_s is None else min(until_s * _SECOND_US, longest)
    since_us = None if since_s is None else since_s * _SECOND_US
    return Claim(known, device, source, Confidence.lease, since_us, until_us, clean_host_name(host_name))


def whole(text: str) -> int | None:
    """A number of at most eighteen digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _is_date(moment_s: int) -> bool:
    return _EARLIEST_S <= moment_s <= _LATEST_S
