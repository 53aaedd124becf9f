"""What a browser transfers, in octets: a first page with all that it loads, and the pages after it."""

from __future__ import annotations

import gzip
import html
import re

import pytest
from aiohttp import ClientSession
from tests.browser.demonstration_school import device
from tests.integration.console_pages import Pages

from schoolgate.accounts.roles import Role
from schoolgate.console.page_packing import LEAST_OCTETS
from schoolgate.console.session_cookie import SESSION

FIRST_PAGE, LATER_PAGE = 200_000, 30_000
N, D, H = Role.network_manager, Role.safeguarding_lead, Role.head
# The pages that are opened most, each by the role that sees most on it.
MOST_USED = (
    (D, "/log"),
    (D, "/log?when=week&verdict=blocked"),
    (N, "/log/live"),
    (N, "/explain?name=www.roblox.com"),
    (D, "/alerts"),
    (D, f"/devices/{device('pupils', 1)}"),
    (N, "/policy"),
    (N, "/policy/of/pupil"),
    (N, "/lists"),
    (N, "/services"),
    (H, "/requests"),
    (N, "/health"),
    (Role.teacher, "/check"),
    (H, "/registers/decisions?most=75"),
)
_ASSET = re.compile(r'(?:href|src)="(/assets/[^"#]+)')


async def fetched(pages: Pages, role: Role, path: str, site: str = "same-origin") -> tuple[int, str, dict[str, str]]:
    """Octets of the answer as they travel, head and body; its text; its headers."""
    sent = {"Sec-Fetch-Site": site, "Cookie": f"{SESSION}={pages.school.sessions[role]}", "Accept-Encoding": "gzip"}
    async with (
        ClientSession(auto_decompress=False) as session,
        session.get(f"http://127.0.0.1:{pages.port}{path}", headers=sent) as response,
    ):
        body = await response.read()
        assert response.status == 200, path
        head = sum(len(name) + len(value) + 4 for name, value in response.raw_headers)
        plain = gzip.decompress(body) if response.headers.get("Content-Encoding") == "gzip" else body
        return head + len(body), plain.decode(), dict(response.headers)


def assets(text: str) -> set[str]:
    """The files that a page loads."""
    return set(map(html.unescape, _ASSET.findall(text)))


@pytest.mark.parametrize("role", list(Role))
async def test_home_is_light_with_all_that_it_loads(pages: Pages, role: Role) -> None:
    page, text, _ = await fetched(pages, role, "/", "none")
    loaded = {path: (await fetched(pages, role, path))[0] for path in assets(text)}
    assert page + sum(loaded.values()) <= FIRST_PAGE, loaded
    assert page <= LATER_PAGE


@pytest.mark.parametrize(("role", "path"), MOST_USED, ids=[path for _, path in MOST_USED])
async def test_a_page_after_it_is_lighter(pages: Pages, role: Role, path: str) -> None:
    known = assets((await fetched(pages, role, "/"))[1])
    page, text, headers = await fetched(pages, role, path)
    new = {one: (await fetched(pages, role, one))[0] for one in assets(text) - known}
    assert page + sum(new.values()) <= LATER_PAGE, new
    assert "Sec-Fetch-Site" in headers["Vary"]


async def test_a_page_that_others_asked_for_is_not_packed(pages: Pages) -> None:
    """BREACH: its length must say nothing of what is in it."""
    for site in ("cross-site", "same-site"):
        octets, text, headers = await fetched(pages, D, "/log", site)
        assert "Content-Encoding" not in headers
        assert octets > len(text) > LEAST_OCTETS
