"""Clients of the encrypted doors and certificates for them. Hostile ones speak HTTP/2 by a library that lets them."""

from __future__ import annotations

import base64
import datetime as dt
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any, Self

import dns.message
import h2.config
import h2.connection
import h2.events
import h2.exceptions
import trustme
from tests.integration.serving import PUPIL, Serving
from tests.waiting import PATIENT_S

NAME = "dns.school.example"
DNS_MESSAGE = "application/dns-message"


class Certificates:
    """An authority and the two files of the pair in force, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.root = folder / "root.pem"
        self.chain, self.key = folder / "chain.pem", folder / "key.pem"
        self.authority.cert_pem.write_to_path(self.root)

    def issue(self, *names: str, days: int = 365) -> None:
        """Puts a pair for these names into the two files, valid for so many days from now."""
        pair = self.made(*names, days=days)
        self.chain.write_bytes(b"".join(one.bytes() for one in pair.cert_chain_pems))
        self.key.write_bytes(pair.private_key_pem.bytes())
        self.key.chmod(0o600)

    def made(self, *names: str, days: int = 365) -> trustme.LeafCert:
        until = dt.datetime.now(dt.UTC) + dt.timedelta(days=days, minutes=5)
        return self.authority.issue_cert(*(names or (NAME, PUPIL)), not_after=until)

    @property
    def settings(self) -> str:
        """Doors at ports that the machine chooses."""
        doors = '[doors]\ndot = ["127.0.0.1:0"]\ndoh = ["127.0.0.1:0"]\n'
        return f'\n[tls]\ncertificate = "{self.chain}"\nkey = "{self.key}"\n{doors}'

    def context(self, *alpn: str) -> ssl.SSLContext:
        """A client that believes this authority only."""
        context = ssl.create_default_context(cafile=str(self.root))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


def port(serving: Serving, door: str) -> int:
    """Where "dot" or "doh" is answered."""
    return int(serving.control("status")["listening"][door][0].rpartition(":")[2])


def events(serving: Serving, door: str) -> dict[str, int]:
    counted: dict[str, int] = serving.control("status")["doors"]["events"][door]
    return counted


def connected(where: int, context: ssl.SSLContext, source: str = PUPIL, *, room: int | None = None) -> ssl.SSLSocket:
    """A connection from `source`; `room`: octets that the client's machine takes before the client reads."""
    plain = socket.socket()
    try:
        plain.settimeout(PATIENT_S)
        if room is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        plain.bind((source, 0))
        plain.connect(("127.0.0.1", where))
        return context.wrap_socket(plain, server_hostname=NAME)
    except BaseException:
        plain.close()
        raise


def framed(*queries: dns.message.Message) -> bytes:
    """Queries as DNS over TLS carries them."""
    octets = [query.to_wire() for query in queries]
    return b"".join(len(one).to_bytes(2) + one for one in octets)


def read_framed(sock: ssl.SSLSocket) -> dns.message.Message:
    """The next answer of a connection."""
    length = int.from_bytes(_exactly(sock, 2))
    return dns.message.from_wire(_exactly(sock, length))


def _exactly(sock: ssl.SSLSocket, octets: int) -> bytes:
    found = b""
    while len(found) < octets:
        more = sock.recv(octets - len(found))
        assert more, "the connection ended"
        found += more
    return found


def is_closed(sock: socket.socket) -> bool:
    """Waits for the end of a connection; what comes before it is of no interest."""
    try:
        while sock.recv(65536):
            pass
    except (ConnectionError, ssl.SSLError):
        pass
    except TimeoutError:
        return False
    return True


def get_path(query: dns.message.Message) -> str:
    """Path and query of a GET (RFC 8484 section 4.1)."""
    return "/dns-query?dns=" + base64.urlsafe_b64encode(query.to_wire()).rstrip(b"=").decode()


class Response:
    """One HTTP response as far as it has come."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = b""
        self.is_whole = False

    @property
    def status(self) -> int:
        return int(self.headers[":status"])

    @property
    def message(self) -> dns.message.Message:
        return dns.message.from_wire(self.body)


class Http2:
    """One HTTP/2 connection: requests out, responses in, in any order."""

    def __init__(self, where: int, context: ssl.SSLContext, source: str = PUPIL, *, room: int | None = None) -> None:
        self.sock = connected(where, context, source, room=room)
        assert self.sock.selected_alpn_protocol() == "h2"
        # A hostile client keeps no rules.
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(validate_outbound_headers=False))
        self.h2.initiate_connection()
        self.responses: dict[int, Response] = {}
        self.error_code: int | None = None
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.sock.close()

    def flush(self) -> None:
        self.sock.sendall(self.h2.data_to_send())

    def begin(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        is_sent: bool = True,
    ) -> int:
        """Sends a request, or leaves it to be sent with the next; its stream."""
        stream: int = self.h2.get_next_available_stream_id()
        pseudo = {":method": method, ":scheme": "https", ":authority": NAME, ":path": path}
        self.h2.send_headers(stream, list((pseudo | (headers or {})).items()), end_stream=body is None)
        if body is not None:
            self._send_body(stream, body)
        self.responses[stream] = Response()
        if is_sent:
            self.flush()
        return stream

    def expect(self, stream: int) -> None:
        """Sends what was made by hand; a response is expected on this stream."""
        self.responses[stream] = Response()
        self.flush()

    def _send_body(self, stream: int, body: bytes) -> None:
        step = self.h2.max_outbound_frame_size
        for at in range(0, max(len(body), 1), step):
            self.h2.send_data(stream, body[at : at + step], end_stream=at + step >= len(body))

    def response(self, stream: int) -> Response:
        """The response on a stream, waited for."""
        while not self.responses[stream].is_whole:
            assert self.receive(), "the connection ended"
        return self.responses[stream]

    def ask(self, query: dns.message.Message) -> Response:
        headers = {"content-type": DNS_MESSAGE}
        return self.response(self.begin("/dns-query", "POST", query.to_wire(), headers))

    def receive(self) -> bool:
        """Takes what has come; whether the connection stands."""
        octets = self.sock.recv(65536)
        if not octets:
            return False
        for event in self.h2.receive_data(octets):
            self._take(event)
        self.flush()
        return self.error_code is None

    def _take(self, event: Any) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self.error_code = int(event.error_code or 0)
        response = self.responses.get(getattr(event, "stream_id", None) or 0)
        if response is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            response.headers = {name.decode(): value.decode() for name, value in event.headers or ()}
        elif isinstance(event, h2.events.DataReceived):
            response.body += event.data or b""
        elif isinstance(event, h2.events.StreamEnded):
            response.is_whole = True

    def end(self) -> int | None:
        """Waits until the server ends the connection; the code it gave."""
        try:
            while self.receive():
                pass
        except (OSError, h2.exceptions.ProtocolError):
            pass  # this library takes nothing more after a farewell
        return self.error_code


def said_by(*command: str) -> str:
    """What another program prints; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENT_S, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout
