"""What an attacker in the school's network sends to the console's address: a real process, asked over real sockets.

No control process runs here: nothing of this may need one.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.failures.console_process import NAME, Browser, ConsoleProcess
from tests.failures.control_process import Control
from tests.waiting import PATIENT_S, until

from schoolgate.console.bounded_connection import MOST_CONNECTIONS, MOST_OF_ONE_ADDRESS
from schoolgate.console.headers import CONTENT_SECURITY_POLICY

POLICY = CONTENT_SECURITY_POLICY.encode()
MOST_RESIDENT_KIB = 120 * 1024


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleProcess]:
    """Over TLS, alone."""
    one = ConsoleProcess(Control(tmp_path_factory.mktemp("console")))
    one.start()
    yield one
    assert one.end() == 0, one.said()
    assert "Traceback" not in one.said(), one.said()


def connected(console: ConsoleProcess, source: str = "127.0.0.1") -> ssl.SSLSocket:
    """A connection whose handshake is done."""
    sock = socket.create_connection(("127.0.0.1", console.port), PATIENT_S, source_address=(source, 0))
    return console.context().wrap_socket(sock, server_hostname=NAME)


def said(console: ConsoleProcess, octets: bytes) -> bytes:
    """All that comes back for these octets, until the console closes."""
    with connected(console) as sock:
        sock.sendall(octets)
        found = b""
        try:
            while part := sock.recv(65536):
                found += part
        except (ConnectionError, ssl.SSLError):
            pass
        return found


@pytest.mark.parametrize(
    "octets",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"H%d: x\r\n" % one for one in range(200)) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: other\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"POST /theme HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /theme HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST /theme HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\nY: b\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"CONNECT other:443 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ],
    ids=[
        "no request", "a header of 9 kB", "a line of 9 kB", "200 headers", "two hosts", "no host", "absolute form",
        "both lengths", "two lengths", "unknown coding", "bare line feed", "trace", "connect",
    ],
)  # fmt: skip
def test_a_request_that_is_none_gets_one_short_error_with_every_header(console: ConsoleProcess, octets: bytes) -> None:
    answer = said(console, octets)
    assert re.match(rb"HTTP/1\.[01] 4\d\d ", answer), answer[:200]
    assert answer.count(b"HTTP/1.") == 1, "nothing after it is taken for a second request"
    head = answer.partition(b"\r\n\r\n")[0]
    assert POLICY in head and b"Cache-Control: no-store" in head and b"Server: schoolgate\r\n" in head
    assert b"a" * 100 not in answer, "what was sent does not come back"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../console_process.py",
        "/assets/..%2f..%2fconsole_process.py",
        "/assets/%2e%2e/manifest.json",
        "/assets/manifest.json",
        "/assets//etc/passwd",
        "/../../etc/passwd",
        "/assets/tabler.css%00.txt",
    ],
)
def test_no_path_leads_to_a_file(console: ConsoleProcess, path: str) -> None:
    answer = Browser(console).get(path)
    assert answer.status in (400, 404)
    assert "import" not in answer.text and "root:" not in answer.text


def test_another_name_is_refused_before_anything_is_done(console: ConsoleProcess) -> None:
    answer = Browser(console).get("/sign-in", Host="attacker.example")
    assert answer.status == 421
    assert "attacker" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "application/json", "multipart/form-data; boundary=a"]
)
def test_no_page_of_another_site_can_send_anything(console: ConsoleProcess, method: str, kind: str) -> None:
    for headers in ({"Origin": "https://attacker.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}, {}):
        connection = console.connection()
        connection.request(method, "/theme", "theme=dark", {"Content-Type": kind, **headers})
        response = connection.getresponse()
        assert response.status == 403
        assert response.getheader("Set-Cookie") is None
        connection.close()


def test_what_comes_too_slowly_holds_nothing_up_and_is_given_up(console: ConsoleProcess) -> None:
    head = b"POST /theme HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 1000\r\n"
    head += b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    bodies, headers, silent = ([connected(console) for _ in range(10)] for _ in range(3))
    for one in bodies:
        one.sendall(head + b"theme")
    for one in headers:
        one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
    assert Browser(console).get("/healthz").status == 200
    for one in bodies:
        assert b" 408 " in one.recv(65536)
    for one in (*headers, *silent):
        assert one.recv(1) == b"", "closed within the time that a request may take"
    for one in (*bodies, *headers, *silent):
        one.close()


def test_a_body_without_end_is_cut_off(console: ConsoleProcess) -> None:
    head = b"POST /theme HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\nTransfer-Encoding: chunked\r\n"
    head += b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    with connected(console) as sock:
        sock.sendall(head)
        with contextlib.suppress(OSError):
            for _ in range(100):
                sock.sendall(b"10000\r\n" + b"a" * 65536 + b"\r\n")
        assert b" 413 " in sock.recv(65536)
    assert console.resident_kib() < MOST_RESIDENT_KIB


def test_an_idle_console_is_small_and_connections_without_end_leave_room_for_others(tmp_path: Path) -> None:
    console = ConsoleProcess(Control(tmp_path), is_tls=False)
    console.start()
    assert Browser(console).get("/sign-in").status == 503
    assert console.resident_kib() <= MOST_RESIDENT_KIB

    def opened(source: str) -> socket.socket:
        return socket.create_connection(("127.0.0.1", console.port), PATIENT_S, source_address=(source, 0))

    held = [opened("127.0.0.9") for _ in range(MOST_OF_ONE_ADDRESS)]
    with opened("127.0.0.9") as one_more:
        assert one_more.recv(1) == b"", "closed at once"
    assert Browser(console).get("/healthz").status == 200, "another address is served"
    for number in range(1, MOST_CONNECTIONS // MOST_OF_ONE_ADDRESS):
        held += [opened(f"127.0.1.{number}") for _ in range(MOST_OF_ONE_ADDRESS)]
    assert len(held) == MOST_CONNECTIONS
    with opened("127.0.2.1") as one_more:
        assert one_more.recv(1) == b"", "closed at once"
    assert console.resident_kib() < MOST_RESIDENT_KIB
    for one in held:
        one.close()
    until(lambda: _is_served(console), console.said)
    assert console.end() == 0


def test_a_renewed_certificate_is_taken_and_a_broken_one_is_not(tmp_path: Path) -> None:
    console = ConsoleProcess(Control(tmp_path))
    console.start()
    try:
        before = _serial(console)
        console.issue()
        _look(console)
        until(lambda: _serial(console) != before, console.said)
        now = _serial(console)
        console.key.write_text("nonsense", encoding="utf-8")
        _look(console)
        until(lambda: "the certificate in use stays" in console.said(), console.said)
        assert _serial(console) == now
    finally:
        assert console.end() == 0


@pytest.mark.parametrize("nonsense", ["key", "certificate"])
def test_without_a_usable_certificate_it_does_not_start(tmp_path: Path, nonsense: str) -> None:
    control = Control(tmp_path)
    getattr(ConsoleProcess(control), nonsense).write_text("nonsense", encoding="utf-8")
    run = control.cli("console")
    assert run.returncode == 1
    assert "cannot be used" in run.stderr and "Traceback" not in run.stderr


def test_where_the_address_is_taken_it_says_what_to_set(tmp_path: Path, console: ConsoleProcess) -> None:
    control = Control(tmp_path)
    ConsoleProcess(control, is_tls=False)
    control.config.write_text(control.config.read_text().replace("port = 0", f"port = {console.port}"))
    run = control.cli("console")
    assert run.returncode == 1
    assert "set [console] address and port" in run.stderr


def test_a_request_under_way_ends_before_the_process_does(tmp_path: Path) -> None:
    console = ConsoleProcess(Control(tmp_path), is_tls=False)
    console.start()
    with socket.create_connection(("127.0.0.1", console.port), PATIENT_S) as sock:
        body = b"theme=dark"
        sock.sendall(
            b"POST /theme HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 10\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" + body[:5]
        )
        until(lambda: _is_served(console), console.said)
        assert console.process is not None
        console.process.send_signal(signal.SIGTERM)
        sock.sendall(body[5:])
        assert sock.recv(65536).startswith(b"HTTP/1.1 303 ")
    assert console.process.wait(PATIENT_S) == 0


def _serial(console: ConsoleProcess) -> int:
    with connected(console) as sock:
        certificate = sock.getpeercert()
    assert certificate is not None
    return int(str(certificate["serialNumber"]), 16)


def _look(console: ConsoleProcess) -> None:
    assert console.process is not None
    console.process.send_signal(signal.SIGHUP)


def _is_served(console: ConsoleProcess) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return Browser(console).get("/healthz").status == 200
    return False
