"""Ask for a change of the filter: a site, for whom, until when, what for. Leaders file, staff suggest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from schoolgate.console import request_words
from schoolgate.console.errors import FormRefused
from schoolgate.console.form_mistakes import without_options
from schoolgate.console.plain_words import group
from schoolgate.console.screen import Page, Screen, number_in

SCREEN = Screen("/requests/new", "Ask for a change", "request.suggest")
LASTS: Final = (
    ("1d", "A day"),
    ("7d", "A week"),
    ("28d", "Four weeks"),
    ("90d", "A term (90 days)"),
    ("365d", "A year"),
    ("", "For good (closing only)"),
)
# Fields of a leader, beside those of everyone.
_LEADERS: Final = (
    "reviewed_by",
    "reviewed_on",
    "finding",
    "alternatives",
    "spoke_with",
    "spoke_on",
    "outcome",
    "starts",
)
_ALL: Final = ("action", "wanted", "purpose", "group", "lasts", "until")


def add_routes(app: web.Application) -> None:
    """The form."""
    SCREEN.get(app, form)
    SCREEN.post(app, sent)


async def form(page: Page) -> web.Response:
    """Other pages fill it in by the address; with `number` it is a suggestion that a leader takes up."""
    number = number_in(page.query.get("number", ""))
    if number is not None:
        page.need("request.file")
        return await _form(page, await _suggested(page, number), None)
    given = {name: page.query.get(name, "") for name in ("names", "purpose", "wanted", "group")}
    # As the why page and a pupil's code lead here.
    given["names"] = given["names"] or page.query.get("name", "")
    action = page.query.get("action", "open")
    given |= {"action": action, "lasts": page.query.get("lasts", "28d"), "number": ""}
    return await _form(page, given, [one for one in page.request.query.getall("segment", []) if one])


async def sent(page: Page) -> web.Response:
    """Files it, or suggests it."""
    given, segments = dict(await page.form()), await page.form_list("segments")
    mistakes = _mistakes(given)
    if mistakes:
        return await _form(page, given, segments, mistakes)
    files = page.viewer.may("request.file")
    try:
        made = await page.call(
            "request.file" if files else "request.suggest", **_arguments(given, segments, files=files)
        )
    except FormRefused as error:
        return await _form(page, given, segments, {_field_of(error): without_options(str(error))})
    # Who takes a suggestion up asks for that one: no one else's request was met.
    is_filed = made["is_new"] or str(made["number"]) == given.get("number", "")
    return page.redirect(f"/requests/{made['number']}?done={'filed' if is_filed else 'joined'}")


def _mistakes(given: Mapping[str, str]) -> dict[str, str]:
    found = {}
    if given.get("action") == "other":
        if not given.get("wanted", "").strip():
            found["wanted"] = "Say what is to change."
    elif not given.get("names", "").strip():
        found["names"] = "Say which site, such as games.example.com."
    if not given.get("purpose", "").strip():
        found["purpose"] = "Say what it is for; a few words are enough."
    return found


def _arguments(given: Mapping[str, str], segments: list[str], *, files: bool) -> dict[str, Any]:
    action = given.get("action", "open")
    names = given.get("names", "").replace(",", " ").split() if action != "other" else []
    wanted: dict[str, Any] = {
        "action": action, "names": names, "segments": segments, "purpose": given.get("purpose", "").strip(),
        "wanted": given.get("wanted", "").strip(), "group": given.get("group", "").strip(),
    }  # fmt: skip
    until, lasts = given.get("until", "").strip(), given.get("lasts", "")
    wanted |= {"until": until} if until else {"lasts": lasts or None}
    if files:
        wanted |= {name: given.get(name, "").strip() for name in _LEADERS}
        wanted |= {"starts": wanted["starts"] or None, "number": number_in(given.get("number", ""))}
    return wanted


def _field_of(error: FormRefused) -> str:
    text = str(error)
    if "there is no network" in text or "segment" in text:
        return "segments"
    if "within a year" in text or "--until" in text or "has passed" in text or "before it starts" in text:
        return "until"
    return "names" if error.kind in ("NotClear", "RecordRefused", "ArgumentsRefused") else ""


async def _suggested(page: Page, number: int) -> dict[str, Any]:
    """The fields of a suggestion. 404 for what is none."""
    try:
        found = await page.call("request.show", number=number)
    except FormRefused as error:
        raise web.HTTPNotFound from error
    if "request.file" not in found["may"]:
        raise web.HTTPNotFound
    fields = found["fields"]
    return {
        **{name: fields[name] for name in ("action", "wanted", "purpose", "group", "segments")},
        "names": " ".join(fields["names"]), "number": str(number), "lasts": "28d",
    }  # fmt: skip


async def _form(
    page: Page, given: Mapping[str, Any], segments: list[str] | None, mistakes: dict[str, str] | None = None
) -> web.Response:
    choices = await page.call("log.choices")
    shown = {name: str(given.get(name, "")) for name in (*_ALL, *_LEADERS, "names", "number")}
    return page.render(
        "screens/request_form.html", status=422 if mistakes else 200, given=shown, mistakes=mistakes or {},
        segments=[(one, group(one)) for one in choices["segments"]], lasts=LASTS, actions=request_words.ACTIONS,
        chosen=segments if segments is not None else list(given.get("segments", ())),
        files=page.viewer.may("request.file"),
    )  # fmt: skip
