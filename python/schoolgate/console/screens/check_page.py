"""The check of the device that opens the page: what the server takes it for, what to try on it, and its record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.screen import Page, Screen

SCREEN = Screen("/check", "Check a device", "checks.probes")

KINDS: Final = (
    ("owned", "The school's own device"), ("personal", "A person's own device"), ("guest", "A guest's device"),
)  # fmt: skip
RESULTS: Final = (("passed", "It got what it should"), ("failed", "Something was not as it should be"))
# What can be said of each name that was tried.
CAME: Final = (("", "Not tried"), ("yes", "As it should be"), ("no", "Not as it should be"))
# The end of the test name that each shipped list begins with.
TEST_NAMES: Final = ".blocked.example.com"
_FIELDS: Final = ("tested", "system", "place", "group", "line", "findings")


def add_routes(app: web.Application) -> None:
    """The page and its form."""
    SCREEN.get(app, show)
    SCREEN.post(app, record)


async def show(page: Page) -> web.Response:
    """Who, where, which policy; the names to try; the form."""
    return await _shown(page, {}, {})


async def record(page: Page) -> web.Response:
    """Keeps the check."""
    page.need("checks.add")
    form = await page.form()
    mistakes = _mistakes(form)
    if mistakes:
        return await _shown(page, form, mistakes)
    given: dict[str, Any] = {name: form.get(name, "").strip() for name in _FIELDS}
    given |= {
        "result": form["result"], "device_kind": form["device_kind"], "is_on_site": form.get("off_site", "") != "yes",
        "actions": _actions(form), "answers": _answers(await page.call("checks.probes"), form),
    }  # fmt: skip
    try:
        made = await page.call("checks.add", **given)
    except FormRefused as error:
        return await _shown(page, form, {"": str(error)})
    if not page.viewer.may("checks.show"):
        return page.redirect(f"{SCREEN.path}?done={made['number']}")
    return page.redirect(f"/checks/records/{made['number']}?done=made")


def _mistakes(form: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    if form.get("device_kind", "") not in dict(KINDS):
        found["device_kind"] = "Say whose device it is."
    if form.get("result", "") not in dict(RESULTS):
        found["result"] = "Say what came of it."
    if not form.get("tested", "").strip():
        found["tested"] = "Say what was tested; a few words are enough."
    if not form.get("line", "").strip():
        for name, words in (("place", "Say where the device is."), ("group", "Say who uses the device.")):
            if not form.get(name, "").strip():
                found[name] = words
    return found | _action_mistakes(form)


def _action_mistakes(form: Mapping[str, str]) -> dict[str, str]:
    what, owner, due = (form.get(f"action_{name}", "").strip() for name in ("what", "owner", "due"))
    if not (what or owner or due):
        return {}
    found: dict[str, str] = {}
    if not what:
        found["action_what"] = "Say what is to be done."
    if not owner:
        found["action_owner"] = "Say who does it."
    try:
        dt.date.fromisoformat(due)
    except ValueError:
        found["action_due"] = "Say until which day."
    return found


def _actions(form: Mapping[str, str]) -> list[dict[str, str]]:
    what = form.get("action_what", "").strip()
    if not what:
        return []
    return [{"what": what, "owner": form["action_owner"].strip(), "due": form["action_due"].strip()}]


def _answers(probes: Any, form: Mapping[str, str]) -> list[dict[str, Any]]:
    """What was said of each name; those that were not tried are left out."""
    found = []
    for one in probes["probes"]:
        said = form.get(f"came:{one['name']}", "")
        if said in ("yes", "no"):
            came = one["expected"] if said == "yes" else f"not {one['expected']}"
            found.append(
                {"name": one["name"], "about": one["about"], "expected": one["expected"], "came": came,
                 "is_well": said == "yes"}
            )  # fmt: skip
    return found


async def _shown(page: Page, form: Mapping[str, str], mistakes: dict[str, str]) -> web.Response:
    found = await page.call("checks.probes")
    return page.render(
        "screens/check_page.html", status=422 if mistakes else 200, found=found, mistakes=mistakes, given=form,
        kinds=KINDS, results=RESULTS, came=CAME,
        listed=[one["name"] for one in found["probes"] if one["name"].endswith(TEST_NAMES)],
        tried=any(form.get(name) for name in form if name.startswith("came:")), made=page.query.get("done", ""),
    )  # fmt: skip
