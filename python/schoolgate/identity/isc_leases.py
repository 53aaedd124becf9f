"""The lease file of ISC dhcpd: blocks, a journal in which the last block of an address counts.

`lease 192.0.2.17 { starts 4 2026/01/01 00:00:00; ends never; binding state active; hardware ethernet ...; }`, and for
DHCPv6 `ia-na "IAID and DUID" { cltt ...; iaaddr 2001:db8::17 { binding state active; ends ...; } }`. Times are UTC.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from schoolgate.identity.binding import client_address
from schoolgate.identity.device_key import duid_key, mac_key
from schoolgate.identity.lease_lines import LONGEST_LINE, LeasesRead, lease, whole

# A quoted text, a mark, a comment, a word. What fits none of them is passed over.
_TOKEN = re.compile(r'"((?:[^"\\\n]|\\.)*)"|([{};])|#[^\n]*|([^\s{};"#]+)')
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_DATE = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2}) (\d{1,2}):(\d{1,2}):(\d{1,2})")
_DEEPEST = 4
_LONGEST_STATEMENT = 64
_IAID_OCTETS = 4


@dataclass
class _Block:
    """`head`: the words before the bracket. `facts`: the words of each statement, by the first."""

    head: list[str]
    facts: dict[str, list[str]] = field(default_factory=dict)
    inner: list[_Block] = field(default_factory=list)


def read_isc(octets: bytes, source: str, now_us: int) -> LeasesRead:
    """The leases of dhcpd for either version."""
    read = LeasesRead()
    for block in _blocks(octets.decode("latin-1"), read):
        if block.head[:1] == ["lease"] and len(block.head) == 2:
            _take(read, block.head[1], block, _hardware(block), source, now_us)
        elif block.head[:1] in (["ia-na"], ["ia-ta"]) and len(block.head) == 2:
            device = duid_key(_unescaped(block.head[1])[_IAID_OCTETS:].hex())
            for inner in block.inner:
                if inner.head[:1] == ["iaaddr"] and len(inner.head) == 2:
                    _take(read, inner.head[1], inner, device, source, now_us)
    return read


def _take(read: LeasesRead, address: str, block: _Block, device: str | None, source: str, now_us: int) -> None:
    if block.facts.get("binding", [])[:2] != ["state", "active"]:
        read.release(client_address(address) or "")
        return
    try:
        since_s, until_s = _moment(block.facts.get("starts")), _moment(block.facts.get("ends"))
    except ValueError:
        read.take(None, address)
        return
    name = _unescaped(" ".join(block.facts.get("client-hostname", []))).decode("utf-8", "replace")
    read.take(lease(source, address, device, name, since_s, until_s, now_us), address)


def _hardware(block: _Block) -> str | None:
    kind, *address = block.facts.get("hardware", [""])
    return mac_key(address[0]) if kind == "ethernet" and len(address) == 1 else None


def _moment(words: list[str] | None) -> int | None:
    """Seconds since 1970; None for "never", and where there is none. Raises `ValueError`."""
    if not words or words == ["never"]:
        return None
    if words[0] == "epoch" and len(words) == 2 and (moment := whole(words[1])) is not None:
        return moment
    found = _DATE.fullmatch(" ".join(words[1:]))
    if found is None:
        raise ValueError("no date")
    year, month, day, hour, minute, second = map(int, found.groups())
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        raise ValueError("no date")
    return calendar.timegm((year, month, day, hour, minute, second))


def _blocks(text: str, read: LeasesRead) -> Iterator[_Block]:
    """Whole blocks of the outermost level. One without an end is being written."""
    open_blocks: list[_Block] = []
    words: list[str] = []
    for found in _TOKEN.finditer(text):
        quoted, mark, word = found.groups()
        if mark == "{":
            open_blocks.append(_Block(words))
            words = []
            if len(open_blocks) > _DEEPEST:
                read.odd += 1
                return
        elif mark == "}":
            words = []
            if not open_blocks:
                read.odd += 1
                continue
            block = open_blocks.pop()
            if open_blocks:
                open_blocks[-1].inner.append(block)
            else:
                yield block
        elif mark == ";":
            if words and open_blocks:
                open_blocks[-1].facts.setdefault(words[0], words[1:])
            words = []
        elif len(words) < _LONGEST_STATEMENT and (text_of := quoted if quoted is not None else word) is not None:
            words.append(text_of[:LONGEST_LINE])


def _unescaped(text: str) -> bytes:
    """dhcpd writes what is not printable as a backslash and three octal digits."""
    octets = text.encode("latin-1", "replace")
    return _ESCAPE.sub(lambda found: _character(found[1]), octets)


def _character(escaped: bytes) -> bytes:
    return bytes([int(escaped, 8) & 0xFF]) if escaped[0] in b"01234567" else escaped
