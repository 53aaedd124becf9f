"""What became of changes that were sent with an Idempotency-Key, so that the same request again does nothing twice.

It is in memory: a restart of the console forgets it. Kept is what was done, or may have been; what was refused did
nothing, and may be sent again with its key.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from schoolgate.console.api.problem_details import ProblemFound, as_kept, retry_after

KEPT_S: Final = 24 * 3600.0
MOST_KEPT: Final = 1_000
# Of one token, so that one script does not push out what another needs.
MOST_OF_A_TOKEN: Final = 200
# A longer answer is not kept; that it was done is.
LONGEST_ANSWER: Final = 8 * 1024
LONGEST_KEY: Final = 100

Key = tuple[str, str]
_NOT_KEPT: Final = as_kept(ProblemFound("answer-not-kept", "it was done; look at the state it left"))


@dataclass
class DoneRequest:
    """`fingerprint`: of the operation and its arguments. `answer`: status and body; None while it is under way."""

    fingerprint: bytes
    at: float
    answer: tuple[int, bytes] | None = None


class DoneRequests:
    """Changes by token (its hash) and key."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Key, DoneRequest] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def begin(self, key: Key, fingerprint: bytes) -> DoneRequest | None:
        """The earlier request of this key, which is done; None where this one is the first, and now is under way.

        Raises `ProblemFound`: the key was used for another request, the earlier one is under way, or there is no place.
        """
        self._forget_old()
        found = self._kept.get(key)
        if found is None:
            self._make_place(key[0])
            self._kept[key] = DoneRequest(fingerprint, self._clock())
            return None
        if found.fingerprint != fingerprint:
            raise ProblemFound("idempotency-mismatch", "use a new Idempotency-Key for each new request")
        if found.answer is None:
            raise ProblemFound("idempotency-busy", "wait for its end, then send it again", headers=retry_after(1))
        return found

    def end(self, key: Key, status: int, body: bytes) -> None:
        """Keeps what came of it."""
        if key in self._kept:
            self._kept[key].answer = (status, body) if len(body) <= LONGEST_ANSWER else _NOT_KEPT

    def forget(self, key: Key) -> None:
        """Nothing was done."""
        self._kept.pop(key, None)

    def _forget_old(self) -> None:
        while self._kept and self._clock() - next(iter(self._kept.values())).at > KEPT_S:
            self._kept.popitem(last=False)

    def _make_place(self, token: str) -> None:
        own = [key for key, one in self._kept.items() if key[0] == token and one.answer is not None]
        if len(own) >= MOST_OF_A_TOKEN:
            del self._kept[own[0]]
        if len(self._kept) >= MOST_KEPT:
            oldest = next((key for key, one in self._kept.items() if one.answer is not None), None)
            if oldest is None:
                raise ProblemFound("busy", "too many changes are under way", headers=retry_after(5))
            del self._kept[oldest]
