"""Queries octet by octet, and answers in a few words: for routes that no resolver library would send."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype

ID, BEHIND = b"\x5c\x67", b"\x5c\x68"
# How long an answer is waited for that must come.
ANSWER_S = 60.0

A, NS, CNAME, SOA, NULL, PTR, MX, TXT, AAAA, SRV, NAPTR, DS, DNSKEY, SVCB, HTTPS, ANY, CAA = (
    1, 2, 5, 6, 10, 12, 15, 16, 28, 33, 35, 43, 48, 64, 65, 255, 257,
)  # fmt: skip


def wire(name: str) -> bytes:
    """The name as it stands in a packet; a label may hold any octets, written `\\ddd`."""
    labels = [label for label in name.split(".") if label]
    octets = [label.encode("utf-8").replace(b"\\046", b".").replace(b"\\000", b"\0") for label in labels]
    return b"".join(bytes((len(one),)) + one for one in octets) + b"\0"


def question(name: str | bytes, qtype: int = A, qclass: int = 1) -> bytes:
    octets = wire(name) if isinstance(name, str) else name
    return octets + struct.pack("!HH", qtype, qclass)


def opt(options: bytes = b"", *, size: int = 1232, version: int = 0, flags: int = 0) -> bytes:
    """An OPT record (RFC 6891)."""
    return b"\0" + struct.pack("!HHBBHH", 41, size, 0, version, flags, len(options)) + options


def option(code: int, data: bytes) -> bytes:
    return struct.pack("!HH", code, len(data)) + data


def query(
    questions: bytes | Sequence[bytes],
    *,
    flags: int = 0x0100,
    additional: Sequence[bytes] = (opt(),),
    counts: tuple[int, int, int, int] | None = None,
    behind: bytes = b"",
) -> bytes:
    """A packet; `counts` are QDCOUNT to ARCOUNT where they are to differ from what is there."""
    asked = [questions] if isinstance(questions, bytes) else list(questions)
    numbers = counts or (len(asked), 0, 0, len(additional))
    return ID + struct.pack("!H4H", flags, *numbers) + b"".join((*asked, *additional)) + behind


def by_udp(port: int, client: str, packet: bytes, *, is_silent: bool = False) -> bytes | None:
    """The answer. Where it should be silent (`is_silent`): what comes before the answer to a query behind it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((client, 0))
        sock.connect(("127.0.0.1", port))
        sock.settimeout(ANSWER_S)
        sock.send(packet)
        if is_silent:
            sock.send(BEHIND + query(question("localhost"))[2:])
        answer = sock.recv(65535)
        return None if answer.startswith(BEHIND) else answer


def by_tcp(port: int, client: str, packets: Sequence[bytes], *, in_pieces: bool = False) -> bytes | None:
    """All packets in one connection, without waiting; the answer to the last, which has an ID of its own."""
    with socket.create_connection(("127.0.0.1", port), ANSWER_S, (client, 0)) as sock:
        framed = [len(one).to_bytes(2) + bytes((0, at)) + one[2:] for at, one in enumerate(packets)]
        for piece in (one[at : at + 7] for one in framed for at in range(0, len(one), 7)) if in_pieces else framed:
            sock.sendall(piece)
        stream = sock.makefile("rb")
        for _ in packets:
            answer = stream.read(int.from_bytes(stream.read(2)))
            if answer[:2] == bytes((0, len(packets) - 1)):
                return answer
    return None


def said(octets: bytes | None) -> str:
    """An answer in a few words: records or response code, TC, extended errors (RFC 8914)."""
    if octets is None:
        return "no answer"
    answer = dns.message.from_wire(octets, ignore_trailing=False)
    words = [_records(answer)]
    if answer.flags & dns.flags.TC:
        words = ["TC"]
    for one in answer.options:
        if isinstance(one, dns.edns.EDEOption):
            words.append(f"EDE {int(one.code)}" + (f" {one.text}" if one.text else ""))
    return ", ".join(words)


def _records(answer: dns.message.Message) -> str:
    if answer.rcode() != dns.rcode.NOERROR:
        return dns.rcode.to_text(answer.rcode())
    aliases = {dns.rdatatype.CNAME: "CNAME ", dns.rdatatype.DNAME: "DNAME "}
    found = [aliases.get(rrset.rdtype, "") + item.to_text() for rrset in answer.answer for item in rrset]
    return "; ".join(found) or "NODATA"


def longest_ttl(octets: bytes | None) -> int:
    """The greatest TTL in an answer; 0 without any."""
    if octets is None:
        return 0
    answer = dns.message.from_wire(octets)
    return max((rrset.ttl for rrset in (*answer.answer, *answer.authority)), default=0)
