"""Block a site, or open one for a while: what it is, for whom, until when; what that changes; then it is done."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.form_mistakes import without_options
from schoolgate.console.past_use import last_month
from schoolgate.console.plain_words import group
from schoolgate.console.screen import Page, Screen

BLOCK = Screen("/policy/block", "Block a site", "policy.block")
ALLOW = Screen("/policy/allow", "Open a site", "policy.allow")

_WHILE: Final = (
    ("30m", "30 minutes"),
    ("1h", "1 hour"),
    ("2h", "2 hours"),
    ("8h", "8 hours"),
    ("1d", "A day"),
    ("7d", "A week"),
    ("28d", "Four weeks"),
)
LASTS: Final = {"deny": (("", "For good"), *_WHILE), "allow": _WHILE}


def add_routes(app: web.Application) -> None:
    """Form, check and save of both."""
    for screen in (BLOCK, ALLOW):
        screen.get(app, form)
        screen.post(app, sent)


async def form(page: Page) -> web.Response:
    """The empty form; other pages fill name and groups in by the address."""
    given = {name: page.query.get(name, "") for name in ("name", "reason", "until")}
    chosen = [one for one in page.request.query.getall("segment", []) if one]
    return await _form(
        page, {**given, "lasts": page.query.get("lasts", "1h" if _effect(page) == "allow" else "")}, chosen
    )


async def sent(page: Page) -> web.Response:
    """First what would change, then, with "save", the change."""
    given, chosen = dict(await page.form()), await page.form_list("segments")
    mistakes = _mistakes(page, given)
    if mistakes:
        return await _form(page, given, chosen, mistakes)
    try:
        if given.get("step") == "save":
            return await _saved(page, given, chosen)
        return await _checked(page, given, chosen)
    except FormRefused as error:
        return await _form(page, given, chosen, {_field(error): without_options(str(error))})


def _effect(page: Page) -> str:
    return "deny" if page.screen is BLOCK else "allow"


def _field(error: FormRefused) -> str:
    """The field that a refusal is about. One of the time says how the command line writes it."""
    if error.kind == "NotClear" and "--until" in str(error):
        return "until"
    return "segments" if error.kind == "SegmentUnclear" else "name"


def _mistakes(page: Page, given: dict[str, str]) -> dict[str, str]:
    found = {}
    if not given.get("name", "").strip():
        found["name"] = "Say which site, such as games.example.com."
    if _effect(page) == "allow" and not given.get("reason", "").strip():
        found["reason"] = "Say why; a few words are enough."
    return found


def _arguments(given: dict[str, str], chosen: list[str]) -> dict[str, Any]:
    end: dict[str, Any] = {"until": given.get("until", "").strip() or None}
    if end["until"] is None:
        end["lasts"] = given.get("lasts") or None
    reason = given.get("reason", "").strip()
    return {"name": given.get("name", "").strip(), "segments": chosen, "reason": reason, **end}


async def _form(
    page: Page, given: dict[str, str], chosen: list[str], mistakes: dict[str, str] | None = None
) -> web.Response:
    segments = (await page.call("segments.list"))["segments"]
    return page.render(
        "screens/quick_change.html",
        status=422 if mistakes else 200,
        effect=_effect(page),
        given={"name": "", "reason": "", "until": "", "lasts": "", **given},
        segments=[(one["id"], group(one["id"])) for one in segments],
        chosen=chosen,
        lasts=LASTS[_effect(page)],
        mistakes=mistakes or {},
    )


async def _checked(page: Page, given: dict[str, str], chosen: list[str]) -> web.Response:
    effect = _effect(page)
    preview = await page.call("policy.preview", effect=effect, **_arguments(given, chosen))
    found, why_not = (None, "") if preview["is_so_already"] else await last_month(page, preview["text"])
    fields = {name: given.get(name, "") for name in ("name", "reason", "until", "lasts")}
    if preview["until"]:
        # The end that was shown is the one that is saved.
        fields |= {"until": preview["until"], "lasts": ""}
    return page.render(
        "screens/quick_check.html", effect=effect, preview=preview, replayed=found, why_not=why_not, given=fields,
        chosen=chosen,
    )  # fmt: skip


async def _saved(page: Page, given: dict[str, str], chosen: list[str]) -> web.Response:
    made = await page.call(page.screen.right, **_arguments(given, chosen))
    if made["applied"] is None:
        return await _checked(page, given, chosen)
    old = given.get("old", "")
    query = {"made": _effect(page), "old": old if old.isdecimal() else ""}
    return page.redirect(f"/policy/revisions/{made['applied']['revision']}?{urlencode(query)}")
