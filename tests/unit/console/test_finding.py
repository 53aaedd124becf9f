"""What is typed into the one search box, and where it leads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.console.conftest import RunningConsole
from tests.unit.console.fake_control import FakeControl, whoami
from tests.unit.console.test_live_views import CHOICES

from schoolgate.console import finding

SEGMENTS = ("pupils", "year-9", "year-9-lab", "staff")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("Why is bbc.co.uk closed for Year 9?", "/explain?name=bbc.co.uk&segment=year-9"),
        ("why is BBC.co.uk closed for the year 9 lab", "/explain?name=bbc.co.uk&segment=year-9-lab"),
        ("is www.example.org open", "/explain?name=www.example.org"),
        ("https://www.example.org/a/page?x=1", "/explain?name=www.example.org"),
        ("www.example.org for staff", "/explain?name=www.example.org&segment=staff"),
        ("www.example.org", "/explain?name=www.example.org"),
        ("why", ""),
        ("games", ""),
        ("<script>alert(1)</script>", ""),
    ],
)
def test_a_question_why_has_its_answer(text: str, path: str) -> None:
    assert finding.why_path(text, SEGMENTS) == path


@pytest.mark.parametrize(
    ("text", "device"),
    [
        (" 192.0.2.7 ", "192.0.2.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("p-k3m9x2ab", ""),
        ("p-k3m7x2ab", "p-k3m7x2ab"),
        ("p-<script>", ""),
        ("example.org", ""),
    ],
)
def test_a_device_is_an_address_or_a_pseudonym(text: str, device: str) -> None:
    assert finding.device_in(text) == device


@given(st.text(max_size=253))
def test_whatever_is_typed_leads_to_pages_of_ours(text: str) -> None:
    paths = [finding.why_path(text, SEGMENTS), *(one.path for one in finding.in_log(text, CHOICES["categories"]))]  # type: ignore[arg-type]
    assert all(one == "" or one.startswith(("/explain?", "/log?")) for one in paths)
    assert all(one.isascii() and one.isprintable() for one in paths)


@pytest.mark.parametrize(
    ("role", "text", "location"),
    [
        ("safeguarding_lead", "Why is bbc.co.uk closed for pupils?", "/explain?name=bbc.co.uk&segment=pupils"),
        ("safeguarding_lead", "192.0.2.7", "/devices/192.0.2.7"),
        ("teacher", "is bbc.co.uk open?", "/explain?name=bbc.co.uk"),
        ("governor", "192.0.2.7", None),
        ("governor", "why is bbc.co.uk closed?", None),
        ("network_manager", "games", None),
    ],
)
async def test_where_the_box_leads(
    console: RunningConsole, control: FakeControl, role: str, text: str, location: str | None
) -> None:
    control.answers |= {"session.show": whoami(role), "log.choices": CHOICES}
    response, _ = await console.get("/find", params={"q": text})
    assert (response.status, response.headers.get("Location")) == (200 if location is None else 303, location)


async def test_a_word_leads_to_categories_and_pages(console: RunningConsole, control: FakeControl) -> None:
    control.answers |= {"session.show": whoami("safeguarding_lead"), "log.choices": CHOICES}
    _, text = await console.get("/find", params={"q": "games"})
    assert "/log?category=games&amp;when=week" in text
    _, text = await console.get("/find", params={"q": "concern"})
    assert 'href="/alerts"' in text
    response, text = await console.get("/find", params={"q": '"><script>x</script>'})
    assert response.status == 200
    assert "<script>x" not in text
    _, text = await console.get("/find")
    assert "Type what you are looking for." in text


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("names of devices", "/device-names"), ("lists for lessons", "/lessons/lists"), ("label", "/device-names"),
        ("coverage", "/checks"), ("training", "/registers"), ("risk", "/registers"), ("inspection", "/evidence"),
        ("yearly review", "/reviews"), ("phone", "/escalation"), ("block a site", "/policy"), ("passkey", "/account"),
        ("password", "/account"), ("judgement", "/cases"), ("overdue", "/actions"),
    ],
)  # fmt: skip
async def test_a_page_is_found_by_what_people_call_it(
    console: RunningConsole, control: FakeControl, text: str, path: str
) -> None:
    control.answers |= {"session.show": whoami("network_manager"), "log.choices": CHOICES}
    _, found = await console.get("/find", params={"q": text})
    main = found[found.index("<main") :]
    assert f'href="{path}"' in main


async def test_the_sealed_code_is_found_by_those_who_make_it(console: RunningConsole, control: FakeControl) -> None:
    for role, is_found in (("head", True), ("network_manager", False)):
        control.answers |= {"session.show": whoami(role), "log.choices": CHOICES}
        for path, params in (("/find", {"q": "break glass"}), ("/more", {})):
            _, found = await console.get(path, params=params)
            assert ('href="/accounts/break-glass"' in found[found.index("<main") :]) is is_found
