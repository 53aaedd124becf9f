"""Passwords known from breaches, as a Bloom filter in a file: looked up offline, and none can be read out of it.

One password in a million that is in no breach is refused too.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pybloom_live import BloomFilter

from schoolgate.accounts.errors import BreachFileUnusable
from schoolgate.accounts.password_hashing import normal
from schoolgate.storage.atomic_file import write_whole

MAGIC = b"schoolgate breached passwords 1\n"
DIGEST_OCTETS = 32
ERROR_RATE = 1e-6
# 3.6 GB of filter; the file is read into memory.
MOST_PASSWORDS = 1_000_000_000
# A line of a published list: SHA-1 in hexadecimal, and how often it was seen.
_SHA1 = re.compile(rb"([0-9A-Fa-f]{40})(:\d+)?")


class BreachedPasswords:
    """The opened file."""

    def __init__(self, bloom: BloomFilter) -> None:
        self._bloom = bloom

    @classmethod
    def open(cls, path: Path) -> BreachedPasswords:
        """Reads the file whole. Raises `BreachFileUnusable`: a damaged one is not taken for an empty one."""
        try:
            octets = path.read_bytes()
        except OSError as error:
            raise BreachFileUnusable(
                f"{path}: {error.strerror}; build it anew, or take it out of the settings"
            ) from error
        head, digest, body = _parts(octets)
        if head != MAGIC:
            raise BreachFileUnusable(f"{path}: this is no file of breached passwords; build it from a list")
        if hashlib.sha256(body).digest() != digest:
            raise BreachFileUnusable(f"{path}: the file is damaged; build it anew")
        return cls(BloomFilter.fromfile(io.BytesIO(body)))

    def __contains__(self, password: str) -> bool:
        return _sha1(normal(password).encode()) in self._bloom


class UnusableBreachFile(BreachedPasswords):
    """Stands for a file that cannot be read: no password is set meanwhile, and people sign in."""

    def __init__(self, why: BreachFileUnusable) -> None:
        self._why = str(why)

    def __contains__(self, password: str) -> bool:
        raise BreachFileUnusable(self._why)


def build(lines: Iterable[bytes], path: Path, expected: int) -> int:
    """Writes the file from a list; returns how many passwords it holds. `expected`: at least as many as there are.

    A line is a password, or its SHA-1 in hexadecimal with an optional count. Raises `BreachFileUnusable`.
    """
    if not 1 <= expected <= MOST_PASSWORDS:
        raise BreachFileUnusable(f"a list of {expected} passwords cannot be built; give 1 to {MOST_PASSWORDS}")
    bloom = BloomFilter(capacity=expected, error_rate=ERROR_RATE)
    try:
        for digest in _digests(lines):
            bloom.add(digest)
    except IndexError:
        raise BreachFileUnusable(f"the list has more than {expected} passwords; say how many it has") from None
    if not len(bloom):
        raise BreachFileUnusable("the list has no password; nothing was written")
    written = io.BytesIO()
    bloom.tofile(written)
    body = written.getvalue()
    try:
        write_whole(path, MAGIC + hashlib.sha256(body).digest() + body)
    except OSError as error:
        raise BreachFileUnusable(f"{path}: {error.strerror}; check rights and space") from error
    return len(bloom)


def _digests(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        word = line.rstrip(b"\r\n")
        if found := _SHA1.fullmatch(word):
            yield bytes.fromhex(found[1].decode())
        elif word:
            yield _sha1(normal(word.decode(errors="replace")).encode())


def _parts(octets: bytes) -> tuple[bytes, bytes, bytes]:
    at = len(MAGIC)
    return octets[:at], octets[at : at + DIGEST_OCTETS], octets[at + DIGEST_OCTETS :]


def _sha1(octets: bytes) -> bytes:
    # As published lists have it. It protects nothing: the list is public.
    return hashlib.sha1(octets, usedforsecurity=False).digest()
