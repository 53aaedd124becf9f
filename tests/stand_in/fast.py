"""The stand-in for benchmarks: one blocking loop, one UDP socket, an A or AAAA record for any name, and nothing else.

It builds the reply from the query's own octets with as few steps as Python allows.
"""

from __future__ import annotations

import socket
import zlib
from typing import Final

_V4: Final = b"\xc0\x0c\0\1\0\1\0\0\x01\x2c\0\4\xc0\0\x02"
_V6: Final = b"\xc0\x0c\0\x1c\0\1\0\0\x01\x2c\0\x10\x20\x01\x0d\xb8" + bytes(11)
_ONE_ANSWER: Final = b"\x81\x80\0\1\0\1\0\0\0\0"
_NO_ANSWER: Final = b"\x81\x80\0\1\0\0\0\0\0\0"
RECEIVE_BUFFER_OCTETS: Final = 4 << 20


def udp_socket(address: str, port: int) -> socket.socket:
    """A bound datagram socket with a receive buffer that survives bursts."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_OCTETS)
    sock.bind((address, port))
    return sock


def serve(sock: socket.socket) -> None:
    """Answer until the process is ended."""
    receive, send, crc = sock.recvfrom, sock.sendto, zlib.crc32
    while True:
        try:
            query, client = receive(2048)
            end = query.index(0, 12) + 5
            qtype = query[end - 3]
            head = query[:2]
            if qtype == 1:
                send(head + _ONE_ANSWER + query[12:end] + _V4 + crc(query[12:end]).to_bytes(4)[3:], client)
            elif qtype == 28:
                send(head + _ONE_ANSWER + query[12:end] + _V6 + crc(query[12:end]).to_bytes(4)[3:], client)
            else:
                send(head + _NO_ANSWER + query[12:end], client)
        except (ValueError, IndexError, OSError):
            continue
