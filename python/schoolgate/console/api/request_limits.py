"""How many requests a caller may send: a bucket that fills with time. The table is bounded; its oldest caller goes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MOST_CALLERS: Final = 2_000
# Of one token: a script that asks without a pause, and less than what holds up the console.
TOKEN_BURST, TOKEN_A_SECOND = 200, 50.0
# Of one address with tokens that are none.
GUESS_BURST, GUESSES_A_SECOND = 20, 0.2


class RequestLimit:
    """Buckets of `burst` requests that fill by `a_second`. `refused`: how many were refused since it was made."""

    def __init__(self, burst: int, a_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.refused = 0
        self._burst = burst
        self._a_second = a_second
        self._clock = clock
        # What is left, and when it was so.
        self._callers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, caller: str) -> float:
        """Seconds until one more request is taken; 0 where one is."""
        wait = max(0.0, 1 - self._left(caller)) / self._a_second
        self.refused += wait > 0
        return wait

    def take(self, caller: str) -> None:
        """Counts a request."""
        self._callers[caller] = (max(0.0, self._left(caller) - 1), self._clock())
        self._callers.move_to_end(caller)
        while len(self._callers) > MOST_CALLERS:
            self._callers.popitem(last=False)

    def __len__(self) -> int:
        return len(self._callers)

    def _left(self, caller: str) -> float:
        left, at = self._callers.get(caller, (float(self._burst), self._clock()))
        return min(self._burst, left + (self._clock() - at) * self._a_second)


class AcceptedTokens:
    """Tokens (their hashes) that were good at their last request: the guesses of a neighbour do not slow them down."""

    def __init__(self) -> None:
        self._tokens: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, token: str) -> bool:
        return token in self._tokens

    def add(self, token: str) -> None:
        """Remembers one; the oldest goes where there are too many."""
        self._tokens[token] = None
        self._tokens.move_to_end(token)
        if len(self._tokens) > MOST_CALLERS:
            self._tokens.popitem(last=False)

    def remove(self, token: str) -> None:
        """It was refused."""
        self._tokens.pop(token, None)
