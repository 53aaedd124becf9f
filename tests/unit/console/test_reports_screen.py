"""Reports and numbers on screen, against a real control process and a week of log."""

from __future__ import annotations

import html
import re

from tests.unit.console.care_school import RoleBrowser, statuses

from schoolgate.accounts.roles import Role

IT, LEAD, GOVERNOR = Role.network_manager, Role.safeguarding_lead, Role.governor


async def test_who_has_no_right_finds_no_page(browser: RoleBrowser) -> None:
    assert await statuses(browser, "/reports") == {role.value: 404 if role is Role.teacher else 200 for role in Role}
    wanted = {role.value: 404 if role in (Role.teacher, GOVERNOR) else 200 for role in Role}
    assert await statuses(browser, "/reports/numbers") == wanted


async def test_each_role_is_offered_the_reports_that_are_its_own(browser: RoleBrowser) -> None:
    _, text = await browser.get(GOVERNOR, "/reports")
    assert 'value="governors"' in text
    assert 'value="safeguarding"' not in text
    assert (await browser.get(GOVERNOR, "/reports/made?kind=daily&reader=safeguarding"))[0] in (403, 404)
    _, text = await browser.get(LEAD, "/reports")
    assert 'value="safeguarding"' in text


async def test_a_report_is_read_on_the_page_with_its_chart_and_table(browser: RoleBrowser) -> None:
    status, text = await browser.get(GOVERNOR, "/reports/made?kind=weekly&reader=governors")
    assert status == 200
    assert "At a glance" in text
    assert "example.com" not in text, "governors see no site"
    status, text, _ = await browser.ask(GOVERNOR, "GET", "/reports/made?kind=weekly&reader=governors&of=never")
    assert (status, "is not a day" in text) == (422, True)
    status, text, _ = await browser.ask(LEAD, "GET", "/reports/made?kind=hourly&reader=governors")
    assert status == 422


async def test_a_report_is_kept_and_taken_away_as_a_file(browser: RoleBrowser) -> None:
    form = {"kind": "daily", "reader": "safeguarding", "segment": "", "of": ""}
    status, _, headers = await browser.post(LEAD, "/reports/made", do="keep", **form)
    assert (status, headers["Location"]) == (303, "/reports?done=keep")
    _, text = await browser.get(LEAD, "/reports?done=keep")
    path = re.search(r'href="(/reports/kept/[^"]+)"', text)
    assert path
    status, text, headers = await browser.ask(LEAD, "GET", path[1])
    assert (status, headers["Content-Disposition"][:10]) == (200, "attachment")
    assert (await browser.get(IT, path[1]))[0] == 404
    _, text = await browser.get(IT, "/reports")
    assert path[1] not in text
    assert (await browser.get(LEAD, "/reports/kept/2026-01-01-daily-it.html"))[0] == 404
    status, text, headers = await browser.post(LEAD, "/reports/made", do="download", **form)
    assert (status, "<!doctype html>" in text, headers["Content-Disposition"][:10]) == (200, True, "attachment")
    assert (await browser.post(GOVERNOR, "/reports/made", do="keep", **{**form, "reader": "governors"}))[0] == 404


async def test_numbers_have_a_chart_and_the_same_in_a_table(browser: RoleBrowser) -> None:
    for path, rows in (("/reports/numbers", 25), ("/reports/numbers?time=week", 8)):
        status, text = await browser.get(IT, path)
        assert status == 200
        assert re.search(r"<h1>[\d,]+ of [\d,]+ questions were blocked", text)
        table = text.partition('id="by-hour-title"')[2].partition("</figure>")[0]
        assert table.count('<th scope="row">') == rows
        (blocked, asked) = re.findall(r"<h1>([\d,]+) of ([\d,]+) ", text)[0]
        cells = [int(one.replace(",", "")) for one in re.findall(r"<td>([\d,]+)</td>", table)]
        assert sum(cells) == int(asked.replace(",", ""))
        assert sum(cells[1::2]) == int(blocked.replace(",", ""))
    assert "Year 9" in html.unescape(text)
