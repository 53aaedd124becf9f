"""One question and its reply over TCP (RFC 7766): for what did not fit into a datagram.

Driven by readiness, like everything here: `go_on` does what can be done now without waiting.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any, Final

from schoolgate.resolver.framing import LENGTH_OCTETS, MESSAGE_OCTETS_MAX, frame


class StreamBroken(ConnectionError):
    """The forwarder closed early, or sent what is not a reply to our question."""


_CONNECTING: Final = frozenset({0, errno.EINPROGRESS})


class StreamDialogue:
    """Connect, send one message, receive one. `sock` is non-blocking and stays the caller's to close."""

    __slots__ = ("_received", "_sock", "_to_send", "is_sent")

    def __init__(self, sock: socket.SocketType, sockaddr: tuple[Any, ...], message: bytes) -> None:
        self._sock = sock
        self._to_send = frame(message)
        self._received = b""
        self.is_sent = False
        code = sock.connect_ex(sockaddr)
        if code not in _CONNECTING:
            raise OSError(code, os.strerror(code))

    def go_on(self) -> bytes | None:
        """The reply once it is whole, else None. Raises OSError when the connection fails or ends early."""
        if not self.is_sent:
            self._send()
            return None
        return self._receive()

    def _send(self) -> None:
        code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        try:
            sent = self._sock.send(self._to_send)
        except BlockingIOError:
            return
        self._to_send = self._to_send[sent:]
        self.is_sent = not self._to_send

    def _receive(self) -> bytes | None:
        try:
            octets = self._sock.recv(LENGTH_OCTETS + MESSAGE_OCTETS_MAX)
        except BlockingIOError:
            return None
        if not octets:
            raise StreamBroken(errno.ECONNRESET, "the forwarder closed before its reply was whole")
        self._received += octets
        if len(self._received) < LENGTH_OCTETS:
            return None
        end = LENGTH_OCTETS + int.from_bytes(self._received[:LENGTH_OCTETS])
        return self._received[LENGTH_OCTETS:end] if len(self._received) >= end else None
