"""Short codes by which a pupil shows a teacher which site was closed. No name of a pupil, no device, is behind one.

Kept in memory, for an hour: after a restart the pupil asks again.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

LASTS_US: Final = 3_600_000_000
LENGTH: Final = 6
# No letter looks like another, or like a digit; no vowel, so that no word comes out.
ALPHABET: Final = "BCDFGHJKMNPQRTVWXZ2346789"
MOST_CODES: Final = 5_000
# Of one person in ten minutes: 25^6 codes cannot be guessed so.
MOST_WRONG, WRONG_LASTS_US = 20, 600_000_000
MOST_PEOPLE: Final = 1_000
# What the page said to a device can be turned into a code for so long.
OFFER_LASTS_US: Final = 600_000_000
MOST_OFFERS: Final = 4_000


@dataclass(frozen=True)
class AskedFor:
    """A site that a pupil asks for. `reason`: as the why page says it; `kind`: of the site, "" without one."""

    name: str
    segment: str
    reason: str
    kind: str


@dataclass(frozen=True)
class CodeMade:
    """A code, and until when it is good."""

    code: str
    until_us: int


class PupilCodes:
    """Codes that were given out. The same site for the same segment has one code, however many pupils ask. Safe in
    threads."""

    def __init__(self) -> None:
        self._codes: OrderedDict[str, tuple[AskedFor, int]] = OrderedDict()
        self._wrong: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._offers: OrderedDict[tuple[str, str], tuple[AskedFor, int]] = OrderedDict()
        self._turn = threading.Lock()

    def code_for(self, asked: AskedFor, now_us: int) -> CodeMade:
        """The code of what is asked for, good for an hour from now."""
        with self._turn:
            self._forget_old(now_us)
            known = next((code for code, (one, _) in self._codes.items() if one == asked), None)
            code = known or self._new()
            self._codes[code] = (asked, now_us + LASTS_US)
            self._codes.move_to_end(code)
            while len(self._codes) > MOST_CODES:
                self._codes.popitem(last=False)
            return CodeMade(code, now_us + LASTS_US)

    def offer(self, nonce: str, address: str, asked: AskedFor, now_us: int) -> None:
        """Keeps what was said to a device, which may ask for its code."""
        with self._turn:
            self._offers[nonce, address] = (asked, now_us + OFFER_LASTS_US)
            self._offers.move_to_end((nonce, address))
            while len(self._offers) > MOST_OFFERS:
                self._offers.popitem(last=False)

    def offered(self, nonce: str, address: str, now_us: int) -> AskedFor | None:
        """What was said to this device by this nonce, in the last ten minutes."""
        with self._turn:
            found = self._offers.get((nonce, address))
        return found[0] if found is not None and found[1] >= now_us else None

    def look(self, text: str, who: str, now_us: int) -> tuple[AskedFor, int] | None:
        """What a code stands for and until when, however it is written; None: there is none. Raises `TooManyTries`."""
        with self._turn:
            self._forget_old(now_us)
            begun, wrong = self._wrong.get(who, (now_us, 0))
            if now_us - begun > WRONG_LASTS_US:
                begun, wrong = now_us, 0
            if wrong >= MOST_WRONG:
                raise TooManyTries
            found = self._codes.get(normal(text))
            if found is None:
                self._wrong[who] = (begun, wrong + 1)
                while len(self._wrong) > MOST_PEOPLE:
                    self._wrong.popitem(last=False)
            return found

    def _new(self) -> str:
        while (code := "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))) in self._codes:
            pass
        return code

    def _forget_old(self, now_us: int) -> None:
        while self._codes and next(iter(self._codes.values()))[1] < now_us:
            self._codes.popitem(last=False)


class TooManyTries(Exception):
    """One person tried too many codes that are none."""


def normal(text: str) -> str:
    """A code as it was made: spaces, hyphens and small letters do not matter."""
    return "".join(one for one in text.upper() if one.isascii() and one.isalnum())
