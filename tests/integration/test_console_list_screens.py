"""Pages of lists and feeds, over a real control process: choose, add, update, look at what changed, undo."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from tests.integration.console_school import HOSTILE, Browser, ConsoleSchool

from schoolgate.accounts.roles import Role

N, D, H, T, TEACHER, G, P, OFFICER = Role
PATIENT_S = 120.0


@pytest.mark.parametrize(
    ("path", "roles"),
    [
        ("/lists", {N, T, P}),
        ("/lists/update", {N, T, P}),
        ("/lists/changes", {N, T, P}),
        ("/lists/undo", {N, T}),
        ("/lists/choose", {N, T, P}),
        ("/lists/choose?phase=primary", {N, T, P}),
        ("/lists/catalogue", {N, T, P}),
        ("/lists/add", {N, T, P}),
        ("/lists/feed/ut1-games", {N, T, P}),
        ("/lists/feed/no-such-feed", set()),
    ],
)
async def test_a_page_is_there_for_who_has_the_right_and_for_others_is_none(
    people: Mapping[Role, Browser], path: str, roles: set[Role]
) -> None:
    for role, browser in people.items():
        response, text = await browser.get(path)
        assert response.status == (200 if role in roles else 404), (path, role)
        assert text.count("<h1>") == 1


async def test_the_recommended_lists_are_taken_together_once_their_licences_are_accepted(
    people: Mapping[Role, Browser], console_school: ConsoleSchool
) -> None:
    text = await people[N].page("/lists/choose?phase=primary&phase=<b>")
    recommended = console_school.ask("feeds.recommended", phases=["primary"])["recommended"]
    for one in recommended:
        assert one["licence"] in text
    response, text = await people[N].post("/lists/choose", {"phase": "primary"})
    assert response.status == 422
    assert 'href="#accepts"' in text
    assert console_school.ask("feeds.list", in_use=True) == []
    where = await people[N].done("/lists/choose", {"phase": "primary", "accepts": "yes"})
    text = await people[N].page(where)
    assert f"{len(recommended)} lists were chosen and are not read yet." in text
    assert f"{len(recommended)} lists were added" in text
    assert "Every recommended list is in use already." in await people[N].page("/lists/choose?phase=primary")
    for one in recommended:
        await people[N].done(f"/lists/feed/{one['id']}/remove", {})
    assert "Only the lists that come with schoolgate are in use." in await people[N].page("/lists")


async def test_a_list_that_cannot_be_read_is_not_added_and_the_form_is_kept(
    people: Mapping[Role, Browser], console_school: ConsoleSchool
) -> None:
    for place, field in (("/nowhere/of-all.txt", "place"), ("http://127.0.0.1/x.txt", "place"), (HOSTILE, "place")):
        response, text = await people[N].post("/lists/add", {"place": place, "category": "games"})
        assert response.status == 422
        assert f'href="#{field}"' in text
        assert "<script>alert" not in text
    response, text = await people[N].post("/lists/add", {"place": "", "category": ""})
    assert response.status == 422
    assert "There are 2 problems" in text
    assert console_school.ask("feeds.list", in_use=True) == []


async def test_a_list_is_added_read_looked_at_and_undone(
    people: Mapping[Role, Browser], console_school: ConsoleSchool
) -> None:
    browser, own = people[N], console_school.control.folder / "own.txt"
    own.write_text("puzzles.example.org\nnever-asked.example\n", encoding="utf-8")
    response, text = await browser.post("/lists/add", {"place": str(own), "category": "games"})
    assert response.status == 422
    assert "command line" in text, "an account adds no file of the server"
    console_school.ask("feeds.add", place=str(own), category="games")
    assert "It was read and could be used." in await browser.page("/lists/feed/own?done=added")
    before = console_school.ask("lists.show")["serial"]
    assert await browser.done("/lists/update", {}) == "/lists/update"
    text = await _ended(browser)
    assert "The lists are new." in text
    assert console_school.ask("lists.show")["serial"] > before
    text = await browser.page("/lists/changes")
    assert "one of them" in text or "1 of them was asked for here" in text
    assert text.index("puzzles.<wbr>") < text.index("never-asked.<wbr>"), "what was asked for comes first"
    text = await browser.page("/lists")
    assert "The list is up to date." in text
    assert "Up to date" in text
    text = await browser.page("/lists/undo")
    assert f"Put serial {before} in force?" in text
    await browser.done("/lists/undo", {"serial": str(before)})
    assert f"Serial {before} is held" in await browser.page("/lists?done=back")
    response, _ = await browser.post("/lists/undo", {"serial": "999"})
    assert response.status == 422
    await browser.done("/lists/unpin", {})
    assert "is held" not in await browser.page("/lists")
    await _exceptions_of_the_list(browser)
    await browser.done("/lists/feed/own/disable", {})
    await browser.done("/lists/feed/own/enable", {"accepts": "yes"})
    await browser.done("/lists/feed/own/remove", {})


async def _exceptions_of_the_list(browser: Browser) -> None:
    response, _ = await browser.post("/lists/feed/own/except", {"name": HOSTILE, "reason": "x"})
    assert response.status == 422
    await browser.done("/lists/feed/own/except", {"name": "puzzles.example.org", "reason": HOSTILE})
    for path in ("/lists/feed/own", "/exceptions"):
        text = await browser.page(path)
        assert "puzzles.<wbr>example" in text
        assert "<script>alert" not in text
    await browser.done("/lists/feed/own/except", {"name": "puzzles.example.org", "back": "yes"})
    assert "puzzles.<wbr>example" not in await browser.page("/lists/feed/own")


async def _ended(browser: Browser) -> str:
    """The page of the update once it has ended; until then it says that it runs, and asks for itself again."""
    async with asyncio.timeout(PATIENT_S):
        while "The lists are being read." in (text := await browser.page("/lists/update")):
            assert 'hx-trigger="every 1s"' in text
            assert "<noscript><meta" in text
    return text


async def test_who_may_add_and_not_remove_sees_no_button_for_it(people: Mapping[Role, Browser]) -> None:
    text = await people[P].page("/lists/feed/ut1-games")
    assert "Use this list" in text
    response, _ = await people[P].post("/lists/feed/ut1-games/remove", {})
    assert response.status == 404
    response, text = await people[P].post("/lists/feed/ut1-games/enable", {})
    assert response.status == 422
    assert "tick that you accept it" in text
