"""Clients that do to encrypted doors what clients should not: each loses its connection, the others are served."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.rcode
import h2.errors
import h2.exceptions
import h2.settings
import pytest
from tests.integration.conftest import Start
from tests.integration.encrypted_clients import (
    DNS_MESSAGE,
    Certificates,
    Http2,
    connected,
    events,
    framed,
    get_path,
    is_closed,
    port,
    read_framed,
)
from tests.integration.serving import STAFF, Serving
from tests.integration.upstream_thread import UpstreamThread
from tests.waiting import PATIENT_S

# A client that may ask as much as it likes: what stops it is the door, not its rate.
GREEDY = "127.0.9.9"
# A network behind one address.
SHARED = "127.0.9.10"
POLICY = (
    (Path(__file__).parents[2] / "lists" / "policies" / "demo.toml").read_text(encoding="utf-8")
    + f"""
[segments.greedy]
prefixes = ["{GREEDY}/32"]
policy = "guest"
rate_limit = {{ qps = 1000000, burst = 1000000 }}
[segments.shared]
prefixes = ["{SHARED}/32"]
policy = "guest"
rate_limit = {{ qps = 100, burst = 200, devices = 20 }}
"""
)
FEW = "max_connections = 4\nmax_connections_per_client = 3\n"
ASKED = dns.message.make_query("localhost", "A", use_edns=0)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.issue()
    return made


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, upstream: UpstreamThread, certificates: Certificates
) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("shared")
    serving = Serving(folder, upstream.port, settings=certificates.settings, policy=POLICY)
    serving.start()
    yield serving
    serving.stop()


@pytest.fixture
def is_served(server: Serving, certificates: Certificates) -> Iterator[None]:
    """After a test, others are served by both doors."""
    yield
    with connected(port(server, "dot"), certificates.context("dot"), STAFF) as sock:
        sock.sendall(framed(ASKED))
        assert read_framed(sock).rcode() == dns.rcode.NOERROR
    with Http2(port(server, "doh"), certificates.context("h2"), STAFF) as client:
        assert client.ask(ASKED).status == 200


@pytest.mark.usefixtures("is_served")
def test_what_is_no_tls_no_frame_and_no_http_2_is_closed(server: Serving, certificates: Certificates) -> None:
    before = {door: events(server, door) for door in ("dot", "doh")}
    for door in ("dot", "doh"):
        with socket.create_connection(("127.0.0.1", port(server, door)), PATIENT_S) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: dns\r\n\r\n" + bytes(600))
            assert is_closed(plain)
    with connected(port(server, "dot"), certificates.context("dot")) as sock:
        sock.sendall(b"\0\3abc")
        assert is_closed(sock)
    with connected(port(server, "doh"), certificates.context("h2")) as sock:
        sock.sendall(b"GET /dns-query HTTP/1.1\r\nHost: dns\r\n\r\n" + bytes(100))
        assert is_closed(sock)
    grown = {
        door: {name for name, count in events(server, door).items() if count > before[door][name]} for door in before
    }
    assert {"handshakes_failed", "closed_bad_frame"} <= grown["dot"]
    assert {"handshakes_failed", "closed_protocol"} <= grown["doh"]


@pytest.mark.usefixtures("is_served")
def test_who_is_slow_to_shake_hands_or_to_send_is_closed_within_seconds(
    server: Serving, certificates: Certificates
) -> None:
    with contextlib.ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port(server, door)), PATIENT_S))
            for door in ("dot", "doh")
        ]
        half = stack.enter_context(connected(port(server, "dot"), certificates.context("dot")))
        half.sendall(framed(ASKED)[:-1])
        client = stack.enter_context(Http2(port(server, "doh"), certificates.context("h2")))
        headers = {":method": "POST", ":scheme": "https", ":authority": "x", ":path": "/dns-query"}
        client.h2.send_headers(1, list((headers | {"content-type": DNS_MESSAGE}).items()))
        client.expect(1)
        assert client.response(1).status == 408
        assert all(is_closed(sock) for sock in (*silent, half))
    assert events(server, "dot")["handshakes_slow"] == events(server, "doh")["handshakes_slow"] == 1
    assert events(server, "dot")["closed_slow_sender"] == 1


@pytest.mark.usefixtures("is_served")
def test_handshakes_that_one_client_begins_and_does_not_end_leave_room_for_others(
    server: Serving, certificates: Certificates
) -> None:
    before = events(server, "dot")
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            silent = socket.create_connection(("127.0.0.1", port(server, "dot")), PATIENT_S, source_address=(SHARED, 0))
            stack.enter_context(silent)
        server.until(lambda: events(server, "dot")["connections"] >= before["connections"] + 60)
        # A quarter of what is free of 256 and not its own: 51. Those that are refused lose their place.
        refused = events(server, "dot")["refused_client_handshakes"] - before["refused_client_handshakes"]
        assert refused == 60 - 51
        with connected(port(server, "dot"), certificates.context("dot"), STAFF) as sock:
            sock.sendall(framed(ASKED))
            assert read_framed(sock).rcode() == dns.rcode.NOERROR
    assert events(server, "dot")["refused_handshakes"] == before["refused_handshakes"]


@pytest.mark.usefixtures("is_served")
def test_a_client_that_lets_no_answer_out_is_closed(server: Serving, certificates: Certificates) -> None:
    before = events(server, "doh")
    with Http2(port(server, "doh"), certificates.context("h2"), STAFF) as client:
        # A window of one octet: TCP shows nothing of it.
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1})
        client.flush()
        client.begin(get_path(ASKED))
        client.end()
    grown = {name: count - before[name] for name, count in events(server, "doh").items()}
    assert (grown["answers"], grown["closed_slow_reader"]) == (1, 1)


@pytest.mark.usefixtures("is_served")
def test_rapid_reset_ends_the_connection(server: Serving, certificates: Certificates) -> None:
    with Http2(port(server, "doh"), certificates.context("h2"), GREEDY) as client:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            for number in range(2000):
                path = get_path(dns.message.make_query(f"drop.reset-{number}.example.org", "A"))
                stream = client.begin(path, is_sent=False)
                client.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
                if number % 100 == 99:
                    client.flush()
        assert client.end() in (h2.errors.ErrorCodes.ENHANCE_YOUR_CALM, None)
    server.until(lambda: events(server, "doh")["closed_protocol"] >= 1)
    assert server.control("status")["doors"]["waiting"] <= 101


@pytest.mark.usefixtures("is_served")
def test_streams_that_are_reset_one_way_or_another_leave_bounded_work_behind(
    server: Serving, certificates: Certificates
) -> None:
    before = events(server, "doh")
    with Http2(port(server, "doh"), certificates.context("h2"), GREEDY) as client:
        with contextlib.suppress(ConnectionError, ssl.SSLError, AssertionError, h2.exceptions.ProtocolError):
            for number in range(40):
                names = [f"drop.made-{number}-{at}.example.org" for at in range(10)]
                streams = [client.begin(get_path(dns.message.make_query(name, "A"))) for name in names]
                # All have been taken by the time that the answer to one more has come: nothing is reset too early.
                client.ask(ASKED)
                for stream in streams:
                    client.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
                client.flush()
        client.end()
    grown = {name: count - before[name] for name, count in events(server, "doh").items()}
    assert grown["closed_abandoned_work"] + grown["closed_protocol"] == 1
    # Besides those dropped, one was asked for each ten.
    assert grown["messages"] <= 101 + 40


@pytest.mark.usefixtures("is_served")
def test_streams_that_we_are_made_to_reset_end_the_connection(server: Serving, certificates: Certificates) -> None:
    before = events(server, "doh")
    with Http2(port(server, "doh"), certificates.context("h2"), GREEDY) as client:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            for number in range(500):
                path = get_path(dns.message.make_query(f"drop.error-{number}.example.org", "A"))
                stream = client.begin(path, is_sent=False)
                # A window that grows by nothing is an error of the stream (RFC 9113 section 6.9).
                window_update = b"\0\0\4\x08\0" + stream.to_bytes(4) + bytes(4)
                client.sock.sendall(client.h2.data_to_send() + window_update)
        client.end()
    counted = events(server, "doh")
    assert counted["closed_protocol"] == before["closed_protocol"] + 1
    assert counted["messages"] <= before["messages"] + 101


@pytest.mark.usefixtures("is_served")
def test_who_reads_no_answers_is_closed(server: Serving, certificates: Certificates) -> None:
    padded = dns.message.make_query("localhost", "A", use_edns=0, pad=128)
    before = events(server, "doh")["answers"]
    with contextlib.ExitStack() as stack:
        deaf = stack.enter_context(_deaf(port(server, "dot"), certificates.context("dot")))
        threading.Thread(target=_send_for_ever, args=(deaf, framed(*[padded] * 200)), daemon=True).start()
        client = stack.enter_context(Http2(port(server, "doh"), certificates.context("h2"), GREEDY, room=4096))
        # HTTP/2 itself is to hold nothing back, so that TCP does.
        client.h2.increment_flow_control_window(2**30)
        asked = 0

        def ask_more() -> bool:
            """As many questions at a time as may be open, until answers stay away."""
            nonlocal asked
            counted = events(server, "doh")
            if counted["answers"] - before == asked and not counted["closed_slow_reader"]:
                asked += 50
                for _ in range(50):
                    client.begin(get_path(padded), is_sent=False)
                client.flush()
            return bool(counted["closed_slow_reader"])

        server.until(ask_more, 40)
        server.until(lambda: events(server, "dot")["closed_slow_reader"] == 1)


def _deaf(where: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    return connected(where, context, GREEDY, room=4096)


def _send_for_ever(sock: socket.socket, octets: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            sock.sendall(octets)


# -- places -----------------------------------------------------------------------------------------------------------


def test_a_client_that_is_full_of_idle_connections_loses_the_oldest(start: Start, certificates: Certificates) -> None:
    serving = start(settings=certificates.settings + "max_connections_per_client = 3\n")
    where, context = port(serving, "dot"), certificates.context("dot")
    with contextlib.ExitStack() as stack:
        # Those that do not even shake hands go first.
        for _ in range(3):
            stack.enter_context(socket.create_connection(("127.0.0.1", where), PATIENT_S))
        socks = []
        for _ in range(5):
            socks.append(stack.enter_context(connected(where, context)))
            socks[-1].sendall(framed(ASKED))
            assert read_framed(socks[-1]).rcode() == dns.rcode.NOERROR
        assert all(is_closed(sock) for sock in socks[:2])
        for sock in socks[2:]:
            sock.sendall(framed(ASKED))
            assert read_framed(sock).rcode() == dns.rcode.NOERROR
    assert events(serving, "dot")["closed_for_new"] == 5
    assert events(serving, "dot")["refused_per_client"] == 0


def test_places_that_are_all_in_use_are_given_to_nobody_and_idle_ones_soon(
    start: Start, certificates: Certificates
) -> None:
    serving = start(settings=certificates.settings + FEW)
    where, context = port(serving, "dot"), certificates.context("dot")
    sources = ["127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2"]
    with contextlib.ExitStack() as stack:
        for number, source in enumerate(sources):
            sock = stack.enter_context(connected(where, context, source))
            sock.sendall(framed(dns.message.make_query(f"drop.busy-{number}.example.org", "A")))
        serving.until(lambda: events(serving, "dot")["messages"] == 4)
        for source in ("127.0.0.1", "127.0.0.3"):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                connected(where, context, source)
        # Once they are answered (SERVFAIL within four seconds) they are idle, and idle ones go at once in a crowd.
        serving.until(lambda: events(serving, "dot")["closed_idle"] >= 1)
        with connected(where, context, "127.0.0.3") as sock:
            sock.sendall(framed(ASKED))
            assert read_framed(sock).rcode() == dns.rcode.NOERROR
    counted = events(serving, "dot")
    assert counted["refused_total"] >= 1


def test_certificates_change_under_load_and_no_client_notices(
    start: Start, certificates: Certificates, tmp_path: Path
) -> None:
    pair = Certificates(tmp_path)
    pair.issue()
    serving = start(settings=pair.settings, policy=POLICY)
    where, context = port(serving, "dot"), pair.context("dot")
    ending, failures, served = threading.Event(), [], []

    def ask() -> None:
        while not ending.is_set():
            try:
                with connected(where, context, GREEDY) as sock:
                    for _ in range(5):
                        sock.sendall(framed(ASKED))
                        served.append(read_framed(sock).rcode())
            except (OSError, AssertionError) as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        pair.issue()
        serving.control("reload")
    ending.set()
    for thread in threads:
        thread.join(PATIENT_S)
    # New connections of one client are bounded by the second; nothing else may fail.
    counted = events(serving, "dot")
    assert len(failures) == counted["refused_rate"]
    assert counted["handshakes_failed"] == 0
    assert len(served) > 10
    assert set(served) == {dns.rcode.NOERROR}
