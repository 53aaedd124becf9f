"""`query`: asks a DNS server one question and shows what came, with the reason a filter gives (EDE, RFC 8914)."""

from __future__ import annotations

import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from dnslib import EDNS0, RCODE, DNSRecord
from dnslib.dns import DNSError, EDNSOption
from pydantic_core import PydanticCustomError

from schoolgate.commands.place import own_address
from schoolgate.commands.questions import type_name, type_number
from schoolgate.commands.terminal import say
from schoolgate.config import SocketAddress, load
from schoolgate.config.addresses import parse_socket_address
from schoolgate.config.problems import message_and_remedy
from schoolgate.errors import SchoolgateError

# Longer than schoolgate lets a question wait (4 s).
TIMEOUT_S = 5.0
EDNS_OCTETS = 1232
EDE_OPTION = 15
# RFC 8914 section 5.2 and its registry.
EDE_MEANINGS = {
    0: "Other Error",
    1: "Unsupported DNSKEY Algorithm",
    2: "Unsupported DS Digest Type",
    3: "Stale Answer",
    4: "Forged Answer",
    5: "DNSSEC Indeterminate",
    6: "DNSSEC Bogus",
    7: "Signature Expired",
    8: "Signature Not Yet Valid",
    9: "DNSKEY Missing",
    10: "RRSIGs Missing",
    11: "No Zone Key Bit Set",
    12: "NSEC Missing",
    13: "Cached Error",
    14: "Not Ready",
    15: "Blocked",
    16: "Censored",
    17: "Filtered",
    18: "Prohibited",
    19: "Stale NXDOMAIN Answer",
    20: "Not Authoritative",
    21: "Not Supported",
    22: "No Reachable Authority",
    23: "Network Error",
    24: "Invalid Data",
    29: "Synthesized",
}


class NoAnswer(SchoolgateError):
    """Nothing usable came back."""


@dataclass(frozen=True)
class Reply:
    """What came, how long it took (milliseconds), and over what."""

    record: DNSRecord
    octets: int
    took_ms: float
    transport: str


def query(config: Path | None, name: str, qtype: str, server: str | None, source: str | None, tcp: bool) -> None:
    """Asks and prints."""
    address = _server(server, config)
    reply = ask(name, type_number(qtype), address, source=source, tcp=tcp)
    header = reply.record.header
    flags = " ".join(word for word in ("aa", "tc", "ra", "ad") if getattr(header, word))
    say(
        f"{name} {type_name(type_number(qtype))}: {RCODE.get(header.rcode)}",
        "bold green" if not header.rcode else "bold red",
    )
    for answer in reply.record.rr:
        say(f"  {answer.rname} {answer.ttl} {type_name(answer.rtype)} {answer.rdata}")
    for answer in reply.record.auth:
        say(f"  authority: {answer.rname} {answer.ttl} {type_name(answer.rtype)} {answer.rdata}")
    for reason in extended_errors(reply.record):
        say(f"  reason: {reason}", "yellow")
    say(
        f"  {reply.took_ms:.1f} ms, {address}, {reply.transport}, {reply.octets} octets, flags {flags or 'none'}", "dim"
    )


def ask(name: str, qtype: int, server: SocketAddress, *, source: str | None = None, tcp: bool = False) -> Reply:
    """One question, over TCP when the answer does not fit into UDP. Raises `NoAnswer`."""
    try:
        question = DNSRecord.question(name, type_name(qtype) if not type_name(qtype).startswith("TYPE") else "A")
        question.q.qtype = qtype
        question.header.id = secrets.randbelow(65536)
        question.add_ar(EDNS0(udp_len=EDNS_OCTETS))
        message = question.pack()
    except (DNSError, UnicodeError, ValueError) as error:
        raise NoAnswer(f"{name} cannot be asked: {error}; write a name such as www.example.org") from error
    reply = _exchange(message, server, source, tcp)
    return _exchange(message, server, source, True) if reply.record.header.tc and not tcp else reply


def extended_errors(record: DNSRecord) -> list[str]:
    """The reasons in the answer, in words."""
    found: list[str] = []
    for additional in record.ar:
        options = additional.rdata if isinstance(additional.rdata, list) else []
        for option in options:
            if isinstance(option, EDNSOption) and option.code == EDE_OPTION and len(option.data) >= 2:
                code = int.from_bytes(option.data[:2])
                text = bytes(option.data[2:]).decode("utf-8", "replace").rstrip("\0")
                meaning = EDE_MEANINGS.get(code, "unassigned")
                found.append(f"EDE {code} ({meaning}){': ' + text if text else ''}")
    return found


def _server(text: str | None, config: Path | None) -> SocketAddress:
    if text is None:
        return own_address(load(config))
    try:
        return parse_socket_address(text, default_port=53)
    except PydanticCustomError as error:
        message, remedy = message_and_remedy(error)
        raise NoAnswer(f"--server {message}; {remedy}") from None


def _exchange(message: bytes, server: SocketAddress, source: str | None, tcp: bool) -> Reply:
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    began = time.monotonic()
    transport = "TCP" if tcp else "UDP"
    with socket.socket(family, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as sock:
        try:
            if source is not None:
                sock.bind((source, 0))
            sock.settimeout(TIMEOUT_S)
            sock.connect((server.host, server.port))
            octets = _over_tcp(sock, message) if tcp else _over_udp(sock, message, began + TIMEOUT_S)
        except TimeoutError as error:
            raise NoAnswer(
                f"{server} does not answer over {transport} within {TIMEOUT_S:g} s; is it running?"
            ) from error
        except OSError as error:
            raise NoAnswer(f"{server}: {error.strerror or error} over {transport}; is it running?") from error
    took_ms = (time.monotonic() - began) * 1000
    try:
        return Reply(DNSRecord.parse(octets), len(octets), took_ms, transport)
    except DNSError as error:
        raise NoAnswer(f"{server}: the answer is not DNS: {error}; is it a DNS server?") from error


def _over_udp(sock: socket.socket, message: bytes, deadline: float) -> bytes:
    sock.send(message)
    while True:
        sock.settimeout(max(0.001, deadline - time.monotonic()))
        octets = sock.recv(65535)
        if octets[:2] == message[:2] and len(octets) >= 12 and octets[2] & 0x80:
            return octets


def _over_tcp(sock: socket.socket, message: bytes) -> bytes:
    sock.sendall(len(message).to_bytes(2) + message)
    return _exactly(sock, int.from_bytes(_exactly(sock, 2)))


def _exactly(sock: socket.socket, wanted: int) -> bytes:
    received = bytearray()
    while len(received) < wanted:
        part = sock.recv(wanted - len(received))
        if not part:
            raise ConnectionError("the connection was closed")
        received += part
    return bytes(received)
