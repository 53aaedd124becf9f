"""Zone text (RFC 1035 section 5) as administrators write it, read strictly.

dnslib turns fields into RDATA, but it also accepts junk: extra fields, relative names it forgets to complete, letters
where a number belongs. So lines and fields are checked here first, and every complaint names its line.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from dnslib import CLASS, QTYPE, RDMAP, TXT, DNSBuffer, DNSError
from pydantic_core import PydanticCustomError

from schoolgate.config.domain_name import parse_domain_name
from schoolgate.config.problems import Problem, complaint, problem_of, shown
from schoolgate.policy.zone_lines import Entry, Token, entries

# A school's own names are hundreds; more than this does not belong in a file that is read at each reload.
MOST_RECORDS = 50_000
# RFC 2181 section 8.
LARGEST_TTL_S = 2**31 - 1
DEFAULT_TTL_S = 3600

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TIME = re.compile(r"(?:\d{1,10}[smhdw]?)+", re.IGNORECASE)

# The fields of each type we take; "*" repeats the one before.
FIELDS: dict[str, tuple[str, ...]] = {
    "A": ("ipv4",),
    "AAAA": ("ipv6",),
    "CAA": ("u8", "word", "word"),
    "CNAME": ("name",),
    "HTTPS": ("u16", "name", "word", "*"),
    "MX": ("u16", "name"),
    "NS": ("name",),
    "PTR": ("name",),
    "SOA": ("name", "name", "u32", "time", "time", "time", "time"),
    "SRV": ("u16", "u16", "u16", "name"),
    "TXT": ("text", "*"),
}
# HTTPS may stand without parameters.
_LEAST = {"HTTPS": 2}


@dataclass(frozen=True, order=True)
class Record:
    """One record: owner in normal form, RDATA uncompressed."""

    name: str
    rtype: int
    ttl_s: int
    rdata: bytes
    line: int = field(default=0, compare=False)


class _PlainBuffer(DNSBuffer):  # type: ignore[misc]
    """Names without compression: a pointer would point into a message that does not exist."""

    def encode_name(self, name: object) -> None:
        self.encode_name_nocompress(name)


def parse_zone_text(text: str, file: str) -> tuple[tuple[Record, ...], tuple[Problem, ...]]:
    """All records that could be read, and every problem with its line."""
    reader = _Reader(file)
    for entry in entries(text):
        reader.take(entry)
        if len(reader.records) > MOST_RECORDS:
            reader.problems.append(Problem(file, f"line {entry.line}", "too many records", f"keep {MOST_RECORDS}"))
            break
    return tuple(reader.records), tuple(reader.problems)


class _Reader:
    """Carries what a zone file carries from line to line: origin, default TTL, the owner before."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.origin: str | None = None
        self.ttl_s = DEFAULT_TTL_S
        self.owner: str | None = None
        self.records: list[Record] = []
        self.problems: list[Problem] = []

    def take(self, entry: Entry) -> None:
        try:
            if entry.problem is not None:
                raise entry.problem
            if entry.tokens[0].text.startswith("$") and not entry.same_owner:
                self._directive(entry.tokens)
            else:
                self.records.append(self._record(entry))
        except PydanticCustomError as error:
            self.problems.append(problem_of(self.file, f"line {entry.line}", error))

    def _directive(self, tokens: tuple[Token, ...]) -> None:
        word = tokens[0].text.upper()
        if word not in ("$ORIGIN", "$TTL") or len(tokens) != 2:
            raise complaint(f"{shown(tokens[0].text)} is not understood", "only $ORIGIN name and $TTL time are")
        if word == "$TTL":
            self.ttl_s = _ttl(tokens[1].text)
        else:
            self.origin = _absolute(tokens[1].text, self.origin)

    def _record(self, entry: Entry) -> Record:
        tokens = list(entry.tokens)
        owner = self._owner(entry, tokens)
        ttl_s = self._ttl_and_class(tokens)
        if not tokens:
            raise complaint("has no type", 'write it as "name 300 IN A 192.0.2.1"')
        rtype = tokens.pop(0).text.upper()
        if rtype not in FIELDS:
            raise complaint(f"type {shown(rtype)} cannot be served here", "use one of: " + ", ".join(FIELDS))
        rdata = _rdata(rtype, tokens, self.origin)
        return Record(owner, int(getattr(QTYPE, rtype)), ttl_s, rdata, entry.line)

    def _owner(self, entry: Entry, tokens: list[Token]) -> str:
        if entry.same_owner:
            if self.owner is None:
                raise complaint("starts with a space but no record is above it", "write the name in front")
            return self.owner
        self.owner = None  # a name that cannot be read must not lend the line below another's name
        self.owner = _absolute(tokens.pop(0).text, self.origin, wildcard=True)
        return self.owner

    def _ttl_and_class(self, tokens: list[Token]) -> int:
        ttl_s = self.ttl_s
        for _ in range(2):
            if tokens and _TIME.fullmatch(tokens[0].text):
                ttl_s = _ttl(tokens.pop(0).text)
            elif tokens and tokens[0].text.upper() == "IN":
                tokens.pop(0)
        if tokens and tokens[0].text.upper() in CLASS.reverse:
            raise complaint("only class IN can be served", "write IN, or leave the class out")
        return ttl_s


def _ttl(text: str) -> int:
    seconds = _seconds(text)
    if seconds > LARGEST_TTL_S:
        raise complaint(f"{shown(text)} is too long a time", "write seconds, such as 300")
    return seconds


def _seconds(text: str) -> int:
    if not _TIME.fullmatch(text):
        raise complaint(f"{shown(text)} is not a time", "write seconds, or 1h, 1d, 1w")
    return sum(int(number) * _UNITS[unit.lower()] for number, unit in re.findall(r"(\d+)([a-zA-Z]?)", text))


def _absolute(text: str, origin: str | None, wildcard: bool = False) -> str:
    """The whole name, in normal form, without the dot at the end; the root is the empty string."""
    if text == "@" or not text.endswith("."):
        if origin is None:
            raise complaint(f"{shown(text)} is not a whole name", f"write {shown(text + '.')}, or $ORIGIN above it")
        text = origin if text == "@" else f"{text}.{origin}"
    text = text.removesuffix(".")
    if not text:
        return ""
    if wildcard and text.startswith("*."):
        return "*." + parse_domain_name(text[2:])
    return parse_domain_name(text)


def _rdata(rtype: str, tokens: list[Token], origin: str | None) -> bytes:
    kinds = FIELDS[rtype]
    repeats = kinds[-1] == "*"
    kinds = kinds[:-1] if repeats else kinds
    if len(tokens) < _LEAST.get(rtype, len(kinds)) or (len(tokens) > len(kinds) and not repeats):
        raise complaint(f"{rtype} has {len(tokens)} fields", f"write {len(kinds)}: {' '.join(kinds)}")
    if rtype == "TXT":
        return _pack(rtype, TXT([_text(token) for token in tokens]))
    padded = kinds + kinds[-1:] * (len(tokens) - len(kinds))
    words = [_FIELD[kind](token, origin) for kind, token in zip(padded, tokens, strict=False)]
    try:
        return _pack(rtype, RDMAP[rtype].fromZone(words))
    except (DNSError, ValueError, IndexError, KeyError, TypeError, struct.error) as error:
        # dnslib raises whatever its fields happen to raise.
        raise complaint(f"{rtype} cannot be read: {error}", "check the fields of this record") from None


def _pack(rtype: str, rdata: object) -> bytes:
    buffer = _PlainBuffer()
    rdata.pack(buffer)  # type: ignore[attr-defined]
    packed = bytes(buffer.data)
    again = RDMAP[rtype].parse(DNSBuffer(packed), len(packed))
    second = _PlainBuffer()
    again.pack(second)
    if bytes(second.data) != packed:
        raise complaint(f"{rtype} does not come back as it was written", "check the fields of this record")
    return packed


def _text(token: Token) -> bytes:
    octets = token.text.encode("utf-8", "surrogateescape") if not token.octets else token.octets
    if len(octets) > 255:
        raise complaint("a text is longer than 255 octets", "split it into several quoted texts")
    return octets


def _ipv4(token: Token, _: str | None) -> str:
    return _address(token, ipaddress.IPv4Address, "an IPv4 address, such as 192.0.2.1")


def _ipv6(token: Token, _: str | None) -> str:
    return _address(token, ipaddress.IPv6Address, "an IPv6 address, such as 2001:db8::1")


def _address(token: Token, kind: Callable[[str], object], wanted: str) -> str:
    try:
        if "%" in token.text:
            raise ValueError
        return str(kind(token.text))
    except ValueError:
        raise complaint(f"{shown(token.text)} is not an address", f"write {wanted}") from None


def _number(most: int) -> Callable[[Token, str | None], str]:
    def check(token: Token, _: str | None) -> str:
        if not (token.text.isascii() and token.text.isdigit()) or int(token.text) > most:
            raise complaint(f"{shown(token.text)} is not a number up to {most}", "check the fields of this record")
        return token.text

    return check


def _name(token: Token, origin: str | None) -> str:
    return _absolute(token.text, origin) + "."


def _period(token: Token, _: str | None) -> str:
    seconds = _seconds(token.text)
    if seconds > 2**32 - 1:
        raise complaint(f"{shown(token.text)} is too long a time", "write seconds, such as 3600")
    return str(seconds)


def _word(token: Token, _: str | None) -> str:
    return token.text


_FIELD: dict[str, Callable[[Token, str | None], str]] = {
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "u8": _number(0xFF),
    "u16": _number(0xFFFF),
    "u32": _number(0xFFFFFFFF),
    "name": _name,
    "time": _period,
    "word": _word,
}


def by_owner(records: tuple[Record, ...]) -> Iterator[tuple[str, list[Record]]]:
    """The records of each name, names in order."""
    owners: dict[str, list[Record]] = {}
    for record in records:
        owners.setdefault(record.name, []).append(record)
    yield from sorted(owners.items())
