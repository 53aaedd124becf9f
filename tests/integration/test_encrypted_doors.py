"""DNS over TLS and over HTTPS, asked by clients that others wrote: dnspython, kdig, dig, curl, h2."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dns.edns
import dns.message
import dns.query
import dns.rcode
import dns.rrset
import pytest
from tests.integration.conftest import Start
from tests.integration.encrypted_clients import (
    DNS_MESSAGE,
    NAME,
    Certificates,
    Http2,
    connected,
    events,
    framed,
    get_path,
    is_closed,
    port,
    read_framed,
    said_by,
)
from tests.integration.serving import GUEST, PUPIL, STAFF, Serving, texts
from tests.integration.upstream_thread import UpstreamThread
from tests.waiting import PATIENT_S

BLOCKED = "gambling.blocked.example.com"
OPEN = "www.example.org"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.issue()
    return made


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, upstream: UpstreamThread, certificates: Certificates
) -> Iterator[Serving]:
    serving = Serving(tmp_path_factory.mktemp("shared"), upstream.port, settings=certificates.settings)
    serving.start()
    yield serving
    serving.stop()


@pytest.fixture
def pair(tmp_path: Path) -> Certificates:
    """Certificates of a test's own, to be replaced."""
    made = Certificates(tmp_path)
    made.issue()
    return made


def query(name: str = OPEN, rdtype: str = "A", *options: dns.edns.Option) -> dns.message.Message:
    return dns.message.make_query(name, rdtype, use_edns=0, options=list(options))


def over_tls(
    server: Serving, certificates: Certificates, asked: dns.message.Message, source: str = PUPIL
) -> dns.message.Message:
    with connected(port(server, "dot"), certificates.context("dot"), source) as sock:
        sock.sendall(framed(asked))
        return read_framed(sock)


def over_https(
    server: Serving, certificates: Certificates, asked: dns.message.Message, source: str = PUPIL
) -> dns.message.Message:
    with Http2(port(server, "doh"), certificates.context("h2"), source) as client:
        return client.ask(asked).message


# -- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", [over_tls, over_https])
def test_answers_are_those_of_plain_dns_for_each_client(ask, server: Serving, certificates: Certificates) -> None:  # type: ignore[no-untyped-def]
    for name in (BLOCKED, OPEN, "nx.example.org", "localhost", "cname.example.net"):
        for source in (PUPIL, STAFF, GUEST):
            plain, asked = server.ask(name, source=source), query(name)
            encrypted = ask(server, certificates, asked, source)
            assert (encrypted.rcode(), texts(encrypted)) == (plain.rcode(), texts(plain)), (name, source)
            assert encrypted.id == asked.id
    assert server.rcode(BLOCKED, source=PUPIL) == "NXDOMAIN"


@pytest.mark.parametrize("ask", [over_tls, over_https])
def test_a_client_outside_is_refused(ask, server: Serving, certificates: Certificates) -> None:  # type: ignore[no-untyped-def]
    plain = server.ask(OPEN, source="127.0.9.1")
    assert ask(server, certificates, query(), "127.0.9.1").rcode() == plain.rcode()


@pytest.mark.parametrize("tool", ["kdig", "dig"])
@pytest.mark.parametrize("door", ["dot", "doh"])
def test_other_clients_believe_the_certificate_and_get_the_answer(
    tool: str, door: str, server: Serving, certificates: Certificates
) -> None:
    how = "+tls" if door == "dot" else "+https=/dns-query"
    trust = [f"+tls-ca={certificates.root}", f"+tls-hostname={NAME}"]
    where = [f"@{PUPIL}", "-p", str(port(server, door))]
    said = said_by(tool, *where, OPEN, "A", how, *trust)
    assert "status: NOERROR" in said
    assert texts(server.ask(OPEN))[0] in said


def test_curl_gets_an_answer_that_a_cache_may_keep_as_long_as_its_ttl(
    server: Serving, certificates: Certificates, tmp_path: Path
) -> None:
    (tmp_path / "query").write_bytes(query("fresh.example.org").to_wire())
    where = ["--http2", "--cacert", str(certificates.root), "--resolve", f"{NAME}:{port(server, 'doh')}:{PUPIL}"]
    url = f"https://{NAME}:{port(server, 'doh')}/dns-query"
    body = ["-H", f"content-type: {DNS_MESSAGE}", "--data-binary", f"@{tmp_path / 'query'}"]
    head = said_by("curl", "-sS", *where, *body, "-o", str(tmp_path / "answer"), "-D", "-", url)
    answer = dns.message.from_wire((tmp_path / "answer").read_bytes())
    assert head.startswith("HTTP/2 200")
    assert f"content-type: {DNS_MESSAGE}" in head
    assert f"cache-control: max-age={answer.answer[0].ttl}" in head
    asked = base64.urlsafe_b64encode(query("fresh.example.org").to_wire()).rstrip(b"=").decode()
    got = said_by("curl", "-sS", *where, "-o", "/dev/null", "-w", "%{http_code}", f"{url}?dns={asked}")
    assert got == "200"


def test_answers_overtake_each_other_on_one_connection(server: Serving, certificates: Certificates) -> None:
    slow, quick = query("slow-400.example.org"), query("localhost")
    with connected(port(server, "dot"), certificates.context("dot")) as sock:
        sock.sendall(framed(slow, quick))
        assert [read_framed(sock).id, read_framed(sock).id] == [quick.id, slow.id]
    with Http2(port(server, "doh"), certificates.context("h2")) as client:
        streams = [client.begin(get_path(query(name))) for name in ("slow-400.example.net", "localhost")]
        client.response(streams[1])
        assert not client.responses[streams[0]].is_whole
        assert client.response(streams[0]).status == 200


@pytest.mark.parametrize("ask", [over_tls, over_https])
def test_a_padded_query_gets_a_padded_answer(ask, server: Serving, certificates: Certificates) -> None:  # type: ignore[no-untyped-def]
    padding = dns.edns.GenericOption(dns.edns.OptionType.PADDING, bytes(20))
    for name in (OPEN, BLOCKED):
        assert len(ask(server, certificates, query(name, "A", padding)).wire or b"") % 468 == 0
        assert len(ask(server, certificates, query(name)).wire or b"") < 400


def test_the_query_log_names_the_door(server: Serving, certificates: Certificates) -> None:
    for ask, name in ((over_tls, "by-tls.example.org"), (over_https, "by-https.example.org")):
        ask(server, certificates, query(name))
    for door, name in (("dot", "by-tls.example.org"), ("doh", "by-https.example.org")):
        server.until(lambda name=name: name in server.cli("log", "search", "--exact", name, "--json").stdout)  # type: ignore[misc]
        assert f'"door":"{door}"' in server.cli("log", "search", "--exact", name, "--json").stdout.replace(" ", "")


def test_what_is_no_question_gets_its_status(server: Serving, certificates: Certificates) -> None:
    with Http2(port(server, "doh"), certificates.context("h2")) as client:
        typed = {"content-type": DNS_MESSAGE}
        cases = {
            404: ("/", "GET", None, {}),
            405: ("/dns-query", "PUT", b"", typed),
            400: ("/dns-query?dns=***", "GET", None, {}),
            414: ("/dns-query?dns=" + "A" * 6000, "GET", None, {}),
            413: ("/dns-query", "POST", bytes(5000), typed),
            415: ("/dns-query", "POST", query().to_wire(), {"content-type": "application/json"}),
        }
        for status, (path, method, body, headers) in cases.items():
            response = client.response(client.begin(path, method, body, headers))
            assert response.status == status, path
            assert response.body.endswith(b"\n")
        assert client.response(client.begin("/dns-query", "POST", bytes(11), typed)).status == 400
        # A response is no query; a query with a fault is one, and its error is a DNS answer.
        answer = client.ask(query()).body
        assert client.response(client.begin("/dns-query", "POST", answer, typed)).status == 400
        faulty = client.response(client.begin("/dns-query", "POST", query().to_wire() + b"x", typed))
        assert (faulty.status, faulty.message.rcode()) == (200, dns.rcode.FORMERR)
        assert faulty.headers["cache-control"] == "max-age=0"
        assert client.ask(query()).status == 200


def test_tls_1_2_is_spoken_and_http_1_is_not(server: Serving, certificates: Certificates) -> None:
    context = certificates.context("dot")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    with connected(port(server, "dot"), context) as sock:
        sock.sendall(framed(query()))
        assert read_framed(sock).rcode() == dns.rcode.NOERROR
    with pytest.raises(ssl.SSLError):
        connected(port(server, "doh"), certificates.context("http/1.1"))


# -- discovery (RFC 9462) ---------------------------------------------------------------------------------------------


def test_clients_find_the_doors_that_the_certificate_vouches_for(server: Serving) -> None:
    answer = server.ask("_dns.resolver.arpa", "SVCB")
    assert texts(answer) == [
        f'1 {NAME}. alpn="dot" port="{port(server, "dot")}" ipv4hint="{PUPIL}"',
        f'2 {NAME}. alpn="h2" port="{port(server, "doh")}" ipv4hint="{PUPIL}" dohpath="/dns-query{{?dns}}"',
    ]
    assert texts(server.ask("_dns.resolver.arpa", "A")) == []


def test_an_address_that_the_certificate_does_not_name_has_no_doors(start: Start, pair: Certificates) -> None:
    pair.issue(NAME, "192.0.2.53")
    answer = start(settings=pair.settings).ask("_dns.resolver.arpa", "SVCB")
    assert (answer.rcode(), texts(answer)) == (dns.rcode.NOERROR, [])


# -- the certificate --------------------------------------------------------------------------------------------------


def test_a_new_certificate_is_shown_to_new_connections_and_old_ones_stand(start: Start, pair: Certificates) -> None:
    serving = start(settings=pair.settings)
    with connected(port(serving, "dot"), pair.context("dot")) as old:
        before = old.getpeercert(binary_form=True)
        pair.issue(NAME, PUPIL, "other.school.example")
        serving.control("reload")
        with connected(port(serving, "dot"), pair.context("dot")) as new:
            assert new.getpeercert(binary_form=True) != before
        old.sendall(framed(query()))
        assert read_framed(old).rcode() == dns.rcode.NOERROR
    assert "other.school.example" in serving.control("status")["doors"]["certificate"]["names"]


def test_a_pair_that_cannot_be_used_leaves_the_last_good_one_in_force(start: Start, pair: Certificates) -> None:
    serving = start(settings=pair.settings)
    good = {path: path.read_bytes() for path in (pair.chain, pair.key)}

    def stand_by(break_it: str) -> str:
        serving.control("reload")
        with connected(port(serving, "dot"), pair.context("dot")) as sock:
            sock.sendall(framed(query()))
            assert read_framed(sock).rcode() == dns.rcode.NOERROR, break_it
        [problem] = [one for one in serving.problems() if "TLS certificate" in one]
        assert "the last good one stays in force" in problem
        for path, octets in good.items():
            path.write_bytes(octets)
        return problem

    pair.key.write_bytes(pair.made().private_key_pem.bytes())
    assert "the key is not that of the certificate" in stand_by("another key")
    pair.issue(days=-3)
    assert "expired on" in stand_by("expired")
    pair.chain.write_text("no certificate", encoding="utf-8")
    assert "holds no certificate" in stand_by("garbage")
    pair.key.write_text("no key", encoding="utf-8")
    assert "no private key" in stand_by("no key")
    pair.chain.unlink()
    assert "cannot be read" in stand_by("absent")
    serving.control("reload")
    assert not [one for one in serving.problems() if "TLS" in one]


def test_without_a_usable_certificate_plain_dns_is_answered_and_status_says_why(
    start: Start, pair: Certificates
) -> None:
    pair.issue(days=-1)
    serving = start(settings=pair.settings)
    assert serving.rcode(OPEN) == "NOERROR"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connected(port(serving, "dot"), pair.context("dot"))
    [problem] = [one for one in serving.problems() if "TLS certificate" in one]
    assert "encrypted DNS is not answered" in problem
    assert "expired" in problem


def test_an_end_that_comes_near_is_said(start: Start, pair: Certificates) -> None:
    pair.issue(days=6)
    serving = start(settings=pair.settings)
    assert any("the TLS certificate expires in 6 days" in one for one in serving.problems())
    assert serving.control("status")["doors"]["certificate"]["days_left"] == 6


def test_a_port_that_is_taken_closes_the_door_and_not_plain_dns(start: Start, pair: Certificates) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        where = taken.getsockname()[1]
        serving = start(settings=pair.settings.replace('dot = ["127.0.0.1:0"]', f'dot = ["127.0.0.1:{where}"]'))
        assert serving.rcode(OPEN) == "NOERROR"
        assert any(f"127.0.0.1:{where} is in use over TCP" in one for one in serving.problems())


# -- the end ----------------------------------------------------------------------------------------------------------


def test_what_is_waited_for_goes_out_when_the_server_ends(start: Start, pair: Certificates) -> None:
    serving = start(settings=pair.settings)
    slow = query("slow-500.example.org")
    where = ["-p", str(port(serving, "doh")), "+https=/dns-query", f"+tls-ca={pair.root}", f"+tls-hostname={NAME}"]
    kdig = ["kdig", f"@{PUPIL}", *where, "slow-500.example.net", "A"]
    with (
        subprocess.Popen(kdig, stdout=subprocess.PIPE, text=True) as by_https,
        connected(port(serving, "dot"), pair.context("dot")) as sock,
    ):
        sock.settimeout(PATIENT_S)
        sock.sendall(framed(slow))
        serving.until(lambda: all(events(serving, door)["messages"] for door in ("dot", "doh")))
        serving.stop()
        assert read_framed(sock).id == slow.id
        assert is_closed(sock)
        assert "status: NOERROR" in by_https.communicate(timeout=PATIENT_S)[0]


def test_a_defect_at_the_certificate_costs_the_doors_and_not_the_dns(start: Start, pair: Certificates) -> None:
    """Whatever goes wrong there: plain DNS is a school's internet."""
    program = (
        "from schoolgate.__main__ import main; from schoolgate.doors import certificate_file as file\n"
        "def broken(*_): raise RuntimeError('odd')\n"
        "file.read_certificate = broken\nmain()"
    )
    serving = start(settings=pair.settings, is_started=False)
    serving.program = ("-c", program)
    serving.start()
    assert serving.rcode("localhost") == "NOERROR"
    assert any("defect: odd" in one for one in serving.control("status")["problems"])
    assert serving.control("reload")["ok"]
    serving.kill()  # a service that stops well has logged no defect; this one had to
