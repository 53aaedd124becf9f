"""The signature of a captive portal on a guest's acceptance: HMAC-SHA256 over time and body, as in our own webhooks.

Schoolgate-Signature: t=1764500000,v1=<64 hexadecimal digits of HMAC-SHA256(key, "1764500000." + body)>
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections import OrderedDict
from typing import Final

from schoolgate.errors import SchoolgateError

# Clocks of two machines, and a portal that tries again.
MOST_APART_S: Final = 300
SHORTEST_KEY: Final = 32
MOST_REMEMBERED: Final = 20_000
_HEADER: Final = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


class SignatureRefused(SchoolgateError):
    """A request of a captive portal is not signed with the key of the settings, or was not signed now."""


def refuse_forged(key: str, body: str, header: str, now_us: int) -> None:
    """Raises `SignatureRefused`, with one sentence for every reason but the time."""
    found = _HEADER.fullmatch(header)
    if len(key) < SHORTEST_KEY:
        raise SignatureRefused(
            f"the key of the captive portal has fewer than {SHORTEST_KEY} characters; write a new one"
        )
    signed = hmac.new(key.encode(), f"{found[1] if found else 0}.{body}".encode(), hashlib.sha256).hexdigest()
    if found is None or not hmac.compare_digest(signed, found[2]):
        raise SignatureRefused("the signature does not fit; check that portal and settings have the same key")
    if abs(now_us / 1e6 - int(found[1])) > MOST_APART_S:
        raise SignatureRefused("it was signed more than five minutes ago, or in the future; check both clocks")


class SeenSignatures:
    """Signatures that were taken, so that a request that is sent again counts once. Safe in threads."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._turn = threading.Lock()

    def is_first(self, header: str, now_us: int) -> bool:
        """Whether it comes for the first time; remembers it for as long as its time is good."""
        with self._turn:
            while self._seen and next(iter(self._seen.values())) + 2 * MOST_APART_S * 1_000_000 < now_us:
                self._seen.popitem(last=False)
            if header in self._seen:
                return False
            self._seen[header] = now_us
            while len(self._seen) > MOST_REMEMBERED:
                self._seen.popitem(last=False)
            return True

    def forget(self, header: str) -> None:
        """It was not taken after all."""
        with self._turn:
            self._seen.pop(header, None)
