"""Pages of change requests over a real control process: asked for in a minute, decided by another person."""

from __future__ import annotations

import asyncio
import contextlib
import html
import re
import sqlite3
from collections.abc import Iterator, Mapping
from uuid import UUID

import pytest
from aiohttp import FormData
from tests.failures.people import session
from tests.integration.console_school import HOSTILE, Browser, ConsoleSchool

from schoolgate.accounts.roles import Role

N, L, H, D, TEACHER, G, P, OFFICER = Role


@pytest.fixture(autouse=True, scope="module")
def same_policy(console_school: ConsoleSchool) -> Iterator[None]:
    """Other files have the same school."""
    yield
    console_school.ask("policy.apply", text=console_school.policy, reason="As it was")


async def filed(browser: Browser, name: str, **more: str) -> str:
    """The path of a new request."""
    given = {"action": "open", "names": name, "segments": "exam-room", "lasts": "7d", "purpose": "A mock exam"}
    where = await browser.done("/requests/new", {**given, **more})
    found = re.fullmatch(r"(/requests/[0-9]+)\?done=(filed|joined)", where)
    assert found, where
    return found[1]


def version_of(text: str) -> str:
    found = re.search(r'name="version" value="([0-9]+)"', text)
    assert found, text
    return found[1]


@pytest.mark.parametrize(
    ("path", "roles"),
    [
        ("/requests", {N, L, H, D, TEACHER, P, OFFICER}),
        ("/requests/new", {N, L, H, D, TEACHER, P}),
        ("/requests/999999", set()),
    ],
)
async def test_a_page_is_there_for_who_has_the_right(
    people: Mapping[Role, Browser], path: str, roles: set[Role]
) -> None:
    for role, browser in people.items():
        response, text = await browser.get(path)
        assert response.status == (200 if role in roles else 404), (path, role)
        assert text.count("<h1>") == 1


async def test_from_a_teachers_page_to_in_force_and_why(people: Mapping[Role, Browser]) -> None:
    text = await people[TEACHER].page("/explain?name=mock.example.com&segment=exam-room")
    asked = re.search(r'href="(/requests/new\?action=open[^"]+)"', text)
    assert asked, "where a teacher meets a block it can be asked for"
    text = await people[TEACHER].page(html.unescape(asked[1]))
    assert 'value="mock.example.com"' in text
    assert re.search(r'value="exam-room" checked', text)
    path = await filed(people[TEACHER], "mock.example.com")
    assert "waits for a leader" in await people[H].page("/")
    text = await people[H].page(path)
    form = await people[H].page(f"/requests/new?number={path.rpartition('/')[2]}")
    assert 'value="mock.example.com"' in form
    assert await filed(people[H], "mock.example.com", number=path.rpartition("/")[2], alternatives="none") == path
    assert "waits for your decision" in await people[D].page("/")
    assert "Your decision" not in await people[H].page(path), "who asked decides nothing"
    text = await people[D].page(f"{path}?effect=yes")
    assert "What it would have meant in the last 30 days" in text
    assert "Your decision" in text
    decision = {"do": "approve", "version": version_of(text), "conditions": "in the exam room"}
    await people[D].done(path, decision)
    text = await people[TEACHER].page(path)
    assert "in force." in text
    assert "in the exam room" in text
    assert "Sixth" not in text
    text = await people[N].page("/explain?name=mock.example.com&segment=exam-room")
    assert "is open for" in text
    assert f'href="{path}"' in text
    assert path in await people[D].page("/requests?show=applied&q=mock")
    assert path not in await people[D].page("/requests?show=open")
    response, text = await people[D].post(path, decision)
    assert (response.status, "changed in the meantime" in text or "applied" in text) == (422, True)


async def test_the_button_that_refuses_refuses_and_needs_a_reason(people: Mapping[Role, Browser]) -> None:
    path = await filed(people[H], "refused.example.com")
    version = version_of(await people[D].page(path))
    response, text = await people[D].post(path, {"do": "refuse", "version": version, "conditions": "kept text"})
    assert (response.status, "Say why" in text, "kept text" in text) == (422, True, True)
    await people[D].done(path, {"do": "refuse", "version": version, "reason": "there is a better one"})
    assert "there is a better one" in await people[H].page(path)


async def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(people: Mapping[Role, Browser]) -> None:
    for given, field in (
        ({"names": "", "purpose": "Art"}, "names"),
        ({"names": "not a name!", "purpose": "Art"}, "names"),
        ({"names": "a.example", "purpose": ""}, "purpose"),
        ({"names": "a.example", "purpose": "Art", "segments": "year-7-to-11"}, "segments"),
        ({"names": "a.example", "purpose": "Art", "segments": "exam-room", "until": "2020-01-01T10:00"}, "until"),
    ):
        response, text = await people[H].post("/requests/new", {"action": "open", **given})
        assert response.status == 422, given
        assert f'href="#{field}"' in text, given
        assert html.escape(given["names"]) in text


async def test_hostile_text_is_text(people: Mapping[Role, Browser]) -> None:
    path = await filed(people[H], "hostile.example.com", purpose=HOSTILE, group=HOSTILE, finding=HOSTILE)
    for where in (path, f"{path}?effect=yes", "/requests"):
        assert HOSTILE not in await people[D].page(where), where
    assert "&lt;script&gt;" in await people[D].page(path)


async def test_who_may_not_open_is_shown_where_to_ask(people: Mapping[Role, Browser]) -> None:
    for role, path in ((L, "/exceptions"), (H, "/exceptions"), (P, "/policy/block")):
        assert 'href="/requests/new?action=open"' in await people[role].page(path)
    assert "/requests/new" not in await people[N].page("/policy/block")


async def test_without_a_fresh_factor_it_is_asked_for_first(
    people: Mapping[Role, Browser], console_school: ConsoleSchool
) -> None:
    path, browser = await filed(people[H], "stale.example.com"), people[D]
    login = str(D).replace("_", "-")
    director = next(one["id"] for one in console_school.ask("account.list") if one["login"] == login)
    stale = await asyncio.to_thread(session, console_school.control, UUID(director), is_fresh=False)
    kept, browser._token = browser._token, stale
    try:
        assert "second factor again" in await browser.page(path)
        response, _ = await browser.post(path, {"do": "refuse", "version": "1", "reason": "no"})
        assert (response.status, "%2Frequests" in response.headers["Location"]) == (303, True)
    finally:
        browser._token = kept


async def test_a_setting_made_by_hand_for_a_request_is_agreed_on_its_page(
    people: Mapping[Role, Browser], console_school: ConsoleSchool
) -> None:
    console_school.ask("checks.drift")
    path = await filed(people[H], "", action="other", wanted="A larger cache")
    await people[D].done(path, {"do": "approve", "version": version_of(await people[D].page(path))})
    config = console_school.control.config
    before = config.read_text(encoding="utf-8")
    try:
        config.write_text(before + "[cache]\nsize_mib = 32\n", encoding="utf-8")
        text = await people[N].page(path)
        assert "This changed settings: cache" in text
        (drift,) = re.findall(r'name="drift" value="([0-9:]+)"', text)
        form = {"do": "carried-out", "version": version_of(text), "done_reason": "In the file", "drift": drift}
        await people[N].done(path, form)
        assert console_school.ask("checks.drift")["changed"] == []
        assert "In the file (settings: cache)" in await people[N].page(path)
    finally:
        config.write_text(before, encoding="utf-8")
        left = console_school.ask("checks.drift")
        if left["number"] is not None:
            console_school.ask("checks.accept_drift", number=left["number"], reason="As it was")


async def test_who_asked_decides_alone_on_the_page_where_the_trust_allows_it(
    people: Mapping[Role, Browser], console_school: ConsoleSchool
) -> None:
    config = console_school.control.config
    before = config.read_text(encoding="utf-8")
    path = await filed(people[H], "alone.example.com")
    assert "Your decision" not in await people[H].page(path)
    try:
        more = '[mail]\nhost = "mail.example.net"\n[operations]\none_person_decides = true\n'
        config.write_text(before + more, encoding="utf-8")
        text = await people[H].page(path)
        assert "You asked for this yourself." in text
        assert "None has a mail address here" in text
        response, text = await people[H].post(path, {"do": "approve", "version": version_of(text)})
        assert (response.status, "cannot be reported" in text) == (422, True)
        with contextlib.closing(sqlite3.connect(console_school.control.state / "control.db")) as db, db:
            db.execute("UPDATE account SET mail = 'governor@school.example' WHERE login = 'governor'")
        text = await people[H].page(path)
        assert "Approve alone, and report it" in text and 'value="refuse"' not in text
        await people[H].done(path, {"do": "approve", "version": version_of(text), "reason": "No one else is here"})
        text = await people[D].page(path)
        assert "Decided by one person: <bdi>Head</bdi> asked for it and approved it" in text
        assert "decided by one person" in await people[D].page("/requests?q=alone.example.com")
    finally:
        config.write_text(before, encoding="utf-8")


async def test_a_request_is_taken_away_as_a_document_with_its_record(people: Mapping[Role, Browser]) -> None:
    path = await filed(people[H], "document.example.com")
    assert f'href="{path}/bundle.pdf"' in await people[H].page(path)
    for role, status in ((TEACHER, 404), (G, 404), (H, 200), (D, 200)):
        response, octets = await people[role].file(f"{path}/bundle.pdf")
        assert (response.status, octets.startswith(b"%PDF-")) == (status, status == 200), role
    number = path.rpartition("/")[2]
    assert response.headers["Content-Disposition"] == f'attachment; filename="request-{number}.pdf"'
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    response, octets = await people[D].file(f"{path}/bundle")
    assert (response.status, response.headers["Content-Type"].partition(";")[0]) == (200, "application/json")
    assert (await people[D].file("/requests/999999/bundle.pdf"))[0].status == 404


async def test_a_file_is_kept_with_a_request_and_saved_but_never_opened(people: Mapping[Role, Browser]) -> None:
    def form(name: str, octets: bytes) -> FormData:
        made = FormData(quote_fields=False)
        made.add_field("file", octets, filename=name, content_type="text/html")
        return made

    path = await filed(people[H], "file.example.com")
    page = b"<script>alert(1)</script>"
    await people[H].done(f"{path}/files", form("<b>page.html", page))
    text = await people[D].page(path)
    assert "A file was added" in text
    names = re.findall(r"<bdi>([^<]*html[^<]*)</bdi>", text)
    assert names[0] == "&lt;b&gt;page.html.txt", names
    (file,) = re.findall(rf'href="({path}/files/[0-9a-f-]+)" download', text)
    response, octets = await people[D].file(file)
    assert (response.status, octets) == (200, page)
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"].startswith("attachment; ")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    for role in (TEACHER, G):
        assert (await people[role].file(file))[0].status == 404, role
    other = await filed(people[H], "other-file.example.com")
    assert (await people[H].file(file.replace(path, other)))[0].status == 404
    for given, said in (
        (form("x.pdf", b"MZ\x90\x00"), "PDF, a picture"),
        (form("x.txt", b"x" * (901 * 1024)), "too large"),
        ({"file": "no file"}, "Choose a file first."),
    ):
        response, text = await people[H].post(f"{path}/files", given)
        assert (response.status, said in html.unescape(text)) == (422, True), said
    assert (await people[G].post(f"{path}/files", form("x.txt", b"x")))[0].status == 404
