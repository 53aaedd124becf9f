"""What every request passes before it reaches a screen, and what every answer carries."""

from __future__ import annotations

import io

import pytest
from tests.unit.console.conftest import RunningConsole
from tests.unit.console.fake_control import FakeControl, Refused, whoami

from schoolgate.accounts.roles import Role
from schoolgate.console.headers import CONTENT_SECURITY_POLICY
from schoolgate.console.session_cookie import SESSION

HTML = "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "path", ["/", "/styleguide", "/more", "/healthz", "/nowhere", "/assets/nothing", "/assets/..%2f"]
)
async def test_every_answer_says_what_a_browser_may_load_and_must_not_keep(console: RunningConsole, path: str) -> None:
    response, _ = await console.get(path)
    assert response.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cross-Origin-Opener-Policy"] == response.headers["Cross-Origin-Resource-Policy"]
    assert response.headers["Server"] == "schoolgate"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("filter.school.example", 200),
        ("Filter.School.Example.:8053", 200),
        ("localhost:1", 200),
        ("127.0.0.1", 200),
        ("attacker.example", 421),
        ("filter.school.example.attacker.example", 421),
        ("attacker.example#filter.school.example", 421),
        ("10.0.0.1", 421),
        ("", 421),
    ],
)
async def test_only_names_of_ours_are_served(console: RunningConsole, host: str, status: int) -> None:
    response, _ = await console.get("/healthz", headers={"Host": host})
    assert response.status == status
    assert "Content-Security-Policy" in response.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "", "Origin": "http://filter.school.example"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_form_of_another_site_changes_nothing(
    console: RunningConsole, headers: dict[str, str], method: str
) -> None:
    response, _ = await console.ask(method, "/theme", headers=headers, data={"theme": "dark"})
    assert response.status == 403
    assert "Set-Cookie" not in response.headers


async def test_without_a_session_a_page_leads_to_the_sign_in_and_back(console: RunningConsole) -> None:
    response, _ = await console.get("/styleguide?a=b", signed_in=False)
    assert (response.status, response.headers["Location"]) == (303, "/sign-in?next=%2Fstyleguide%3Fa%3Db")


async def test_an_ended_session_leads_to_the_sign_in_and_the_cookie_of_another_tab_stays(
    console: RunningConsole, control: FakeControl
) -> None:
    control.answers["session.show"] = Refused("SessionEnded", "it has ended")
    response, _ = await console.get("/")
    assert (response.status, response.headers["Location"]) == (303, "/sign-in?next=%2F")
    assert "Set-Cookie" not in response.headers, "it may be a new one by now: another tab renewed it"
    response, _ = await console.get("/sign-in")
    assert "Set-Cookie" not in response.headers


async def test_signing_out_takes_the_cookie_also_of_an_ended_session(
    console: RunningConsole, control: FakeControl
) -> None:
    control.answers["session.show"] = Refused("SessionEnded", "it has ended")
    response, _ = await console.post("/sign-out")
    assert f'{SESSION}=""; ' in response.headers["Set-Cookie"]
    assert "Secure" in response.headers["Set-Cookie"]


@pytest.mark.parametrize("stage", ["factor", "enrol", "change"])
async def test_a_sign_in_that_is_not_complete_shows_nothing(
    console: RunningConsole, control: FakeControl, stage: str
) -> None:
    control.answers["session.show"] = whoami("network_manager", stage=stage)
    response, text = await console.get("/")
    assert response.status == 303
    assert "Alice" not in text


async def test_without_a_control_process_the_page_says_that_filtering_goes_on(
    console: RunningConsole, control: FakeControl
) -> None:
    await control.stop()
    control.path.unlink()
    response, text = await console.get("/")
    assert (response.status, response.headers["Content-Type"]) == (503, HTML)
    assert "Filtering goes on." in text
    assert str(control.path) not in text


async def test_an_error_is_a_fragment_where_htmx_swaps_a_part(console: RunningConsole) -> None:
    response, text = await console.get("/nowhere", headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    assert response.status == 404
    assert "<html" not in text
    assert "There is no page here." in text


async def test_a_defect_shows_no_trace(
    console: RunningConsole, control: FakeControl, caplog: pytest.LogCaptureFixture
) -> None:
    control.answers["session.show"] = {"unexpected": "form"}
    response, text = await console.get("/")
    assert response.status == 500
    assert "Filtering goes on." in text
    assert "KeyError" not in text
    assert "KeyError" in caplog.text


async def test_a_body_that_is_too_large_or_packed_is_not_taken(console: RunningConsole) -> None:
    response, _ = await console.post("/theme", data=io.BytesIO(b"theme=" + b"a" * 1_100_000))
    assert response.status == 413
    response, _ = await console.post("/theme", data=b"x", headers={"Content-Encoding": "gzip"})
    assert response.status == 415


@pytest.mark.parametrize("target", ["//attacker.example/", "https://attacker.example/", "/\\attacker.example", "", "a"])
async def test_nothing_leads_to_another_site(console: RunningConsole, target: str) -> None:
    response, _ = await console.post("/theme", data={"theme": "dark", "next": target})
    assert (response.status, response.headers["Location"]) == (303, "/")


async def test_the_theme_is_kept_and_shown(console: RunningConsole) -> None:
    response, _ = await console.post("/theme", data={"theme": "dark", "next": "/styleguide"})
    assert response.headers["Location"] == "/styleguide"
    assert "__Host-theme=dark" in response.headers["Set-Cookie"]


@pytest.mark.parametrize("role", list(Role))
async def test_home_and_navigation_are_there_for_each_role(
    console: RunningConsole, control: FakeControl, role: Role
) -> None:
    control.answers["session.show"] = whoami(role)
    response, text = await console.get("/")
    assert response.status == 200
    assert text.count('aria-current="page"') == 2, "on the left and below"
    assert text.count("<h1>") == 1


@pytest.mark.parametrize("role", list(Role))
async def test_the_style_guide_is_reached_by_its_address_alone(
    console: RunningConsole, control: FakeControl, role: Role
) -> None:
    control.answers["session.show"] = whoami(role)
    for path in ("/", "/more"):
        _, text = await console.get(path)
        assert "/styleguide" not in text
    _, text = await console.get("/styleguide")
    assert "<h1>Style guide: every component once" in text


async def test_who_asks_reaches_the_control_process(console: RunningConsole, control: FakeControl) -> None:
    await console.get("/", headers={"User-Agent": "a browser", "X-Forwarded-For": "192.0.2.7"})
    (request,) = control.asked("session.show")
    assert request["from"] == {"address": "127.0.0.1", "user_agent": "a browser"}, "no proxy is trusted"


async def test_assets_have_names_that_change_with_them_and_are_kept(console: RunningConsole) -> None:
    _, page = await console.get("/")
    path = page.partition('href="/assets/tabler')[2].partition('"')[0]
    response, style = await console.get(f"/assets/tabler{path}")
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["Content-Type"] == "text/css"
    assert "Tabler" in style
