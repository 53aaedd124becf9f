"""Searches that a person keeps: their own, bounded, and an address like any other."""

from __future__ import annotations

import html
import re

from tests.unit.console.care_school import RoleBrowser, statuses

from schoolgate.accounts.roles import Role
from schoolgate.governance.saved_search import MOST_SAVED

LEAD, IT, DIRECTOR, TEACHER = Role.safeguarding_lead, Role.network_manager, Role.trust_director, Role.teacher
_LINK = re.compile(r'<li><a href="([^"]*)"><bdi>([^<]*)</bdi></a><form method="post" action="([^"]*)"')


async def kept(browser: RoleBrowser, role: Role) -> list[tuple[str, ...]]:
    """Address, name and where it is removed, of each."""
    _, text = await browser.get(role, "/log")
    return [tuple(map(html.unescape, one)) for one in _LINK.findall(text)]


async def test_a_search_is_kept_found_and_removed_by_its_owner_alone(browser: RoleBrowser) -> None:
    status, text, headers = await browser.post(LEAD, "/log/saved?name=example.org&when=week", name="Friday <games>")
    assert (status, headers["Location"]) == (303, "/log?name=example.org&when=week"), text
    await browser.post(LEAD, "/log/saved?verdict=blocked", name="friday  <Games>")
    ((address, name, removed),) = await kept(browser, LEAD)
    assert (address, name) == ("/log?verdict=blocked", "friday <Games>"), "one of the same name is replaced"
    assert await kept(browser, IT) == []
    status, _, _ = await browser.post(IT, removed)
    assert status == 404
    status, _, headers = await browser.post(LEAD, removed)
    assert (status, headers["Location"]) == (303, "/log")
    assert await kept(browser, LEAD) == []


async def test_a_kept_address_is_a_search_and_nothing_else(browser: RoleBrowser) -> None:
    await browser.post(IT, "/log/saved?device=p-abc&verdict=nonsense&next=//elsewhere.example&name=a%0d%0ab", name="x")
    ((address, _, _),) = await kept(browser, IT)
    assert address.startswith("/log?name=a"), "no device for who sees none, and no word that no filter has"
    assert "elsewhere" not in address and "device" not in address and "nonsense" not in address
    status, text, _ = await browser.post(IT, "/log/saved?name=example.org", name="   ")
    assert status == 422 and "give the search a name" in text


async def test_as_many_are_kept_as_a_person_reads(browser: RoleBrowser) -> None:
    for number in range(MOST_SAVED):
        status, _, _ = await browser.post(DIRECTOR, f"/log/saved?name=n{number}.example", name=f"search {number}")
        assert status == 303
    status, text, _ = await browser.post(DIRECTOR, "/log/saved?name=more.example", name="one more")
    assert status == 422 and "remove one first" in text
    assert len(await kept(browser, DIRECTOR)) == MOST_SAVED


async def test_who_does_not_search_keeps_no_search(browser: RoleBrowser) -> None:
    status, _, _ = await browser.post(TEACHER, "/log/saved?name=example.org", name="mine")
    assert status == 404
    assert (await statuses(browser, "/log"))[TEACHER.value] == 404
