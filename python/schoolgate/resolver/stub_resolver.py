"""A stub resolver (RFC 9499): asks one DNS server one question and takes what comes as it is. An encrypted server is
asked encrypted, or not at all.

For people and for checks, which want to see what a device would get. Never in the path of a client's query.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dnslib import EDNS0, DNSRecord
from dnslib.dns import DNSError, EDNSOption

from schoolgate._core import ForwarderAddress, ForwarderUnusable, ask_forwarder
from schoolgate.config import SocketAddress
from schoolgate.config.forwarder_address import ConnectedServer
from schoolgate.errors import SchoolgateError

if TYPE_CHECKING:
    import ssl

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
    """What came, how long it took (milliseconds), and over what. `opened_ms`: of this, what connection and handshake
    took; `certificate`: DER, of an encrypted server. None where there is none."""

    record: DNSRecord
    octets: int
    took_ms: float
    transport: str
    opened_ms: float | None = None
    certificate: bytes | None = None


def ask(
    name: str, qtype: int, server: SocketAddress, *, source: str | None = None, tcp: bool = False, tls: bool = False,
    timeout_s: float = TIMEOUT_S, wants_dnssec: bool = False, asks_ad: bool = False,
) -> Reply:  # fmt: skip
    """One question, over TCP when the answer does not fit into UDP. `tls`: over DNS over TLS, whose certificate is not
    verified: a stub resolver without a name for its server cannot. `asks_ad`: also whether the answer was validated
    (RFC 6840 section 5.7). Raises `NoAnswer`."""
    try:
        question = DNSRecord.question(name)
        question.q.qtype = qtype
        question.header.id = secrets.randbelow(65536)
        question.header.ad = int(asks_ad)
        question.add_ar(EDNS0(udp_len=EDNS_OCTETS, flags="do" if wants_dnssec else ""))
        message = bytes(question.pack())
    except (DNSError, UnicodeError, ValueError) as error:
        raise NoAnswer(f"{name} cannot be asked: {error}; write a name such as www.example.org") from error
    if isinstance(server, ConnectedServer):
        return _over_connection(message, server, timeout_s)
    transport = "TLS" if tls else "TCP" if tcp else "UDP"
    reply = _exchange(message, server, source, transport, timeout_s)
    is_cut = reply.record.header.tc and transport == "UDP"
    return _exchange(message, server, source, "TCP", timeout_s) if is_cut else reply


def extended_errors(record: DNSRecord) -> list[str]:
    """The reasons in the answer, in words."""
    return [
        f"EDE {code} ({EDE_MEANINGS.get(code, 'unassigned')}){': ' + text if text else ''}"
        for code, text in extended_codes(record)
    ]


def extended_codes(record: DNSRecord) -> Iterator[tuple[int, str]]:
    """The reasons in the answer: code and text (RFC 8914)."""
    for additional in record.ar:
        options = additional.rdata if isinstance(additional.rdata, list) else []
        for option in options:
            if isinstance(option, EDNSOption) and option.code == EDE_OPTION and len(option.data) >= 2:
                text = bytes(option.data[2:]).decode("utf-8", "replace").rstrip("\0")
                yield int.from_bytes(option.data[:2]), text


def _over_connection(message: bytes, server: ConnectedServer, timeout_s: float) -> Reply:
    # Here, because it reads settings that most users of a stub resolver do not have.
    from schoolgate.resolver.forwarder_directory import carried_settings, read_roots

    roots, problem = read_roots(server)
    if problem is not None:
        raise NoAnswer(f"{server}: {problem}")
    address = ForwarderAddress(0, server.host, server.port, carried=carried_settings(server, roots))
    try:
        octets, opened_s, answered_s, certificate = ask_forwarder(address, message, timeout_s)
    except ForwarderUnusable as error:
        raise NoAnswer(f"{server}: {error}") from error
    record = _parsed(octets, server)
    took_ms = (opened_s + answered_s) * 1000
    transport = server.transport.upper()
    return Reply(record, len(octets), took_ms, transport, opened_s * 1000, certificate or None)


def _parsed(octets: bytes, server: SocketAddress) -> DNSRecord:
    try:
        return DNSRecord.parse(octets)
    except DNSError as error:
        raise NoAnswer(f"{server}: the answer is not DNS: {error}; is it a DNS server?") from error


def _exchange(message: bytes, server: SocketAddress, source: str | None, transport: str, timeout_s: float) -> Reply:
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    began = time.monotonic()
    with socket.socket(family, socket.SOCK_DGRAM if transport == "UDP" else socket.SOCK_STREAM) as sock:
        try:
            if source is not None:
                sock.bind((source, 0))
            sock.settimeout(timeout_s)
            sock.connect((server.host, server.port))
            octets = _given(sock, message, transport, began + timeout_s)
        except TimeoutError as error:
            raise NoAnswer(
                f"{server} does not answer over {transport} within {timeout_s:g} s; is it running?"
            ) from error
        except OSError as error:
            raise NoAnswer(f"{server}: {error.strerror or error} over {transport}; is it running?") from error
    took_ms = (time.monotonic() - began) * 1000
    return Reply(_parsed(octets, server), len(octets), took_ms, transport)


def _given(sock: socket.socket, message: bytes, transport: str, deadline: float) -> bytes:
    if transport == "UDP":
        return _over_udp(sock, message, deadline)
    if transport == "TCP":
        return _over_tcp(sock, message)
    with contextlib.closing(_unverified().wrap_socket(sock)) as wrapped:
        return _over_tcp(wrapped, message)


def _unverified() -> ssl.SSLContext:
    # Here: most who ask, ask without TLS, and a server that starts needs none of it.
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


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
