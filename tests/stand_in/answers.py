"""What the stand-in says to a question: raw octets in, raw octets out, the same every time.

The first label chooses: `nx.` NXDOMAIN, `nodata.` no records, `cname.` a chain of three, `big.` truncated over UDP and
long over TCP, `servfail.`, `refused.`, `short-ttl.` one second, `slow-<ms>.`, `drop.`, `liar.` (false replies first).
Any other name has one address, made from a hash of the name, in the example ranges of RFC 5737 and RFC 3849.
"""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple

A: Final = 1
NS: Final = 2
CNAME: Final = 5
SOA: Final = 6
TXT: Final = 16
AAAA: Final = 28

TTL_S: Final = 300
NEGATIVE_TTL_S: Final = 60
BIG_TXT_RECORDS: Final = 20
_EXAMPLE_NETS: Final = (b"\xc0\0\x02", b"\xc6\x33\x64", b"\xcb\0\x71")  # 192.0.2, 198.51.100, 203.0.113
_POINTER: Final = b"\xc0\x0c"


class Question(NamedTuple):
    """The one question of a query, as asked: `octets` is name, type, class; `first` the first label in lower case."""

    octets: bytes
    name: bytes
    first: bytes
    qtype: int


def question_of(query: bytes) -> Question | None:
    """The question of a query, or None if `query` is not one."""
    if len(query) < 17 or query[2] & 0x80 or query[4:6] != b"\0\1":
        return None
    end = 12
    try:
        while query[end]:
            end += query[end] + 1
    except IndexError:
        return None
    octets = query[12 : end + 5]
    if len(octets) < end - 7:
        return None
    name = octets[:-4]
    return Question(octets, name, name[1 : 1 + name[0]].lower(), int.from_bytes(octets[-4:-2]))


def answer(query: bytes, question: Question, *, is_stream: bool) -> bytes:
    """The honest reply to `query`."""
    match question.first:
        case b"nx":
            return reply(query, question, rcode=3, authority=[_soa(question)])
        case b"nodata":
            return reply(query, question, authority=[_soa(question)])
        case b"servfail":
            return reply(query, question, rcode=2)
        case b"refused":
            return reply(query, question, rcode=5)
        case b"cname":
            return reply(query, question, _chain(question))
        case b"big":
            if not is_stream:
                return reply(query, question, flags=0x02)
            return reply(query, question, [_record(_POINTER, TXT, b"\xff" + b"x" * 255)] * BIG_TXT_RECORDS)
        case b"short-ttl":
            return reply(query, question, _address(_POINTER, question.name, question.qtype, 1))
    if question.qtype not in (A, AAAA):
        return reply(query, question, authority=[_soa(question)])
    return reply(query, question, _address(_POINTER, question.name, question.qtype))


def lies(query: bytes, question: Question) -> list[bytes]:
    """Replies no resolver may believe: another id, another question, a query sent back, half a header."""
    ident = (int.from_bytes(query[:2]) ^ 0x5555).to_bytes(2)
    poison = _record(_POINTER, A, b"\xcb\0\x71\x42")
    other = Question(b"\7forgery" + question.octets, b"", b"", question.qtype)
    other_type = Question(question.octets[:-4] + b"\0\x21\0\1", b"", b"", 33)
    return [
        ident + reply(query, question, [poison])[2:],
        reply(query, other, [poison]),
        reply(query, other_type, [poison]),
        query,
        query[:2] + b"\x81\x80",
    ]


def reply(
    query: bytes,
    question: Question,
    answers: list[bytes] | None = None,
    authority: list[bytes] | None = None,
    *,
    rcode: int = 0,
    flags: int = 0,
) -> bytes:
    """A reply with these records: QR, RD as asked, RA."""
    answers, authority = answers or [], authority or []
    header = query[:2] + bytes((0x80 | flags | query[2] & 0x01, 0x80 | rcode))
    counts = b"\0\1" + len(answers).to_bytes(2) + len(authority).to_bytes(2) + b"\0\0"
    return header + counts + question.octets + b"".join(answers) + b"".join(authority)


def address_of(name: bytes, qtype: int) -> bytes:
    """The address of a wire-format name: 4 or 16 octets in the example ranges."""
    digest = zlib.crc32(name.lower())
    if qtype == AAAA:
        return b"\x20\x01\x0d\xb8" + bytes(8) + digest.to_bytes(4)
    return _EXAMPLE_NETS[digest % 3] + bytes((digest >> 8 & 0xFF,))


def _address(owner: bytes, name: bytes, qtype: int, ttl_s: int = TTL_S) -> list[bytes]:
    return [_record(owner, qtype, address_of(name, qtype), ttl_s)] if qtype in (A, AAAA) else []


def _chain(question: Question) -> list[bytes]:
    middle, last = b"\6middle\7example\3net\0", b"\4last\7example\3org\0"
    links = [_record(_POINTER, CNAME, middle), _record(middle, CNAME, last)]
    return links if question.qtype == CNAME else links + _address(last, last, question.qtype)


def _soa(question: Question) -> bytes:
    """A SOA at the parent of the name, whose minimum is the negative TTL."""
    parent = question.name[1 + question.name[0] :] or b"\0"
    numbers = b"".join(number.to_bytes(4) for number in (1, 3600, 600, 86400, NEGATIVE_TTL_S))
    return _record(parent, SOA, b"\2ns\7example\3com\0\4host\7example\3com\0" + numbers, NEGATIVE_TTL_S)


def _record(owner: bytes, rtype: int, rdata: bytes, ttl_s: int = TTL_S) -> bytes:
    return owner + rtype.to_bytes(2) + b"\0\1" + ttl_s.to_bytes(4) + len(rdata).to_bytes(2) + rdata
