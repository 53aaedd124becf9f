"""Pages that block, open, end and renew, over a real control process."""

from __future__ import annotations

import html
from collections.abc import Mapping

import pytest
from tests.integration.console_school import EMOJI, HOSTILE, LONG_NAME, Browser, ConsoleSchool

from schoolgate.accounts.roles import Role

N, D, H, T, TEACHER, G, P, OFFICER = Role


@pytest.mark.parametrize(
    ("path", "roles"),
    [
        ("/policy/block", {N, D, T, P}),
        ("/policy/allow", {N, T}),
        ("/policy/revisions", {N, D, H, T, G, P, OFFICER}),
        ("/policy/revisions/1", {N, D, H, T, G, P, OFFICER}),
        ("/policy/revisions/1/back", {N, T}),
        ("/policy", {N, D, H, T, P}),
        ("/policy/of/pupil", {N, D, H, T, P}),
        ("/policy/of/pupil/edit", {N, T}),
        ("/policy/of/nothing", set()),
        ("/policy/text", {N, T}),
        ("/exceptions", {N, D, H, T, P}),
        ("/exceptions/end?kind=allow&name=bets.example&where=staff", {N, D, T, P}),
        ("/exceptions/end?kind=deny&name=noise.example&where=staff", {N, T}),
        ("/exceptions/renew?kind=allow&name=bets.example&where=staff", {N, T}),
    ],
)
async def test_a_page_is_there_for_who_has_the_right_and_for_others_is_none(
    people: Mapping[Role, Browser], path: str, roles: set[Role]
) -> None:
    for role, browser in people.items():
        response, text = await browser.get(path)
        assert response.status == (200 if role in roles else 404), (path, role)
        assert text.count("<h1>") == 1


async def test_a_block_says_what_closes_and_for_whom_then_is_done_and_undone(
    people: Mapping[Role, Browser], console_school: ConsoleSchool
) -> None:
    browser = people[N]
    fields = {"name": "puzzles.example.org", "segments": "year-7-to-11", "lasts": "2h", "reason": "A test week"}
    # The policies of these pupils are those of no one else but the sixth form and the exam room, which are below them.
    response, text = await browser.post("/policy/block", {**fields, "step": "check"})
    assert response.status == 422
    assert "sixth-form" in text, "a refusal names the groups that it would close it for too"
    groups = [("segments", one) for one in ("year-7-to-11", "sixth-form", "exam-room")]
    form = [*((name, value) for name, value in fields.items() if name != "segments"), *groups]
    before = console_school.ask("policy.revisions")[0]["number"]
    response, text = await browser.post("/policy/block", [*form, ("step", "check")])
    assert response.status == 200, text
    assert "1 site would close" in text
    assert "9 questions" in text
    assert "Year 7 to 11" in text
    assert "1 minute" in text, "of the old answer"
    assert console_school.ask("policy.revisions")[0]["number"] == before, "nothing is saved by looking"
    where = await browser.done("/policy/block", [*form, ("step", "save"), ("old", "60")])
    assert where == f"/policy/revisions/{before + 1}?made=deny&old=60"
    text = await browser.page(where)
    assert "It is closed." in text
    assert "5 seconds" in text
    assert f'action="/policy/revisions/{before}/back"' in text
    undo = {"expected": str(before + 1), "reason": f"undo revision {before + 1}"}
    await browser.done(f"/policy/revisions/{before}/back", undo)
    assert console_school.ask("policy.show")["text"] == console_school.policy
    response, text = await browser.post(f"/policy/revisions/{before}/back", undo)
    assert response.status == 422, "what came meanwhile is not undone with it"
    assert "Changed meanwhile" in text


async def test_an_opening_needs_a_reason_and_an_end_and_says_until_when(people: Mapping[Role, Browser]) -> None:
    fields = {"name": "chips.example", "segments": "staff", "lasts": "1h", "step": "check"}
    response, text = await people[N].post("/policy/allow", fields)
    assert response.status == 422
    assert "Say why" in text
    response, text = await people[N].post("/policy/allow", {**fields, "reason": "A lesson"})
    assert response.status == 200
    assert "open already" in text
    response, text = await people[N].post(
        "/policy/allow", {**fields, "reason": "A lesson", "until": "2020-01-01T10:00"}
    )
    assert response.status == 422
    assert 'href="#until"' in text


async def test_what_is_locked_stays_closed_and_the_page_says_by_what(people: Mapping[Role, Browser]) -> None:
    fields = {"name": "www.pornhub.com", "lasts": "1h", "reason": "No", "step": "save"}
    response, text = await people[N].post("/policy/allow", fields)
    assert response.status == 422
    assert "would stay closed" in text


@pytest.mark.parametrize("name", [HOSTILE, LONG_NAME, EMOJI, "", "a b", "\x00", "x" * 300, "=.", "*.com"])
async def test_a_hostile_name_is_text_or_a_mistake(people: Mapping[Role, Browser], name: str) -> None:
    response, text = await people[N].post("/policy/block", {"name": name, "step": "check", "reason": HOSTILE})
    assert response.status in (200, 422), name
    assert "<script>alert" not in text


async def test_exceptions_say_until_when_and_who_answers_and_end_and_go_on(
    people: Mapping[Role, Browser], console_school: ConsoleSchool
) -> None:
    browser = people[N]
    text = await browser.page("/exceptions")
    assert "One site is open for a while, and one is closed for a while." in text
    assert "A maths lesson on odds" in text
    assert "old.example" not in text
    assert "left" in text
    assert "count them" in text
    assert ">3</span>" in await browser.page("/exceptions?hits=yes"), "the lesson was asked for three times"
    assert "old.<wbr>example" in await browser.page("/exceptions?ended=yes")
    assert "A maths lesson on odds" not in await browser.page("/exceptions?kind=deny")
    assert "None is like that." in await browser.page("/exceptions?q=%3Cscript%3E")
    key = {"kind": "allow", "name": "bets.example", "where": "staff"}
    response, _ = await browser.post("/exceptions/renew", {**key, "lasts": "1d", "reason": ""})
    assert response.status == 422
    response, text = await browser.post("/exceptions/renew", {**key, "lasts": "x", "reason": HOSTILE})
    assert response.status == 422
    assert "<script>alert" not in text
    where = await browser.done("/exceptions/renew", {**key, "lasts": "2h", "reason": HOSTILE})
    text = await browser.page(where)
    assert "It goes on." in text
    assert "<script>alert" not in text
    entry = console_school.ask("exceptions.list")["exceptions"][0]
    assert (entry["name"], entry["owner"], entry["reason"]) == ("bets.example", "Network-Manager", HOSTILE)
    assert "# reviewed each term" in console_school.ask("policy.show")["text"]
    await browser.done("/exceptions/end", {**key, "reason": "It is over"})
    assert "No site is open for a while" in await browser.page("/exceptions")
    response, _ = await browser.post("/exceptions/end", {**key, "reason": "again"})
    assert response.status == 404


async def test_who_may_not_open_is_referred_to_who_may(people: Mapping[Role, Browser]) -> None:
    text = await people[H].page("/exceptions")
    assert 'href="/requests/new?action=open"' in text
    assert "/exceptions/renew" not in text


async def test_revisions_are_found_by_reason_and_an_unknown_one_is_none(people: Mapping[Role, Browser]) -> None:
    assert "The policy of the new term" in await people[G].page("/policy/revisions")
    assert "The policy of the new term" not in await people[G].page("/policy/revisions?q=nothing+like+it")
    for path in ("/policy/revisions/999", "/policy/revisions/999/back", "/policy/revisions/99999999999"):
        assert (await people[N].get(path))[0].status == 404


async def test_the_policies_say_what_is_in_force_for_whom_and_where_it_comes_from(
    people: Mapping[Role, Browser],
) -> None:
    text = await people[H].page("/policy")
    assert "All 4 networks have their policy." in text
    assert "Year 7 to 11" in text
    assert "/policy/text" not in text, "a head reads"
    text = await people[H].page("/policy/of/pupil")
    assert "Ask the people who keep the policy Trust." in text
    assert "The policy of the new term" in text, "the reason"
    assert "ask your network manager" in text
    assert "Pornography" in await people[H].page("/policy/of/pupil?value=locked")
    assert "Gambling" not in await people[H].page("/policy/of/pupil?value=locked")


async def test_choices_of_categories_are_written_into_the_same_text(
    people: Mapping[Role, Browser], console_school: ConsoleSchool
) -> None:
    browser, before = people[N], console_school.ask("policy.show")
    text = await browser.page("/policy/of/pupil/edit")
    assert 'name="category:gambling"' in text
    assert 'name="category:pornography"' not in text, "locked"
    response, text = await browser.post("/policy/of/pupil/edit", {"category:games": "deny"})
    assert response.status == 422
    assert "Nothing is changed yet" in text
    sent = {"category:games": "inherit", "category:gambling": "allow", "category:pornography": "allow"}
    response, text = await browser.post("/policy/of/pupil/edit", sent)
    assert response.status == 200
    assert "Save these 2 changes?" in text, "what is locked is not taken"
    draft = html.unescape(text.partition('name="text" value="')[2].partition('">')[0])
    form = {"text": draft.replace("\n", "\r\n"), "expected": before["number"], "step": "save", "reason": ""}
    response, text = await browser.post("/policy/text", form)
    assert response.status == 422, "a reason is needed"
    where = await browser.done("/policy/text", {**form, "reason": "The spring term"})
    after = console_school.ask("policy.show")
    assert where == f"/policy/revisions/{after['number']}?made=policy"
    changed = 'categories = { streaming = "deny", "service:tiktok" = "deny", gambling = "allow"}   # reviewed each term'
    new = [one.replace("{  ", "{ ") for one in after["text"].splitlines() if one not in before["text"].splitlines()]
    assert new == [changed]
    await browser.done(f"/policy/revisions/{before['number']}/back", {"expected": after["number"], "reason": "back"})


async def test_mistakes_of_a_text_stand_beside_their_lines_and_nothing_is_saved(
    people: Mapping[Role, Browser], console_school: ConsoleSchool
) -> None:
    before = console_school.ask("policy.show")
    wrong = before["text"].replace('drugs = "deny"', 'drugz = "deny"').replace('policy = "exam"', 'policy = "exams"')
    lines = wrong.splitlines()
    response, text = await people[N].post("/policy/text", {"text": wrong, "expected": before["number"]})
    assert response.status == 422
    for word in ("drugz", 'policy = "exams"'):
        number = next(at for at, one in enumerate(lines, 1) if word in one)
        assert f"Line {number}<" in text, word
    assert "drugz" in text.partition("<textarea")[2], "the text is kept"
    response, text = await people[N].post("/policy/text", {"text": HOSTILE, "expected": before["number"]})
    assert response.status == 422
    assert "<script>alert" not in text
    assert console_school.ask("policy.show")["number"] == before["number"]


async def test_a_text_made_from_an_older_revision_is_kept_beside_what_changed_meanwhile(
    people: Mapping[Role, Browser], console_school: ConsoleSchool
) -> None:
    before = console_school.ask("policy.show")
    meanwhile = before["text"].replace('games = "deny"', 'games = "deny", shopping = "deny"')
    console_school.ask("policy.apply", text=meanwhile, reason="meanwhile")
    mine = (
        before["text"]
        .replace("# reviewed each term", "# reviewed each month")
        .replace('drugs = "deny"', 'dating = "deny"')
    )
    form = {"text": mine, "expected": before["number"], "reason": "mine", "step": "save"}
    response, text = await people[N].post("/policy/text", form)
    assert response.status == 409
    assert "The policy changed while you wrote." in text
    assert "policies.pupil.categories.shopping" in text
    assert "# reviewed each month" in text
    assert console_school.ask("policy.show")["text"] == meanwhile
    await people[N].done("/policy/text", {**form, "expected": before["number"] + 1})
    console_school.ask("policy.apply", text=console_school.policy, reason="as before")
