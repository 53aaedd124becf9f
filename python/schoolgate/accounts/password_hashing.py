"""Argon2id (RFC 9106, second recommended option: 64 MiB, 3 passes), at most two at a time, outside the event loop."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from dataclasses import dataclass

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from schoolgate.accounts.account_settings import MOST_LENGTH

# Each takes 64 MiB and all of a core.
AT_ONCE = 2


@dataclass(frozen=True)
class Verified:
    """Whether the password was right, and whether its hash has other parameters than new ones."""

    is_right: bool
    is_outdated: bool = False


def normal(password: str) -> str:
    """The form that is checked and hashed: NFC, so that two keyboards type the same password."""
    return unicodedata.normalize("NFC", password)


class PasswordHashing:
    """Hashes and verifies passwords. One for a process, so that the limit is one limit."""

    def __init__(self, parameters: Parameters = RFC_9106_LOW_MEMORY) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)
        self._places = asyncio.Semaphore(AT_ONCE)
        # Verified where there is no account: it takes as long, and no password fits it. Made before the first password
        # is compared, whosever it is.
        self._dummy = ""

    async def hash(self, password: str) -> str:
        """The hash of a password, in PHC string format."""
        async with self._places:
            return await asyncio.to_thread(self._hasher.hash, normal(password))

    async def verify(self, hashed: str | None, password: str) -> Verified:
        """Compares a password with a hash. None: there is no account or no password; it takes the same time."""
        password = normal(password[: 4 * MOST_LENGTH])
        can_fit = hashed is not None and len(password) <= MOST_LENGTH
        async with self._places:
            self._dummy = self._dummy or await asyncio.to_thread(self._hasher.hash, secrets.token_hex(32))
            is_right = await asyncio.to_thread(self._fits, hashed or self._dummy, password[:MOST_LENGTH])
        if not (is_right and can_fit and hashed is not None):
            return Verified(is_right=False)
        return Verified(is_right=True, is_outdated=self._hasher.check_needs_rehash(hashed))

    def _fits(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False
        except UnicodeEncodeError:  # lone surrogates: no password that was ever stored
            return False
