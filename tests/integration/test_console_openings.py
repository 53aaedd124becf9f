"""Pages of a school whose trust has a second person decide what opens sites: it is asked for where it was done."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest
from tests.integration.console_school import Browser, ConsoleSchool

from schoolgate.accounts.roles import Role

N, L, H, D, TEACHER, G, P, OFFICER = Role


@pytest.fixture(autouse=True, scope="module")
def switched_on(console_school: ConsoleSchool) -> Iterator[None]:
    config = console_school.control.config
    before = config.read_text(encoding="utf-8")
    config.write_text(before + "[operations]\nopenings_need_approval = true\n", encoding="utf-8")
    yield
    config.write_text(before, encoding="utf-8")
    console_school.ask("policy.apply", text=console_school.policy, reason="As it was")


def asked_at(text: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'href="(/requests/new\?[^"]+)"', text)]


async def test_why_offers_to_ask_and_the_form_is_filled_in(people: Mapping[Role, Browser]) -> None:
    text = await people[N].page("/explain?name=mock.example.com&segment=exam-room")
    assert 'href="/policy/allow?' not in text
    (path,) = [one for one in asked_at(text) if "action=open" in one]
    form = await people[N].page(path)
    assert 'value="mock.example.com"' in form
    assert re.search(r'value="exam-room" checked', form)
    assert 'href="/policy/allow?' in await people[D].page("/explain?name=mock.example.com&segment=exam-room")
    assert (await people[N].get("/policy/allow"))[0].status == 404


async def test_services_and_exceptions_offer_to_ask(people: Mapping[Role, Browser]) -> None:
    text = await people[N].page("/services/youtube")
    assert 'href="/services/youtube/allow"' not in text
    assert any("youtube.com" in one for one in asked_at(text))
    assert 'href="/services/youtube/allow"' in await people[D].page("/services/youtube")
    text = await people[N].page("/exceptions")
    assert ("/requests/new?action=open" in text, "/exceptions/renew" in text) == (True, False)


async def test_a_text_that_opens_is_refused_beside_the_number_and_is_saved_with_it(
    people: Mapping[Role, Browser], console_school: ConsoleSchool
) -> None:
    first = console_school.ask("policy.show")
    looser = first["text"].replace('unknown = "deny"', 'unknown = "allow"')
    form = {"text": first["text"] + "# layout\n", "reason": "Tidied", "step": "save", "expected": str(first["number"])}
    await people[N].done("/policy/text", form)
    assert looser != first["text"]
    latest = console_school.ask("policy.show")
    form = {"text": looser, "reason": "Changed", "step": "save", "expected": str(latest["number"])}
    response, text = await people[N].post("/policy/text", form)
    assert (response.status, 'id="request-mistake"' in text, "schoolgate request" in text) == (422, True, False)
    asked = {"action": "other", "wanted": "A new policy for the exam room", "purpose": "Exams"}
    where = await people[H].done("/requests/new", asked)
    path = where.partition("?")[0]
    version = re.search(r'name="version" value="([0-9]+)"', await people[D].page(path))
    assert version
    await people[D].done(path, {"do": "approve", "version": version[1]})
    await people[N].done("/policy/text", {**form, "request": path.rpartition("/")[2]})


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("policy", "allow", "mock.example.com", "-s", "exam-room", "--for", "2h", "--reason", "A mock exam"),
         "schoolgate request file open mock.example.com -s exam-room --for 2h --for-what WHY"),
        (("feeds", "disable", "none"), "once it is approved, say --request NUMBER"),
        (("feeds", "disable", "none", "--request", "999999"), "999999"),
    ],
)  # fmt: skip
def test_the_command_line_says_how_to_ask(console_school: ConsoleSchool, command: tuple[str, ...], said: str) -> None:
    config = ("--config", str(console_school.control.config))
    ran = subprocess.run(
        [sys.executable, "-m", "schoolgate", *command, *config], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode != 0
    assert said in " ".join(ran.stderr.split())
