"""The lines of zone text: quotes, brackets, escapes and comments (RFC 1035 section 5.1) taken apart into words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic_core import PydanticCustomError

from schoolgate.config.problems import complaint

# One record over more lines than this is a bracket that was never closed.
MOST_LINES_OF_A_RECORD = 200


@dataclass(frozen=True)
class Token:
    """One word; `octets` where it was quoted or escaped, because then it may hold anything."""

    text: str
    octets: bytes = b""


@dataclass(frozen=True)
class Entry:
    """One record or directive, by the line it starts on. `same_owner`: it starts with a space."""

    line: int
    tokens: tuple[Token, ...]
    same_owner: bool
    problem: PydanticCustomError | None = None


def entries(text: str) -> Iterator[Entry]:
    """All entries; one that cannot be taken apart carries its problem."""
    tokens: list[Token] = []
    depth = start = 0
    same_owner = False
    for number, line in enumerate(text.splitlines(), 1):
        if depth == 0:
            tokens, start, same_owner = [], number, line[:1] in (" ", "\t")
        try:
            depth = _words(line, tokens, depth)
            if depth and number - start >= MOST_LINES_OF_A_RECORD:
                raise complaint("has a bracket that is not closed", "write the missing )")
        except PydanticCustomError as error:
            depth = 0
            yield Entry(start, (), same_owner, error)
            continue
        if depth == 0 and tokens:
            yield Entry(start, tuple(tokens), same_owner)
    if depth:
        yield Entry(start, (), same_owner, complaint("has a bracket that is not closed", "write the missing )"))


def _words(line: str, tokens: list[Token], depth: int) -> int:
    """Adds the words of one line and returns how many brackets are open after it."""
    at = 0
    while at < len(line):
        character = line[at]
        if character in " \t\r\f":
            at += 1
        elif character == ";":
            break
        elif character in "()":
            depth += 1 if character == "(" else -1
            at += 1
            if depth not in (0, 1):
                raise complaint("has brackets that do not pair", "write one ( and one )")
        elif character == '"':
            token, at = _quoted(line, at + 1)
            tokens.append(token)
        else:
            token, at = _bare(line, at)
            tokens.append(token)
    return depth


def _quoted(line: str, at: int) -> tuple[Token, int]:
    octets = bytearray()
    while at < len(line):
        if line[at] == '"':
            return Token(octets.decode("utf-8", "surrogateescape"), bytes(octets)), at + 1
        at = _octet(line, at, octets)
    raise complaint("has a quote that is not closed", 'write the missing "')


def _bare(line: str, at: int) -> tuple[Token, int]:
    start = at
    octets = bytearray()
    while at < len(line) and line[at] not in ' \t\r\f;()"':
        at = _octet(line, at, octets)
    raw = line[start:at]
    # Names keep their backslashes, so that they are refused as names instead of meaning something else.
    return Token(raw, bytes(octets) if "\\" in raw else b""), at


def _octet(line: str, at: int, octets: bytearray) -> int:
    if line[at] != "\\":
        octets += line[at].encode("utf-8", "surrogateescape")
        return at + 1
    digits = line[at + 1 : at + 4]
    if len(digits) == 3 and digits.isascii() and digits.isdigit() and int(digits) < 256:
        octets.append(int(digits))
        return at + 4
    if not digits or digits[0].isdigit():
        raise complaint("has a backslash that means nothing", r"write \\ for a backslash, \DDD for an octet")
    octets += digits[0].encode("utf-8")
    return at + 2
