"""Names that a device asks for while it shows the why page: they prove that its questions reach us from its address.

Kept in memory: after a restart a page is opened again.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

LASTS_US: Final = 60_000_000
MOST_NONCES: Final = 4_000
# A page opened again and again; behind one address there is one device.
MOST_OF_ONE_ADDRESS: Final = 8
OCTETS: Final = 10


@dataclass(frozen=True)
class _Issued:
    address: str
    at_us: int


class Nonces:
    """Nonces that were given out, by their text. Safe in threads."""

    def __init__(self) -> None:
        self._issued: OrderedDict[str, _Issued] = OrderedDict()
        self._turn = threading.Lock()

    def issue(self, address: str, now_us: int) -> str:
        """A new one for an address: a label of 20 characters. The oldest go where there are too many."""
        nonce = secrets.token_hex(OCTETS)
        with self._turn:
            self._forget_old(now_us)
            own = [text for text, one in self._issued.items() if one.address == address]
            for text in own[: max(0, len(own) - MOST_OF_ONE_ADDRESS + 1)]:
                del self._issued[text]
            self._issued[nonce] = _Issued(address, now_us)
            while len(self._issued) > MOST_NONCES:
                self._issued.popitem(last=False)
        return nonce

    def issued_at_us(self, nonce: str, address: str, now_us: int) -> int | None:
        """When it was given to this address; None where it was not, or is over."""
        with self._turn:
            self._forget_old(now_us)
            found = self._issued.get(nonce)
        return found.at_us if found is not None and found.address == address else None

    def _forget_old(self, now_us: int) -> None:
        while self._issued and next(iter(self._issued.values())).at_us + LASTS_US < now_us:
            self._issued.popitem(last=False)
