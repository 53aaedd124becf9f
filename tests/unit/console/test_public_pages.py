"""The pages without sign-in, with a control process that returns what it is given: who is served, what is shown."""

from __future__ import annotations

import asyncio
import html
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import ClientError, ClientResponse, ClientSession, web
from tests.unit.console.fake_control import FakeControl, Refused
from tests.unit.console.test_templates import FORBIDDEN

from schoolgate.config.pages import Pages
from schoolgate.console.operations_client import OperationsClient
from schoolgate.console.public.block_page import BlockPage
from schoolgate.console.public.language import Languages
from schoolgate.console.public.public_application import PublicSite
from schoolgate.console.public.public_listeners import public_pages
from schoolgate.console.public.source_limit import LOOKS_BURST, PAGES_BURST, SourceLimit, source_of

NONCE = "0123456789abcdef0123"
NAME = f"{NONCE}.why.school.example"
SAID = {"name": "games.example.net", "reason": "kind", "kind": "play", "segment": "year-7-to-11"}
HOSTILE = (
    "<script>alert(1)</script>.example.com",
    '"><img src=x onerror=alert(1)>.example.org',
    "\u202emoc.elpmaxe\x07.txt",
    ".".join(["a" * 61] * 4)[:253],
)
NOTICE: dict[str, Any] = {
    "groups": [
        {
            "group": "pupil",
            "closed": [
                {"kind": "play", "closed": "all"},
                {"kind": "chat", "closed": "some"},
                {"kind": "money", "closed": "none"},
            ],
            "categories": ["Games", "Social media"],
            "is_only_chosen": False,
            "is_search_safe": True,
            "has_hours": True,
            "records": ["full", "counts-only"],
        },
    ],
    "is_cut": False,
    "is_recorded": True,
    "uses_pseudonyms": True,
    "ordinary_days": 91,
    "safeguarding_days": 366,
    "counts_days": 731,
    "sees_devices": ["safeguarding_lead", "data_protection_officer"],
    "sees_alerts": ["network_manager", "provider"],
    "sees_names": ["network_manager", "trust_director", "provider"],
    "reveals": ["safeguarding_lead"],
}  # fmt: skip
LANGUAGES = Languages.load().known

Get = Callable[..., Any]


class Reader:
    """Asks the site of a school."""

    def __init__(self, port: int, http: ClientSession) -> None:
        self.port, self._http = port, http

    async def ask(self, method: str, path: str, data: Any = None, **headers: str) -> tuple[ClientResponse, str]:
        sent = {"Sec-Fetch-Site": "same-origin", **{one.replace("_", "-"): value for one, value in headers.items()}}
        address = f"http://127.0.0.1:{self.port}{path}"
        async with self._http.request(method, address, data=data, headers=sent, allow_redirects=False) as response:
            return response, await response.text()

    async def page(self, path: str, **headers: str) -> str:
        response, text = await self.ask("GET", path, **headers)
        assert response.status == 200, text
        return text


@pytest.fixture
async def school(tmp_path: Path) -> AsyncIterator[FakeControl]:
    fake = FakeControl(tmp_path / "operations.sock")
    fake.answers |= {
        "pages.nonce": {"nonce": NONCE, "name": NAME},
        "pages.last_block": {"said": SAID},
        "pages.ask_teacher": {"code": "BCD234", "until": "2026-11-30T10:00:00+00:00"},
        "pages.notice": NOTICE,
    }
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def opened(school: FakeControl) -> AsyncIterator[Callable[..., Any]]:
    """`await opened(settings...)`: a reader of a site with these settings."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(ClientSession())

        async def opening(limit: SourceLimit | None = None, **settings: Any) -> Reader:
            client = OperationsClient(school.path)
            stack.push_async_callback(client.close)
            pages = Pages(
                **{"enabled": True, "port": 0, "names": ("why.school.example",), "school": "Oak <School>", **settings}
            )
            runner = web.AppRunner(PublicSite(pages, client, limit).application, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            return Reader(runner.addresses[0][1], http)

        yield opening


def visible(page: str) -> str:
    """The text of a page."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("why.school.example", 200),
        ("WHY.school.example.:443", 200),
        ("127.0.0.1", 200),
        ("filter.school.example", 421),
        ("games.example.net", 421),
        (f"{NONCE}.why.school.example", 421),
        ("", 421),
    ],
)
async def test_only_its_own_names_are_served(opened: Get, host: str, status: int) -> None:
    reader = await opened()
    response, text = await reader.ask("GET", "/", Host=host)
    assert response.status == status
    assert ("Oak" in text) is (status == 200)


async def test_no_page_sets_a_cookie_runs_a_script_or_is_kept(opened: Get) -> None:
    reader = await opened()
    for method, path, data in (
        ("GET", "/", None), ("POST", "/", {"nonce": NONCE}), ("POST", "/ask", {"nonce": NONCE}),
        ("GET", "/about", None), ("GET", "/guests", None), ("GET", "/nowhere", None),
        ("PUT", "/", None), ("GET", "/healthz", None), ("GET", "/favicon.ico", None),
    ):  # fmt: skip
        response, text = await reader.ask(method, path, data)
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src" not in policy and "connect-src" not in policy
        assert "img-src 'self' *.why.school.example;" in policy
        assert response.headers["Cache-Control"] == "no-store" or "favicon" in path
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "Set-Cookie" not in response.headers
        found = {name for name, pattern in FORBIDDEN.items() if re.search(pattern, text, re.IGNORECASE | re.DOTALL)}
        assert found <= {"an address elsewhere"}, path
        assert set(re.findall(r'(?:src|action)="((?:https?:)?//[^"]*)"', text)) <= {f"//{NAME}/"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://[", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Origin": "http://why.school.example", "Sec-Fetch-Site": "cross-site"}, 403),
        # Browsers of before 2023, which say nothing, or "null" where the page sends no referrer.
        ({}, 200),
        ({"Origin": "null"}, 200),
        ({"Origin": "http://why.school.example"}, 200),
    ],
)
async def test_a_form_of_another_site_asks_nothing_and_an_old_browser_is_served(
    opened: Get, school: FakeControl, headers: dict[str, str], status: int
) -> None:
    reader = await opened()
    sent = {"Host": "why.school.example", **headers}
    address = f"http://127.0.0.1:{reader.port}/"
    async with ClientSession() as http, http.post(address, data={"nonce": NONCE}, headers=sent) as response:
        assert response.status == status
    assert len(school.asked("pages.last_block")) == (status == 200)


async def test_the_page_asks_for_its_nonce_and_the_button_gives_it_back(opened: Get, school: FakeControl) -> None:
    reader = await opened(console_address="https://filter.school.example")
    text = await reader.page("/")
    assert f'src="//{NAME}/"' in text
    assert f'name="nonce" value="{NONCE}"' in text
    _, text = await reader.ask("POST", "/", {"nonce": NONCE})
    assert school.asked("pages.last_block")[0]["arguments"] == {"nonce": NONCE}
    assert "Sites of this kind are closed for your group: Games, films, music and stars." in visible(text)
    assert "Year 7 to 11" in text
    assert 'href="https://filter.school.example/requests/new?name=games.example.net&amp;segment=year-7-to-11"' in text
    _, text = await reader.ask("POST", "/ask", {"nonce": NONCE})
    assert "BCD 234" in text
    assert all(one["session"] == "" for one in school.requests)


@pytest.mark.parametrize("nonce", ["", "x", "0" * 19, "0" * 21, "g" * 20, "<script>", "É" * 20])
async def test_what_is_no_nonce_is_not_passed_on(opened: Get, school: FakeControl, nonce: str) -> None:
    reader = await opened()
    response, text = await reader.ask("POST", "/", {"nonce": nonce})
    assert response.status == 200
    assert "We cannot show a reason" in text
    assert school.asked("pages.last_block") == []


async def test_no_block_and_a_block_that_may_not_be_said_are_the_same_page(opened: Get, school: FakeControl) -> None:
    school.answers["pages.last_block"] = {"said": None}
    reader = await opened()
    response, text = await reader.ask("POST", "/", {"nonce": NONCE})
    assert response.status == 200
    assert "We cannot show a reason" in text
    assert "Childline" in text
    assert "games.example.net" not in text
    assert 'action="/ask"' not in text


async def test_the_address_is_that_of_the_connection_and_a_header_counts_from_proxies_alone(
    opened: Get, school: FakeControl
) -> None:
    direct = await opened()
    await direct.ask("POST", "/", {"nonce": NONCE}, X_Forwarded_For="10.1.0.7")
    behind = await opened(trusted_proxies=("127.0.0.1",))
    await behind.ask("POST", "/", {"nonce": NONCE}, X_Forwarded_For="10.9.9.9, 10.1.0.7")
    asked = [one["from"]["address"] for one in school.asked("pages.last_block")]
    assert asked == ["127.0.0.1", "10.1.0.7"]


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_is_text(opened: Get, school: FakeControl, name: str) -> None:
    school.answers["pages.last_block"] = {"said": {**SAID, "name": name, "segment": "<b>pupils"}}
    reader = await opened(console_address="https://filter.school.example")
    _, text = await reader.ask("POST", "/", {"nonce": NONCE})
    assert "<script" not in text and "<img src=x" not in text and "<b>" not in text
    assert "\u202e" not in text and "\x07" not in text
    letters = visible(text).replace(" ", "")
    assert "".join(f"\\u{{{ord(one):04x}}}" if one in "\u202e\x07" else one for one in name).replace(" ", "") in letters


async def test_one_source_is_slowed_down_and_another_is_not(opened: Get, school: FakeControl) -> None:
    now = [0.0]
    reader = await opened(SourceLimit(lambda: now[0]), trusted_proxies=("127.0.0.1",))
    for _ in range(LOOKS_BURST):
        response, _ = await reader.ask("POST", "/", {"nonce": NONCE}, X_Forwarded_For="10.1.0.7")
        assert response.status == 200
    response, text = await reader.ask("POST", "/", {"nonce": NONCE}, X_Forwarded_For="10.1.0.7")
    assert (response.status, response.headers["Retry-After"]) == (429, "5")
    assert "You asked too often" in text and "Childline" in text
    assert len(school.asked("pages.last_block")) == LOOKS_BURST
    response, _ = await reader.ask("POST", "/", {"nonce": NONCE}, X_Forwarded_For="10.1.0.8")
    assert response.status == 200
    now[0] = 5.0
    response, _ = await reader.ask("POST", "/", {"nonce": NONCE}, X_Forwarded_For="10.1.0.7")
    assert response.status == 200


def test_pages_have_a_limit_of_their_own_and_a_network_of_ipv6_is_one_source() -> None:
    limit = SourceLimit(lambda: 0.0)
    assert not any(limit.wait_s(f"2001:db8::{number:x}") for number in range(PAGES_BURST))
    assert limit.wait_s("2001:db8::ffff") > 0
    assert limit.wait_s("2001:db8:0:1::1") == 0
    assert source_of("no address") == ""


async def test_without_a_control_process_the_first_page_helps_all_the_same(opened: Get, school: FakeControl) -> None:
    reader = await opened()
    await school.stop()
    school.path.unlink()
    text = await reader.page("/")
    assert "Childline" in text and "0800 1111" in text
    assert "The most common reasons" in text
    assert "<img" not in text
    response, text = await reader.ask("GET", "/about")
    assert response.status == 503
    assert "Childline" in text and str(school.path) not in text


async def test_a_busy_control_process_is_said_and_no_defect(opened: Get, school: FakeControl) -> None:
    def busy(_request: Any) -> Any:
        raise Refused("PagesBusy", "too many devices ask at once")

    school.answers["pages.last_block"] = busy
    reader = await opened()
    response, text = await reader.ask("POST", "/", {"nonce": NONCE})
    assert response.status == 503
    assert "Try again later." in text


async def test_the_page_about_filtering_says_what_the_settings_say(opened: Get) -> None:
    reader = await opened()
    text = visible(await reader.page("/about"))
    for part in (
        "Games, films, music and stars",
        "91",
        "366",
        "731",
        "Safeguarding lead",
        "At some hours",
        "Only numbers",
    ):
        assert part in text
    assert "Teachers" not in text
    assert "for this many days: 91." in text
    assert "http://why.school.example/about" in text
    assert len((await reader.page("/about")).encode()) < 30_000


async def test_a_school_that_records_nothing_says_no_days(opened: Get, school: FakeControl) -> None:
    school.answers["pages.notice"] = {**NOTICE, "is_recorded": False}
    reader = await opened()
    text = visible(await reader.page("/guests"))
    assert "Names of sites are not recorded." in text
    assert "91" not in text


async def test_a_group_with_chosen_sites_alone_has_no_kind_that_is_open(opened: Get, school: FakeControl) -> None:
    group = {**NOTICE["groups"][0], "is_only_chosen": True}
    school.answers["pages.notice"] = {**NOTICE, "groups": [group]}
    reader = await opened()
    text = await reader.page("/about")
    assert "Only sites that the school has chosen are open." in text
    assert "<dt>open</dt>" not in text and "Shops" not in text


async def test_the_first_page_is_small(opened: Get) -> None:
    reader = await opened()
    text = await reader.page("/")
    style = await reader.page(re.findall(r'href="(/style-[0-9a-f]+\.css)"', text)[0])
    assert len(text.encode()) + len(style.encode()) <= 30_000


# -- languages ----------


@pytest.mark.parametrize("code", sorted(LANGUAGES))
async def test_each_page_is_whole_in_each_language(opened: Get, code: str) -> None:
    language = LANGUAGES[code]
    reader = await opened()
    for method, path, data in (
        ("GET", "/", None), ("POST", "/", {"nonce": NONCE}), ("POST", "/ask", {"nonce": NONCE}),
        ("GET", "/about", None), ("GET", "/guests", None), ("GET", "/nowhere", None),
    ):  # fmt: skip
        _, text = await reader.ask(method, f"{path}?lang={code}", data)
        assert f'<html lang="{code}" dir="{language.direction}">' in text
        assert (language.text["unreviewed"] in visible(text)) is (not language.is_reviewed)
        assert f'<option value="{code}" lang="{code}" dir="{language.direction}" selected>' in text
        assert f'href="/about?lang={code}"' in text
    assert language.direction in ("ltr", "rtl")


# -- the block page ----------


async def test_the_block_page_answers_any_name_with_the_same_way_and_nothing_of_the_request() -> None:
    server = web.Server(BlockPage("https://why.school.example"))
    async with ClientSession() as http:
        runner = web.ServerRunner(server)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        answers = set()
        for host in ("games.example.net", "127.0.0.1", 'evil"><b>.example', "a" * 253):
            for path in ("/", "/secret?q=%3Cscript%3E", "/../../etc/passwd"):
                async with http.get(address + path, headers={"Host": host}, allow_redirects=False) as response:
                    assert response.status == 302
                    answers.add((response.headers["Location"], await response.text()))
        assert {location for location, _ in answers} == {"https://why.school.example/"}
        assert len(answers) == 1
        assert "games" not in str(answers)
        async with http.post(address, data=b"secret", allow_redirects=False) as response:
            assert response.status == 403
            assert "Location" not in response.headers
            assert response.headers["Cache-Control"] == "no-store"
            assert "Strict-Transport-Security" not in response.headers
        await runner.cleanup()


# -- starting ----------


async def test_an_address_that_cannot_be_opened_leaves_the_console_alone(
    school: FakeControl, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        pages = Pages(
            enabled=True,
            port=taken.getsockname()[1],
            names=("why.school.example",),
            block_addresses=("127.0.0.1",),
            block_port=taken.getsockname()[1],
        )
        client = OperationsClient(school.path)
        with caplog.at_level("INFO"):
            async with public_pages(pages, client, asyncio.Event()):
                pass
        await client.close()
    assert caplog.text.count("a page without sign-in is not open") == 2


async def test_with_a_certificate_it_is_https_alone(
    school: FakeControl, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("why.school.example")
    made.private_key_pem.write_to_path(tmp_path / "key.pem")
    made.cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    pages = Pages(
        enabled=True,
        port=0,
        names=("why.school.example",),
        certificate=tmp_path / "chain.pem",
        key=tmp_path / "key.pem",
    )
    client = OperationsClient(school.path)
    with caplog.at_level("INFO"):
        async with public_pages(pages, client, asyncio.Event()), ClientSession() as http:
            fields = str([vars(one) for one in caplog.records])
            port = int(re.findall(r"https://127\.0\.0\.1:(\d+)/", fields)[0])
            address = f"127.0.0.1:{port}/about"
            more: Any = {"ssl": context, "server_hostname": "why.school.example"}
            async with http.get(f"https://{address}", headers={"Host": "why.school.example"}, **more) as response:
                assert response.status == 200
                assert "max-age" in response.headers["Strict-Transport-Security"]
                assert "https://why.school.example/about" in await response.text()
            with pytest.raises(ClientError):
                await http.get(f"http://{address}")
    await client.close()


async def test_without_the_setting_nothing_is_opened(school: FakeControl, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        async with public_pages(Pages(), OperationsClient(school.path), asyncio.Event()):
            pass
    assert "sign-in" not in caplog.text


# -- guests ----------


async def test_a_portal_is_told_what_became_of_its_request(opened: Get, school: FakeControl) -> None:
    reader = await opened()
    kinds = iter(("", "NoPortal", "SignatureRefused", "AcceptanceUnreadable", "Defect"))

    def answer(_request: Any) -> Any:
        if kind := next(kinds):
            raise Refused(kind, "what to do")
        return {"is_new": True}

    school.answers["pages.guest_accepted"] = answer
    body = b'{"device": "a", "notice": "1"}'
    found = []
    for _ in range(5):
        response, text = await reader.ask("POST", "/guests/accepted", body, Schoolgate_Signature="t=1,v1=00")
        found.append((response.status, text.startswith("what to do")))
    assert found == [(204, False), (404, True), (403, True), (422, True), (503, False)]
    given = school.asked("pages.guest_accepted")[0]["arguments"]
    assert given == {"body": body.decode(), "signature": "t=1,v1=00"}
    response, _ = await reader.ask("POST", "/guests/accepted", b"\xff")
    assert response.status == 400
