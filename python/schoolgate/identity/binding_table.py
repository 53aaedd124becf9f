"""The table of bindings: immutable, made whole from what all sources say at one moment, bounded.

Where sources disagree, or time is over, an address has no device: it is then a device of its network and nothing more.
A wrong name is worse than none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from schoolgate.identity.binding import Binding, Claim, Confidence

MOST_BINDINGS = 100_000
# An IPv6 device is seen with a handful of addresses at a time; a router that answers for a network has all of them.
MOST_ADDRESSES_OF_DEVICE = 64
# A clock of a DHCP server may be wrong by so much.
CLOCK_SKEW_US = 300 * 1_000_000


@dataclass(frozen=True)
class BindingTable:
    """`disputed`: addresses that two devices claim. `crowded`: devices seen with too many addresses to be one.
    `left_out`: claims beyond what the table may hold."""

    bindings: Mapping[str, Binding] = field(default_factory=lambda: MappingProxyType({}))
    disputed: frozenset[str] = frozenset()
    crowded: frozenset[str] = frozenset()
    left_out: int = 0

    def of(self, address: str, now_us: int) -> Binding | None:
        """The binding of an address, if it still lasts."""
        found = self.bindings.get(address)
        return found if found is not None and now_us < found.until_us else None


EMPTY = BindingTable()


def bind(claims: Iterable[Claim], now_us: int, before: BindingTable = EMPTY) -> BindingTable:
    """The table of a moment. `before` tells since when a binding lasts whose source does not say."""
    by_address: dict[str, list[Claim]] = {}
    left_out = 0
    for claim in claims:
        if not _is_live(claim, now_us):
            continue
        if claim.address in by_address:
            by_address[claim.address].append(claim)
        elif len(by_address) < MOST_BINDINGS:
            by_address[claim.address] = [claim]
        else:
            left_out += 1
    found = {address: _agreed(theirs, now_us, before) for address, theirs in by_address.items()}
    bound = {address: one for address, one in found.items() if one is not None}
    # A lease is of who asked for it, however many there are: who could hide by asking for more would.
    counts = Counter(one.device for one in bound.values() if one.confidence is Confidence.seen)
    crowded = frozenset(device for device, count in counts.items() if count > MOST_ADDRESSES_OF_DEVICE)
    return BindingTable(
        MappingProxyType({address: one for address, one in bound.items() if not _is_of(one, crowded)}),
        frozenset(found.keys() - bound.keys()),
        crowded,
        left_out,
    )


def _is_of(binding: Binding, crowded: frozenset[str]) -> bool:
    return binding.confidence is Confidence.seen and binding.device in crowded


def _is_live(claim: Claim, now_us: int) -> bool:
    """A claim that begins in the future is of a wrong clock: nothing tells whom it is about now."""
    begun = claim.since_us is None or claim.since_us <= now_us + CLOCK_SKEW_US
    return begun and now_us < claim.until_us


def _agreed(claims: list[Claim], now_us: int, before: BindingTable) -> Binding | None:
    """None where two devices claim the address. A DUID cannot be compared with a hardware address: the latter counts,
    because names are given to it."""
    compared = [one for one in claims if one.has_mac] or claims
    if len({one.device for one in compared}) > 1:
        return None
    best = max(compared, key=lambda one: (one.confidence, one.since_us or 0, one.source))
    names = [one.host_name for one in (best, *compared) if one.host_name]
    return Binding(
        best.address,
        best.device,
        best.source,
        best.confidence,
        min(now_us, best.since_us) if best.since_us is not None else _first_seen(best, now_us, before),
        max(one.until_us for one in compared),
        names[0] if names else None,
    )


def _first_seen(claim: Claim, now_us: int, before: BindingTable) -> int:
    known = before.of(claim.address, now_us)
    is_same = known is not None and (known.device, known.source) == (claim.device, claim.source)
    return known.since_us if is_same and known is not None else now_us
