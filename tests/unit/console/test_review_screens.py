"""Reviews and actions on screen, against a real control process."""

from __future__ import annotations

import datetime as dt
import re

from tests.unit.console.care_school import MARKUP, RoleBrowser, statuses

from schoolgate.accounts.roles import Role
from schoolgate.governance.review import REVIEW_FORM

LEAD, HEAD, GOVERNOR, TEACHER = Role.safeguarding_lead, Role.head, Role.governor, Role.teacher


def version_in(text: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', text)
    assert found, text
    return found[1]


async def test_who_has_no_right_finds_no_page(browser: RoleBrowser) -> None:
    wanted = {role.value: 404 if role is TEACHER else 200 for role in Role}
    for path in ("/reviews", "/actions"):
        assert await statuses(browser, path) == wanted
    assert (await browser.post(GOVERNOR, "/reviews", trigger="annual"))[0] == 404
    assert (await browser.get(LEAD, "/reviews/99999"))[0] == 404


async def test_a_review_is_begun_written_and_signed_by_two(browser: RoleBrowser) -> None:
    status, _, headers = await browser.post(LEAD, "/reviews", trigger="ai", detail="a tutor")
    assert status == 303
    path = headers["Location"]
    _, text = await browser.get(LEAD, path)
    assert "policy.categories" in text, "where a text comes from is said"
    texts = {one.name: f"About {one.name}" for one in REVIEW_FORM if one.kind in ("text", "line")}
    next_on = (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=200)).isoformat()
    given = {**texts, "trigger": "ai", "next_on": next_on, "ages": MARKUP, "attendees": "Head: Ada Byron"}

    status, text, _ = await browser.post(LEAD, path, version=version_in(text), **{**given, "next_on": "soon"})
    assert (status, "write a day such as" in text, "About eal" in text) == (422, True, True), "what was written stays"
    status, text, _ = await browser.post(LEAD, path, version=version_in(text), **given)
    assert status == 303
    _, text = await browser.get(LEAD, path)
    assert "<script>alert" not in text
    assert (await browser.post(LEAD, f"{path}/sign", version=version_in(text)))[0] == 303
    _, text = await browser.get(LEAD, path)
    assert "waits for a head or a director" in text
    status, text, _ = await browser.post(LEAD, f"{path}/sign", version=version_in(text))
    assert (status, "you have signed review" in text) == (422, True)
    _, text = await browser.get(HEAD, path)
    assert (await browser.post(HEAD, f"{path}/sign", version=version_in(text)))[0] == 303
    _, text = await browser.get(GOVERNOR, path)
    assert "is signed." in text
    assert "Ada Byron" not in text
    assert 'name="version"' not in text, "a signed review has no form"
    assert "The review is up to date." in (await browser.get(GOVERNOR, "/reviews"))[1]


async def test_an_action_is_added_is_overdue_on_home_and_is_done(browser: RoleBrowser) -> None:
    status, text, _ = await browser.post(LEAD, "/actions", what="Test guests", owner="IT", due_on="")
    assert (status, "There is a problem" in text, 'value="Test guests"' in text) == (422, True, True)
    given = {"what": "Test guests", "owner": "Ada Byron", "due_on": "2020-01-31", "origin": "validator"}
    assert (await browser.post(LEAD, "/actions", **given))[0] == 303
    _, text = await browser.get(LEAD, "/actions")
    assert re.search(r"\d+ things? (is|are) overdue\.", text)
    assert "From an external validator" in text
    assert "Ada Byron" not in (await browser.get(GOVERNOR, "/actions"))[1]
    for role in (LEAD, HEAD):
        assert "Action: Test guests, 31 Jan 2020" in (await browser.get(role, "/"))[1]
    number = re.search(r'name="number" value="(\d+)"', text)
    assert number
    done = {"number": number[1], "version": version_in(text), "note": "tested"}
    assert (await browser.post(LEAD, "/actions/done", **done))[0] == 303
    status, text, _ = await browser.post(LEAD, "/actions/done", **done)
    assert (status, "was done on" in text) == (422, True)
    assert "tested" in (await browser.get(LEAD, "/actions?show=all"))[1]


async def test_a_register_has_lines_a_form_and_a_table(browser: RoleBrowser) -> None:
    _, text = await browser.get(HEAD, "/registers")
    assert "have no person named." in text
    path = "/registers/responsibility"
    assert (await browser.get(TEACHER, path))[0] == 404
    status, text, _ = await browser.post(HEAD, path, post="governor", duties="", person=MARKUP)
    assert (status, 'id="duties-mistake"' in text, "<script>alert" in text) == (422, True, False)
    given = {"post": "governor", "duties": "Asks", "person": "Ada Byron", "until": "2020-01-31"}
    assert (await browser.post(HEAD, path, **given))[0] == 303
    _, text = await browser.get(HEAD, path)
    assert "1 line is overdue" in text
    assert "Ada Byron" in text
    assert "Ada Byron" not in (await browser.get(GOVERNOR, path))[1]
    _, text = await browser.get(HEAD, f"{path}/1")
    assert (await browser.post(HEAD, f"{path}/1", version=version_in(text), **{**given, "until": ""}))[0] == 303
    status, text, _ = await browser.post(HEAD, f"{path}/1", version=version_in(text), **given)
    assert (status, "was changed in the meantime" in text) == (422, True)
    assert (await browser.post(HEAD, f"{path}/1/end", version=version_in((await browser.get(HEAD, f"{path}/1"))[1])))[
        0
    ] == 303
    assert "has ended." in (await browser.get(HEAD, f"{path}/1"))[1]
    status, text = await browser.get(GOVERNOR, "/registers/responsibility.csv")
    assert (status, "governor" in text) == (200, True)
    for kind in ("training", "aup_notice", "supplier", "risk", "meeting"):
        assert (await browser.get(HEAD, f"/registers/{kind}"))[0] == 200
    assert "Measured by" in (await browser.get(GOVERNOR, "/registers/since-meeting"))[1]


async def test_decisions_are_kept_for_those_that_are_ticked(browser: RoleBrowser) -> None:
    _, text = await browser.get(HEAD, "/registers/decisions")
    paths = re.findall(r'name="path" value="([^"]+)"', text)
    assert paths
    status, text, _ = await browser.post(HEAD, "/registers/decisions", owner="Head")
    assert (status, "Tick the decisions" in text) == (422, True)
    given = {"path": paths[0], "reason": "Lessons", "owner": "Head", "review_on": "2030-01-31"}
    status, _, headers = await browser.post(HEAD, "/registers/decisions", **given)
    assert (status, headers["Location"]) == (303, "/registers/decisions?done=1")
    assert "2030-01-31" in (await browser.get(HEAD, "/registers/decisions?most=500"))[1]


async def test_governors_have_six_sentences_and_packs_are_made_and_taken(browser: RoleBrowser) -> None:
    _, text = await browser.get(GOVERNOR, "/assurance")
    assert text.count("<li>") >= 6
    assert "Not measured" in text, "no server runs here"
    assert (await browser.get(TEACHER, "/assurance"))[0] == 404
    assert (await browser.post(GOVERNOR, "/evidence"))[0] == 404
    status, _, headers = await browser.post(HEAD, "/evidence")
    assert status == 303
    _, text = await browser.get(GOVERNOR, headers["Location"])
    found = re.search(r"/evidence/(evidence-[0-9-]+-posts)\.json", text)
    assert found
    status, text = await browser.get(GOVERNOR, f"/evidence/{found[1]}.json")
    assert (status, '"sentences"' in text) == (200, True)
    assert (await browser.get(GOVERNOR, "/evidence/evidence-2020-01-01-000000.pdf"))[0] == 404
    named = found[1].removesuffix("-posts")
    assert (await browser.get(HEAD, f"/evidence/{named}.json"))[0] == 200
    for ending in ("json", "pdf"):
        assert (await browser.get(GOVERNOR, f"/evidence/{named}.{ending}"))[0] == 404, "it names staff"
    assert f"{named}.pdf" not in (await browser.get(GOVERNOR, "/evidence"))[1]


async def test_home_and_the_assurance_page_say_the_same_six_sentences(browser: RoleBrowser) -> None:
    said = []
    for path in ("/", "/assurance"):
        _, text = await browser.get(GOVERNOR, path)
        found = re.search(r'<ol class="sentences">(.*?)</ol>', text, re.DOTALL)
        assert found, path
        said.append(re.findall(r"<li>(.*?)</li>", found[1], re.DOTALL))
    assert len(said[0]) == 6
    assert said[0] == said[1]
    assert "Not measured" in said[0][0], "no server runs here"
    assert 'class="sentences"' not in (await browser.get(HEAD, "/"))[1]


async def test_governors_read_posts_where_a_head_reads_names(browser: RoleBrowser) -> None:
    _, text = await browser.get(HEAD, "/registers/decisions")
    paths = re.findall(r'name="path" value="([^"]+)"', text)
    given = {"path": paths[0], "reason": "Safe", "owner": "Ada Byron", "review_on": "2030-01-31"}
    assert (await browser.post(HEAD, "/registers/decisions", **given))[0] == 303
    for path in ("/registers/decisions?most=500", "/registers/decision.csv"):
        assert "Ada Byron" in (await browser.get(HEAD, path))[1], path
        assert "Ada Byron" not in (await browser.get(GOVERNOR, path))[1], path


async def test_the_report_of_the_service_is_a_page_and_a_file_and_says_what_was_not_measured(
    browser: RoleBrowser,
) -> None:
    status, text = await browser.get(GOVERNOR, "/service-report")
    assert status == 200
    assert "Not measured" in text
    assert "from its own records alone" in text
    assert re.search(r'href="/service-report/service-\d{4}-\d{2}\.pdf"', text)
    status, text = await browser.get(GOVERNOR, "/service-report?month=2020-01")
    assert (status, "1 Jan 2020" in text) == (200, True)
    for wrong in ("2020-13", "%3Cb%3E", "2999-01"):
        status, text = await browser.get(GOVERNOR, f"/service-report?month={wrong}")
        assert (status, 'id="month-mistake"' in text) == (422, True), wrong
    assert (await browser.get(TEACHER, "/service-report"))[0] == 404
    assert (await browser.get(GOVERNOR, "/service-report/service-2999-01.pdf"))[0] == 404
