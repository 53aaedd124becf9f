"""Pages of services, schedules and files for devices, over a real control process."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from tests.integration.console_school import HOSTILE, Browser, ConsoleSchool

from schoolgate.accounts.roles import Role

N, D, H, T, TEACHER, G, P, OFFICER = Role


@pytest.mark.parametrize(
    ("path", "roles"),
    [
        ("/services", {N, D, H, T, P}),
        ("/services/tiktok", {N, D, H, T, P}),
        ("/services/tiktok/deny", {N, D, T, P}),
        ("/services/tiktok/allow", {N, T}),
        ("/services/nothing-of-it", set()),
        ("/schedules", {N, D, H, T, TEACHER, P}),
        ("/schedules/year-7-to-11", {N, D, H, T, TEACHER, P}),
        ("/schedules/nothing-of-it", set()),
        ("/exports", {N, T, P}),
        ("/exports/chrome", {N, T, P}),
        ("/exports/nothing-of-it", set()),
    ],
)
async def test_a_page_is_there_for_who_has_the_right_and_for_others_is_none(
    people: Mapping[Role, Browser], path: str, roles: set[Role]
) -> None:
    for role, browser in people.items():
        response, text = await browser.get(path)
        assert response.status == (200 if role in roles else 404), (path, role)
        assert text.count("<h1>") == (0 if response.status == 200 and path == "/exports/chrome" else 1)


async def test_a_file_for_devices_is_downloaded_or_the_reason_stands_beside_its_form(
    people: Mapping[Role, Browser],
) -> None:
    text = await people[N].page("/exports")
    assert text.count("<form") - text.count('role="search"') >= 10
    response, text = await people[N].get("/exports/dhcp?server=kea4&resolvers=10.1.0.53,10.1.0.54")
    assert response.headers["Content-Disposition"] == 'attachment; filename="schoolgate-dhcp-kea4.json"'
    assert json.loads(text)["Dhcp4"]["option-data"][0]["data"] == "10.1.0.53, 10.1.0.54"
    response, text = await people[N].get("/exports/mdm?resolvers=10.1.0.53")
    assert (response.status, "encrypted DNS is closed" in text) == (422, True)
    assert 'href="#mdm"' in text
    assert 'value="10.1.0.53"' in text, "what was given is kept"
    response, text = await people[N].get("/exports/dhcp?resolvers=%3Cb%3E")
    assert (response.status, "<b>" in text) == (422, False)
    response, text = await people[N].get("/exports/dhcp?server=nothing-of-it")
    assert response.status == 422


async def test_services_are_found_by_a_name_inside_and_say_who_cannot_use_them(people: Mapping[Role, Browser]) -> None:
    text = await people[H].page("/services?q=musical.ly")
    assert "TikTok" in text
    assert "YouTube" not in text
    assert "No service is like that" in await people[H].page(f"/services?q={HOSTILE.replace(' ', '+')}")
    assert "17" in await people[H].page("/services?q=tiktok&use=yes")
    text = await people[H].page("/services/tiktok")
    assert "TikTok is closed for 3 of 4 networks now." in text
    assert "/services/tiktok/allow" not in text
    _, text = await people[N].get("/services/tiktok", HX_Request="true", HX_Request_Type="partial")
    assert "<html" not in text
    assert 'id="panel-title"' in text


async def test_a_service_is_closed_and_opened_for_groups_with_a_reason(
    people: Mapping[Role, Browser], console_school: ConsoleSchool
) -> None:
    browser = people[N]
    response, text = await browser.post("/services/youtube/deny", {"segments": "year-7-to-11", "reason": "x"})
    assert response.status == 422
    assert 'href="#segments"' in text
    where = await browser.done("/services/youtube/deny", {"segments": "staff", "reason": HOSTILE})
    text = await browser.page(where)
    assert "It is closed." in text
    assert "<script>alert" not in text
    assert "YouTube is closed for 1 of 4 networks now." in await browser.page("/services/youtube")
    response, text = await browser.post("/services/youtube/allow", {"segments": "staff", "reason": " "})
    assert response.status == 422
    assert "Say why" in text
    assert "It is open." in await browser.page(
        await browser.done("/services/youtube/allow", {"segments": "staff", "reason": "A lesson"})
    )
    response, text = await browser.post("/services/youtube/allow", {"segments": "staff", "reason": "again"})
    assert response.status == 422
    assert "It is so already" in text
    assert "# reviewed each term" in console_school.ask("policy.show")["text"]


async def test_the_week_of_a_group_has_its_policies_and_the_next_change(people: Mapping[Role, Browser]) -> None:
    text = await people[TEACHER].page("/schedules")
    assert "One network follows a schedule" in text
    assert "Pupil lunch" in text
    assert "Exam room" in text
    text = await people[TEACHER].page("/schedules/year-7-to-11?day=2026-11-26")
    assert text.count("12:30 to 13:20") == 5
    assert "23 Nov" in text
    assert "/policy/of/" not in text, "a teacher has no page of policies"
    response, _ = await people[TEACHER].get("/schedules/year-7-to-11?day=nonsense")
    assert response.status == 200
