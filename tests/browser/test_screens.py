"""Every screen in Chromium: no violation of the policy, none of WCAG 2.2 AA in either theme, readable at 360 pixels.

Screens are found in the application itself, so that a new one is looked at without a word here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from tests.browser.conftest import AXE, NARROW, PICTURES, WIDE, Laboratory, Watched

from schoolgate.accounts.roles import Role
from schoolgate.config.console import Console
from schoolgate.console.application import application
from schoolgate.console.built_assets import BuiltAssets
from schoolgate.console.operations_client import OperationsClient
from schoolgate.console.screen import ANYONE, SCREENS, SIGNED_IN
from schoolgate.operations import rights

# WCAG 2.2 AA with what axe knows of it.
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
_CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}


def _screens() -> list[tuple[str, Role | None]]:
    """Each path that is a page, and the first role that may see it."""
    app = application(Console(), OperationsClient(Path("none")), BuiltAssets.load())
    pages = {str(one.resource.canonical) for one in app.router.routes() if one.method == "GET" and one.resource}
    shown = [one for path, one in app[SCREENS].items() if path in pages]
    found: list[tuple[str, Role | None]] = []
    for one in shown:
        holders = [role for role in Role if one.right == SIGNED_IN or rights.may([role], one.right)]
        found.append((one.path, None if one.right == ANYONE else holders[0]))
    return sorted(found, key=lambda one: one[0])


@pytest.fixture(scope="module")
def pages(laboratory: Laboratory) -> Any:
    """A signed-in page for each role, used again: opening one takes longer than a screen."""
    contexts: dict[Role | None, Any] = {}

    def page_of(role: Role | None) -> Page:
        if role not in contexts:
            contexts[role] = laboratory.context(role)
            contexts[role].add_init_script(path=str(AXE))
        return contexts[role].new_page()  # type: ignore[no-any-return]

    yield page_of
    for one in contexts.values():
        one.close()


@pytest.mark.parametrize(("path", "role"), _screens(), ids=lambda value: str(value or "anyone"))
def test_a_screen_is_readable_and_breaks_no_rule(
    laboratory: Laboratory, pages: Any, path: str, role: Role | None
) -> None:
    watched = Watched(pages(role))
    page = watched.page
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    response = page.goto(laboratory.console.address + path)
    assert response is not None and response.status == 200
    assert page.locator("h1").count() == 1, "one first line"
    assert _violations(page, _RULES) == []
    _picture(page, path, "light-1280")
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert _violations(page, _CONTRAST) == []
    _picture(page, path, "dark-1280")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], "it scrolls sideways"
    _picture(page, path, "dark-360")
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    _picture(page, path, "light-360")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    page.close()
    assert watched.complaints == []


@pytest.mark.parametrize("role", list(Role))
def test_home_of_each_role_breaks_no_rule(laboratory: Laboratory, pages: Any, role: Role) -> None:
    watched = Watched(pages(role))
    watched.page.goto(laboratory.console.address + "/")
    assert _violations(watched.page, _RULES) == []
    _picture(watched.page, f"home-{role}", "light-1280")
    watched.page.close()
    assert watched.complaints == []


def _violations(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe found, each with the elements it is about."""
    found = page.evaluate("options => axe.run(document, options)", options)
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found["violations"]]


def _picture(page: Page, path: str, name: str) -> None:
    page.screenshot(path=PICTURES / f"{path.strip('/').replace('/', '-') or 'home'}-{name}.png", full_page=True)
