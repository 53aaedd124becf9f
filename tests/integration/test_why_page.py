"""The why page from outside: a real server, its control process, its console; devices that ask, and some that lie."""

from __future__ import annotations

import contextlib
import http.client
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import dns.rcode
import orjson
import pytest
from tests.failures.control_process import request
from tests.integration.policies import POLICY
from tests.integration.serving import GUEST, PUPIL, READY_WITHIN_S, STAFF, Serving
from tests.integration.upstream_thread import UpstreamThread
from tests.waiting import PATIENT_S, until

from schoolgate.alerts.webhook import signature
from schoolgate.querylog.layout import LogFolder
from schoolgate.querylog.tail import Tail

SETTINGS = """
[pages]
enabled = true
port = 0
names = ["why.school.example"]
school = "Oak School"
console_address = "https://filter.school.example"
block_addresses = ["127.0.0.1"]
block_port = 0
one_device_segments = ["pupils", "families", "staff"]
guest_key_file = "portal.key"

[local]
records = "why.school.example. 300 IN A 127.0.0.1"
"""
# A segment where two devices share each address, beside those of the small policy.
FAMILIES = """
[segments.families]
prefixes = ["127.0.0.3/32"]
policy = "strict"
rate_limit = { devices = 2 }
"""
KEY = "the key of a captive portal, long enough"
NONCE = re.compile(r'name="nonce" value="([0-9a-f]{20})"')
SMALL = POLICY.replace('gambling = "deny"', 'gambling = "deny", games = "deny"') + FAMILIES
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


class WhySchool:
    """One that runs, and what devices of it see. `port`: of the pages; `block_port`: of the block page's address."""

    def __init__(self, serving: Serving, port: int, block_port: int) -> None:
        self.serving, self.port, self.block_port = serving, port, block_port

    def page(
        self,
        path: str = "/",
        form: dict[str, str] | None = None,
        *,
        source: str = PUPIL,
        host: str = "why.school.example",
        port: int | None = None,
        **headers: str,
    ) -> tuple[http.client.HTTPResponse, str]:
        """As the device at an address of this machine sees it."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, PATIENT_S, source_address=(source, 0))
        with contextlib.closing(connection):
            method = "GET" if form is None else "POST"
            body = None if form is None else urlencode(form)
            given = (FORM if form is not None else {}) | {"Host": host} | headers
            connection.request(method, path, body, given)
            response = connection.getresponse()
            return response, response.read().decode()

    def operation(self, name: str, **arguments: str) -> Any:
        """The reply to the user of this machine."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client, client.makefile("rb") as replies:
            client.connect(str(self.serving.state / "operations.sock"))
            client.sendall(request(name, arguments))
            return orjson.loads(replies.readline())

    def asked_nonce(self, *, source: str = PUPIL, asks_from: str | None = None) -> str:
        """Opens the page and asks for its nonce name; returns the nonce once the log has the question."""
        _, text = self.page(source=source)
        nonce = NONCE.findall(text)[0]
        name = re.findall(r'src="//([^"/]+)/"', text)[0]
        assert name == f"{nonce}.why.school.example"
        if asks_from is not None:
            tail = Tail(LogFolder(self.serving.state / "log"))
            self.serving.ask(name, source=asks_from)
            until(lambda: any(row.qname == name for row in tail.new_rows()), self.serving.said)
        return nonce

    def why(self, name: str, *, source: str = PUPIL, asks_from: str | None = PUPIL) -> tuple[str, str]:
        """A device is refused a name, opens the page and presses its button: the nonce, and what it reads."""
        self.serving.ask(name, source=source)
        nonce = self.asked_nonce(source=source, asks_from=asks_from)
        response, text = self.page("/", {"nonce": nonce}, source=source)
        assert response.status == 200, text
        return nonce, text


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory, upstream: UpstreamThread, built: Path) -> Iterator[WhySchool]:
    serving = Serving(tmp_path_factory.mktemp("why"), upstream.port, settings=SETTINGS, policy=SMALL)
    key = serving.folder / "portal.key"
    key.write_text(KEY, encoding="utf-8")
    key.chmod(0o600)
    shutil.copytree(built, serving.state / "lists", symlinks=True)
    with serving.log.open("ab") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "schoolgate", "run", "--config", str(serving.config)], stdout=log, stderr=log
        )
    try:
        ports = until(lambda: _ports(serving.said()), serving.said, READY_WITHIN_S, process=running)
        until(lambda: _is_answering(serving), serving.said, READY_WITHIN_S, process=running)
        made = WhySchool(serving, *ports)
        until(lambda: NONCE.search(made.page()[1]), serving.said, READY_WITHIN_S, process=running)
        yield made
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENT_S) == 0
        assert "Traceback" not in serving.said()
    finally:
        running.kill()
        running.wait(PATIENT_S)


def test_a_device_sees_its_last_block_and_a_teacher_the_same_by_a_code(school: WhySchool) -> None:
    nonce, text = school.why("denied.example.org")
    assert "denied.<wbr>example.<wbr>org" in text
    assert "Your school has closed this site." in text
    assert "/requests/new?name=denied.example.org&amp;segment=pupils" in text
    assert PUPIL not in text
    _, text = school.page("/ask", {"nonce": nonce}, source=STAFF)
    assert "We cannot show" in text, "the code is for the device that was refused"
    _, text = school.page("/ask", {"nonce": nonce})
    code = re.findall(r'<p class="code" dir="ltr">([A-Z2-9]{3} [A-Z2-9]{3})</p>', text)[0]
    asked = school.operation("pages.asked", code=code.lower())["result"]
    assert (asked["name"], asked["segment"], asked["reason"]) == ("denied.example.org", "pupils", "own")
    assert school.operation("pages.asked", code="BBBBBB")["error"]["type"] == "NoSuchCode"


def test_a_kind_of_site_is_named_in_the_language_of_the_reader(school: WhySchool) -> None:
    nonce, text = school.why("www.roblox.com")
    assert "Games, films, music and stars." in text
    _, text = school.page("/?lang=cy", {"nonce": nonce})
    assert "Gemau, ffilmiau, cerddoriaeth a s\u00ear." in text


def test_a_nonce_that_was_not_asked_for_or_from_elsewhere_shows_nothing(school: WhySchool) -> None:
    for asks_from in (None, STAFF):
        _, text = school.why("denied.example.org", asks_from=asks_from)
        assert "We cannot show a reason" in text
        assert "denied" not in text
    nonce = school.asked_nonce(asks_from=PUPIL)
    _, text = school.page("/", {"nonce": nonce}, source=STAFF)
    assert "We cannot show a reason" in text, "a nonce is the device's that got it"


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("bet365.com", PUPIL),  # a kind that safeguarding watches
        ("denied.example.org", STAFF),  # declared by mistake, and of staff
        ("denied.example.org", GUEST),  # two devices share an address there
    ],
)
def test_what_may_not_be_said_looks_like_no_block_at_all(school: WhySchool, name: str, source: str) -> None:
    _, text = school.why(name, source=source, asks_from=source)
    assert "We cannot show a reason" in text
    assert name not in text and "denied" not in text and "<wbr>" not in text


def test_other_names_are_not_served_and_the_block_page_leads_here(school: WhySchool) -> None:
    response, text = school.page(host="denied.example.org")
    assert response.status == 421
    assert "Oak" not in text
    response, text = school.page("/secret", host="denied.example.org", port=school.block_port)
    assert (response.status, response.headers["Location"]) == (302, "http://why.school.example/")
    assert "denied" not in text and "secret" not in text


def test_a_portal_reports_a_guest_and_a_forger_does_not(school: WhySchool) -> None:
    body = b'{"device": "02:00:5e:10:00:01", "notice": "2026-09"}'
    for key, status in ((KEY, 204), ("x" * 40, 403)):
        connection = http.client.HTTPConnection("127.0.0.1", school.port, PATIENT_S)
        headers = {"Host": "why.school.example", "Schoolgate-Signature": signature(key, int(time.time()), body)}
        with contextlib.closing(connection):
            connection.request("POST", "/guests/accepted", body, headers)
            assert connection.getresponse().status == status


def test_the_page_about_filtering_is_that_of_the_policy_in_force(school: WhySchool) -> None:
    response, text = school.page("/about")
    assert response.status == 200
    assert "<dt>partly closed</dt>" in text
    assert "<bdi>Strict</bdi>" in text and "<bdi>Open</bdi>" in text
    assert "for this many days: 90." in text


def _ports(said: str) -> tuple[int, int] | None:
    """Of the pages and of the block page's address, once the console's log has both."""
    lines = [line for line in said.splitlines() if "pages without sign-in are open" in line]
    pages = re.findall(r"http://127\.0\.0\.1:(\d+)/", "".join(lines))
    block = re.findall(r"127\.0\.0\.1 port (\d+)", said)
    return (int(pages[0]), int(block[0])) if pages and block else None


def _is_answering(serving: Serving) -> bool:
    with contextlib.suppress(Exception):
        serving.port = serving.listening()
        return dns.rcode.to_text(serving.ask("denied.example.org").rcode()) == "NXDOMAIN"
    return False
