"""The pages without sign-in in Chromium: no rule of WCAG 2.2 AA broken in either direction, readable at 320 pixels, and
the nonce's picture is asked for as the content policy allows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.browser.conftest import AXE, PICTURES, Laboratory
from tests.unit.console.fake_control import FakeControl
from tests.unit.console.test_public_pages import NAME, NONCE, NOTICE, SAID

from schoolgate.config.pages import Pages
from schoolgate.console.operations_client import OperationsClient
from schoolgate.console.public.public_application import PublicSite
from schoolgate.console.public.source_limit import SourceLimit

_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
_CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
NARROWEST = 320


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A site in a thread of its own: Playwright has this one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    path = tmp_path_factory.mktemp("public") / "operations.sock"
    port, close = asyncio.run_coroutine_threadsafe(_start(path), loop).result(30)
    yield f"http://127.0.0.1:{port}"
    asyncio.run_coroutine_threadsafe(close(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _start(path: Path) -> tuple[int, Any]:
    control = FakeControl(path)
    control.answers |= {
        "pages.nonce": {"nonce": NONCE, "name": NAME},
        "pages.last_block": {"said": SAID},
        "pages.ask_teacher": {"code": "BCD234", "until": "2026-11-30T10:00:00+00:00"},
        "pages.notice": NOTICE,
    }
    await control.start()
    client = OperationsClient(path)
    pages = Pages(enabled=True, port=0, names=("why.school.example",), school="Oak School")
    # No clock: nothing fills the bucket, and it is large enough for this file.
    runner = web.AppRunner(PublicSite(pages, client, SourceLimit(lambda: 0.0)).application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()

    async def close() -> None:
        await runner.cleanup()
        await client.close()
        await control.stop()

    return int(runner.addresses[0][1]), close


# A page, or "" for what its button leads to; each in one of the two directions.
_LOOKED_AT = (
    ("why", "/", "ar"),
    ("why", "/", "en"),
    ("said", "", "en"),
    ("code", "", "en"),
    ("about", "/about", "ar"),
    ("guests", "/guests", "en"),
)


def test_each_page_breaks_no_rule_and_fits_a_small_screen(laboratory: Laboratory, address: str) -> None:
    context = laboratory.context(viewport={"width": NARROWEST, "height": 640}, reduced_motion="reduce")
    context.add_init_script(path=str(AXE))
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.on("console", lambda one: complaints.append(one.text) if one.type == "error" else None)
    for name, path, language in _LOOKED_AT:
        if path:
            page.goto(f"{address}{path}?lang={language}")
        else:
            page.locator("main button").click()
        for scheme, rules in (("light", _RULES), ("dark", _CONTRAST)):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            found = page.evaluate("options => axe.run(document, options)", rules)["violations"]
            assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == [], (name, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROWEST, name
        page.screenshot(path=PICTURES / f"public-{name}-{language}.png", full_page=True)
    context.close()
    assert f"http://{NAME}/" in asked, "the browser asks for the nonce"
    # There is no such host, and that is all: nothing that the content policy forbids.
    assert all("ERR_NAME_NOT_RESOLVED" in one or "ERR_INTERNET_DISCONNECTED" in one for one in complaints), complaints
