"""Home, the log, Explain and devices as each role sees them, against a real control process."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from urllib.parse import quote, urlencode

import pytest
from tests.browser.demonstration_school import HOSTILE, device
from tests.integration.console_pages import Pages

from schoolgate.accounts.roles import Role

N, D, H, O = Role.network_manager, Role.safeguarding_lead, Role.head, Role.data_protection_officer  # noqa: E741
SEARCHERS = (N, D, Role.trust_director, Role.provider, O)


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_not_search_finds_no_page(pages: Pages, role: Role) -> None:
    answer = await pages.get(role, "/log")
    assert answer.status == (200 if role in SEARCHERS else 404)
    if answer.status == 200:
        assert answer.first_line == "More than 25 questions match in the last 24 hours; here are the newest."
        sees = role in (D, O)
        assert (device("pupils", 1) in answer.text) is sees
        assert ('name="device"' in answer.text) is sees


async def test_name_and_device_and_network_and_verdict_and_time_together(pages: Pages) -> None:
    one = device("pupils", 1)
    query = {"device": one, "segment": "pupils", "category": "games", "verdict": "blocked", "when": "hour"}
    answer = await pages.get(D, f"/log?{urlencode(query)}")
    assert "match in the last hour" in answer.first_line
    assert answer.text.count('class="verdict verdict-blocked"') == answer.text.count('data-label="Who"') >= len(HOSTILE)
    none = await pages.get(D, f"/log?{urlencode(query | {'name': 'nowhere.example'})}")
    assert none.first_line == "No question matches in the last hour."
    assert "Search the last 7 days" in none.text


async def test_pages_follow_each_other_and_no_row_comes_twice(pages: Pages) -> None:
    keys: list[str] = []
    path = "/log?when=hour"
    for _ in range(3):
        answer = await pages.get(D, path)
        keys += [part.partition('"')[0] for part in answer.text.split('hx-get="')[1:] if part.startswith("/log/row")]
        more = answer.text.partition('href="/log?when=hour&amp;after=')[2].partition('"')[0]
        if not more:
            break
        path = f"/log?when=hour&after={more}"
    assert len(keys) == len(set(keys)) == 75


async def test_hostile_names_are_text_everywhere(pages: Pages) -> None:
    answer = await pages.get(D, "/log?verdict=blocked&segment=pupils&when=hour")
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    rows = [part.partition('"')[0] for part in answer.text.split('href="') if part.startswith("/log/row")]
    # Which row is the newest depends on the hour: those of hostile names are among them.
    for row in rows:
        panel = await pages.get(D, row.replace("&amp;", "&"), HX_Request="true", HX_Request_Type="partial")
        assert panel.status == 200
        assert "<html" not in panel.text
        assert "Technical details" in panel.text
        if "starter list of games" in panel.words:
            break
    else:
        raise AssertionError("no row says its list")


async def test_a_sealed_hit_has_no_name_and_no_link_to_explain(pages: Pages) -> None:
    answer = await pages.get(D, f"/log?when=hour&device={device('pupils', 2)}&verdict=blocked")
    assert "A name that is not shown" in answer.words
    assert "A sealed list" in answer.words


async def test_the_download_has_every_row_and_no_formula(pages: Pages) -> None:
    answer = await pages.get(D, "/log/rows.csv?when=hour&verdict=blocked&segment=pupils")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert rows[0][:3] == ["time", "device", "network"]
    names = [one[4] for one in rows[1:]]
    assert any(name.startswith("'=cmd") for name in names)
    assert not [one for row in rows for one in row if one.startswith(("=", "+", "-", "@"))]
    without = await pages.get(N, "/log/rows.csv?when=hour")
    assert device("pupils", 1) not in without.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"since": "yesterday"}, "is no time"),
        ({"since": "2026-11-30T10:00", "until": "2026-11-30T09:00"}, "not before"),
        ({"segment": "pupil"}, "pupils"),
        ({"after": "no-cursor"}, "cursor"),
    ],
)
async def test_a_filter_that_says_nothing_is_named(pages: Pages, query: dict[str, str], said: str) -> None:
    answer = await pages.get(D, f"/log?{urlencode(query)}")
    assert answer.status == 422
    assert answer.first_line == "This search cannot be done as it stands."
    assert said in answer.words


async def test_a_row_that_is_not_there_is_no_page(pages: Pages) -> None:
    for query in ("", "?at=soon&key=1", "?at=2026-11-30T10:00:00Z&key=1", "?at=0001-01-01T00:00:00%2B14:00&key=1"):
        assert (await pages.get(D, f"/log/row{query}")).status == 404


async def test_a_device_is_revealed_for_a_reason_and_a_second_factor(pages: Pages) -> None:
    one = device("pupils", 3)
    path = f"/log/reveal?{urlencode({'device': one})}"
    assert (await pages.get(N, path)).status == 404
    stale = await pages.ask("GET", path, pages.school.stale_sessions[D])
    assert (stale.status, stale.headers["Location"]) == (303, f"/sign-in/again?next={quote(path, safe='')}")
    assert (await pages.get(D, path)).first_line == "A device is named only for a reason."
    assert "Say why" in (await pages.post(D, "/log/reveal", device=one, reason=" ")).words
    assert (await pages.post(D, "/log/reveal", device="p-nowhere1", reason="concern 12")).status == 422
    shown = await pages.post(D, "/log/reveal", device=one, reason="concern 12")
    assert shown.first_line == "This device has the address 192.0.2.13."
    audit = await asyncio.to_thread(pages.school.control.audit)
    outcomes = [one["outcome"] for one in audit if one["operation"] == "log.reveal"]
    assert outcomes[-2:] == ["begun", "done"]


# -- Home -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
async def test_home_says_first_that_the_filter_does_not_run(pages: Pages, role: Role) -> None:
    answer = await pages.get(role, "/")
    assert (answer.status, answer.first_line) == (200, "The filter is not running.")
    assert "cannot be read now" not in answer.words
    if role is D:
        assert "One urgent alert waits for someone to look." in answer.words
        assert "Questions by hour" in answer.words
    assert device("pupils", 0) not in answer.text, "no device stands on Home"


# -- Explain ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
async def test_explain_is_for_those_who_may_ask(pages: Pages, role: Role) -> None:
    answer = await pages.get(role, "/explain")
    is_for = role not in (Role.governor, O)
    assert answer.status == (200 if is_for else 404)
    if is_for:
        assert answer.first_line == "Ask why a site is open or closed."


async def test_the_sentence_comes_first_then_what_would_change_it(pages: Pages) -> None:
    answer = await pages.get(D, "/explain?name=www.roblox.com&segment=guests")
    assert answer.first_line == "www.roblox.com is open for Guests."
    answer = await pages.get(D, "/explain?name=bet365.com&segment=guests")
    assert answer.first_line == "bet365.com is closed for Guests."
    assert "Because it belongs to Gambling." in answer.words
    assert "Ask the network manager or the trust director." in answer.words, "a safeguarding lead does not open"
    assert "decides" in answer.words
    asked = answer.text.index("What would change it"), answer.text.index("Every rule that spoke")
    assert asked == tuple(sorted(asked))
    assert "<summary>Technical details</summary>" in answer.text


async def test_without_a_network_each_network_is_answered(pages: Pages) -> None:
    answer = await pages.get(Role.teacher, "/explain?name=bet365.com")
    assert answer.first_line == "bet365.com is closed for 4 of 5 networks."
    assert answer.text.count("by-network") == 1
    assert "/explain?name=bet365.com&amp;segment=staff" in answer.text


async def test_another_time_and_a_device(pages: Pages) -> None:
    lunch = await pages.get(N, "/explain?name=www.roblox.com&segment=pupils&at=2026-12-01T12:45")
    lesson = await pages.get(N, "/explain?name=www.roblox.com&device=192.0.2.17&at=2026-12-01T10:00")
    assert lunch.first_line == "www.roblox.com is open for Pupils."
    assert lesson.first_line == "www.roblox.com is closed for Pupils."


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"name": "192.0.2.1", "segment": "pupils"}, "is an address"),
        ({"name": "a..b", "segment": "pupils"}, "a..b"),
        ({"name": "example.org", "segment": "pupil"}, "pupils"),
        ({"name": "example.org", "device": "the reading room"}, "not an IP address"),
        ({"name": "example.org", "segment": "pupils", "at": "soon"}, "not a time"),
    ],
)
async def test_what_cannot_be_explained_is_named_beside_its_field(
    pages: Pages, query: dict[str, str], said: str
) -> None:
    answer = await pages.get(N, f"/explain?{urlencode(query)}")
    assert answer.status == 422
    assert said in answer.words
    assert 'role="alert"' in answer.text


async def test_hostile_names_are_explained_as_text(pages: Pages) -> None:
    for name in (*HOSTILE, "xn--8i7h.example.com", "a" * 300):
        answer = await pages.get(N, f"/explain?{urlencode({'name': name, 'segment': 'pupils'})}")
        assert answer.status in (200, 422)
        assert "<script>alert" not in answer.text
        assert "<img" not in answer.text


# -- The live log -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
async def test_the_live_log_by_role(pages: Pages, role: Role) -> None:
    answer = await pages.get(role, "/log/live?segment=pupils")
    assert answer.status == (200 if role in (N, D, Role.trust_director, Role.provider) else 404)
    if answer.status == 200:
        assert answer.first_line == "This is being asked for now in Pupils."
        assert 'data-stream="/log/live/stream?segment=pupils&amp;after=' in answer.text
        assert "Show newer" in answer.words
        assert (device("pupils", 1) in answer.text) is (role is D)
        assert "<script>alert" not in answer.text


# -- Devices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
async def test_devices_by_role(pages: Pages, role: Role) -> None:
    listed, one = device("pupils", 1), await pages.get(role, f"/devices/{device('pupils', 1)}")
    answer = await pages.get(role, "/devices")
    is_for = role in (N, D, Role.provider)
    assert {answer.status, one.status} == {200 if is_for else 404}
    if not is_for:
        return
    assert (f"/devices/{listed}" in answer.text) is (role is D)
    assert ("xn--i-7iq.example.com" in one.words) is (role is D)
    assert ("Blocked just now" in one.words) is (role is D)
    assert "on record" in one.words


async def test_a_device_has_its_blocks_its_policy_and_who_opens_a_site(pages: Pages) -> None:
    answer = await pages.get(D, f"/devices/{device('pupils', 1)}?days=1")
    assert "of its questions were blocked in the last day." in answer.first_line
    assert "Policy nowPupil" in answer.words
    assert "To have one opened, ask for it." in answer.words
    assert "<script>alert" not in answer.text
    assert "As a table" in answer.words
    sealed = await pages.get(D, f"/devices/{device('pupils', 2)}")
    assert "3 blocks of sealed lists are counted and never shown." in sealed.words


async def test_the_field_leads_to_the_device_and_what_is_none_is_said(pages: Pages) -> None:
    answer = await pages.get(D, "/devices?device=192.0.2.11&segment=")
    assert (answer.status, answer.headers["Location"]) == (303, "/devices/192.0.2.11")
    assert "were blocked" in (await pages.get(D, "/devices/192.0.2.11")).first_line
    assert "was not seen" in (await pages.get(D, "/devices/192.0.2.250")).first_line
    for text in ("%22%3E%3Cscript%3E", "a%20b", "p-", "..%2f..%2fetc"):
        assert (await pages.get(D, f"/devices/{text}")).status in (404, 422)


NAMERS = (N, D, Role.trust_director, Role.provider)


@pytest.mark.parametrize("role", list(Role))
async def test_who_names_devices_has_the_list_of_names(pages: Pages, role: Role) -> None:
    answer = await pages.get(role, "/device-names")
    assert answer.status == (200 if role in NAMERS else 404)
    if answer.status == 200:
        assert answer.first_line == "Ten devices have names, 20 have none."
        assert "<script>alert" not in answer.text
        assert "Year 9 iPad 2" in answer.text


async def test_a_row_and_a_device_have_the_name_and_who_says_so(pages: Pages) -> None:
    one = device("pupils", 1)
    answer = await pages.get(D, f"/log?{urlencode({'device': one, 'when': 'hour'})}")
    assert "Year 9 iPad 1" in answer.text
    assert "Year 9 iPad" not in (await pages.get(N, "/log?when=hour")).text
    answer = await pages.get(D, f"/devices/{one}")
    assert "Year 9 iPad 1" in answer.text
    assert "by DHCP lease of" in answer.text
    assert "main-building" in answer.text
    assert "Year 9 iPad 1" in (await pages.get(D, "/devices?pages=9")).text


async def test_the_alerts_of_a_case_name_their_device(pages: Pages) -> None:
    numbers = [int(one) for one in re.findall(r'href="/alerts/([0-9]+)"', (await pages.get(D, "/alerts")).text)]
    named = [one for one in numbers if "Year 9 iPad" in (await pages.get(D, f"/alerts/{one}")).text]
    opened = await pages.post(D, "/cases/new", alerts=str(named[0]), text="Talked to.", severity="warning")
    assert opened.status == 303
    page = await pages.get(D, opened.headers["Location"])
    assert "Year 9 iPad" in page.text
    assert "by DHCP lease of" in page.text


async def test_a_persons_device_is_named_for_a_reason_alone(pages: Pages) -> None:
    one = device("pupils", 9)
    answer = await pages.get(D, f"/devices/{one}")
    assert "iPad of Ada" not in answer.text
    assert "One person&#39;s device" in answer.text
    path = "/device-names/" + quote("mac:00:00:5e:00:53:09")
    assert one not in (await pages.get(D, path)).text
    assert (await pages.post(D, path, do="past", reason="")).status == 422
    assert one in (await pages.post(D, path, do="past", reason="concern 12")).text
    revealed = await pages.post(D, "/log/reveal", device=one, reason="concern 12")
    assert "iPad of Ada" in revealed.text


async def test_names_groups_and_lost_are_kept_and_mistakes_stand_beside_the_field(pages: Pages) -> None:
    path = "/device-names/" + quote("mac:00:00:5e:00:53:1d")
    assert (await pages.post(N, path, do="name", name="Art iPad")).status == 303
    assert (await pages.post(N, path, do="group", groups="Art, Trolley B")).status == 303
    assert (await pages.post(N, path, do="lost")).status == 303
    answer = await pages.get(N, path)
    assert answer.first_line == "Art iPad"
    assert "Art, Trolley B" in answer.text
    assert "Marked as lost" in answer.text
    assert "Forget this device" not in answer.text
    assert "Art iPad" in (await pages.get(N, "/device-names?group=Art&which=lost")).text
    wrong = await pages.post(N, path, do="name", name="a\x07b")
    assert wrong.status == 422
    assert (await pages.post(N, path, do="forget", reason="x")).status == 404
    assert (await pages.get(N, "/device-names/nothing")).status == 404
    forgotten = await pages.post(D, path, do="forget", reason="sold")
    assert forgotten.status == 303
