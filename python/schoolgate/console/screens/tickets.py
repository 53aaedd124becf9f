"""Reports by staff: file one in under a minute, read the answer; and, for those who work on them, the list and its
steps."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from aiohttp import web

from schoolgate.console.errors import FormRefused, RightMissing
from schoolgate.console.plain_words import group
from schoolgate.console.screen import Page, Screen, number_in
from schoolgate.operations.socket_messages import OperationRefused

DESK = Screen("/report", "Report a problem", "ticket.file")
SCREEN = Screen("/tickets", "Staff reports", "ticket.list")

ROWS: Final = 25
# Kind: what a person would say, what the list calls it, a picture.
KINDS: Final = {
    "accessible": ("A site is open that should be closed", "Open, should be closed", "lock-open"),
    "restriction": ("A site is closed that I need", "Closed, is needed", "lock"),
    "accessed": ("Someone saw unsuitable material", "Unsuitable material was seen", "eye"),
    "wording": ("A word or spelling gets past the filter", "A word gets past", "search"),
    "failure": ("The filter fails or is abused", "Failure or abuse", "alert-triangle"),
    "security": ("I suspect a breach of security", "Breach of security", "shield-check"),
}
OUTCOMES: Final = {
    "changed": "Something was changed",
    "stays": "It stays as it is",
    "known": "It was known already",
    "passed-on": "It was passed on",
    "not-found": "Nothing was found",
}
# Who reads a kind, for the person who files it.
READERS: Final = {
    "accessible": "the safeguarding lead, the head and the network manager",
    "restriction": "the head and the network manager",
    "accessed": "the safeguarding lead and the head alone",
    "wording": "the network manager and the safeguarding lead",
    "failure": "the network manager and the head",
    "security": "the network manager, the head and the data protection officer",
}
_REVIEW_DAYS: Final = 7
_FIELDS: Final = ("kind", "text", "site", "word", "group")
_DONE: Final = {
    "note": "It is noted.",
    "close": "It is closed, and its reporter has the answer.",
    "block": "The site is closed until its review. The report stays open until then.",
}


def add_routes(app: web.Application) -> None:
    """The form with the caller's own reports, one of them; the list, and one with its steps."""
    DESK.get(app, form)
    DESK.post(app, file)
    DESK.get(app, own, r"/{number:\d{1,12}}")
    SCREEN.get(app, show)
    SCREEN.get(app, one, r"/{number:\d{1,12}}")
    SCREEN.post(app, act, r"/{number:\d{1,12}}")


async def form(page: Page) -> web.Response:
    """What it is about; then what is needed of that kind. An address, such as a poster's code, may say both."""
    return await _form(page, {name: page.query.get(name, "")[:500] for name in _FIELDS})


async def file(page: Page) -> web.Response:
    """Files it."""
    posted = await page.form()
    given = {name: posted.get(name, "").strip() for name in _FIELDS}
    if given["kind"] not in KINDS:
        return await _form(page, {**given, "kind": ""}, {"kind": "Choose what it is about."})
    filed: dict[str, Any] = dict(given)
    try:
        made = await page.call("ticket.file", **filed)
    except FormRefused as error:
        return await _form(page, given, {_field(error, given["kind"]): str(error)})
    return page.redirect(f"/report/{made['number']}?done=yes")


async def own(page: Page) -> web.Response:
    """One report, as its reporter sees it."""
    return page.render(
        "screens/ticket_own.html", one=await _ticket(page), kinds=KINDS, outcomes=OUTCOMES, readers=READERS,
        is_new=page.query.get("done") == "yes",
    )  # fmt: skip


async def show(page: Page) -> web.Response:
    """Reports of the kinds that this account works on."""
    query = page.query
    state = query.get("state", "open") if query.get("state") in ("open", "closed", "all") else "open"
    kind = query.get("kind", "") if query.get("kind") in KINDS else ""
    wanted: dict[str, Any] = {"states": ["open", "closed"] if state == "all" else [state], "most": ROWS}
    if kind:
        wanted["kind"] = kind
    if (before := number_in(query.get("before", ""), 12)) is not None:
        wanted["before"] = before
    found = await page.call("ticket.list", **wanted)
    given = {"state": state, "kind": kind, "before": str(found["before"] or "")}
    more = page.request.rel_url.with_query({name: value for name, value in given.items() if value})
    return page.render(
        "screens/tickets.html", found=found["tickets"], counts=await page.call("ticket.counts"), kinds=KINDS,
        state=state, kind=kind, outcomes=OUTCOMES, more=str(more) if found["before"] else None,
    )  # fmt: skip


async def one(page: Page) -> web.Response:
    """One report with its steps; the look is on record."""
    return await _one(page)


async def act(page: Page) -> web.Response:
    """Notes, closes, or blocks the site until its review."""
    number, posted = int(page.request.match_info["number"]), await page.form()
    does, text = posted.get("do", ""), posted.get("text", "").strip()
    version = number_in(posted.get("version", ""), 9)
    calls: dict[str, dict[str, Any]] = {
        "note": {"text": text},
        "close": {"outcome": posted.get("outcome", ""), "text": text},
        "block": {"review": posted.get("review", ""), "segments": await page.form_list("segments")},
    }
    if does not in calls:
        raise web.HTTPBadRequest
    mistakes = {}
    if does == "close" and posted.get("outcome") not in OUTCOMES:
        mistakes = {"outcome": "Choose what came of it."}
    if does == "block" and not _is_day(posted.get("review", "")):
        mistakes = {"review": "Choose the day on which you look again."}
    if not mistakes:
        try:
            await page.call(f"ticket.{does}", number=number, version=version, **calls[does])
            return page.redirect(f"/tickets/{number}?done={does}")
        except FormRefused as error:
            mistakes = {"review" if does == "block" else "": str(error)}
    return await _one(page, mistakes, does, text)


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _field(error: FormRefused, kind: str) -> str:
    """The field that a refusal is about."""
    if "write the site alone" in str(error):
        return "site"
    return {"restriction": "site", "accessible": "site", "wording": "word"}.get(kind, "text")


async def _form(page: Page, given: dict[str, str], mistakes: dict[str, str] | None = None) -> web.Response:
    before = number_in(page.query.get("before", ""), 12)
    mine = await page.call("ticket.own", most=ROWS, before=before)
    return page.render(
        "screens/ticket_new.html", status=422 if mistakes else 200, kinds=KINDS, readers=READERS, outcomes=OUTCOMES,
        given=given | {"kind": given["kind"] if given["kind"] in KINDS else ""}, mistakes=mistakes or {}, mine=mine,
    )  # fmt: skip


async def _ticket(page: Page) -> Any:
    """Raises 404 where there is none, and where it is not this account's to see."""
    try:
        return await page.call("ticket.show", number=int(page.request.match_info["number"]))
    except OperationRefused as error:
        if isinstance(error, RightMissing) or error.kind == "NoSuchRecord":
            raise web.HTTPNotFound from None
        raise


async def _one(page: Page, mistakes: dict[str, str] | None = None, does: str = "", text: str = "") -> web.Response:
    found = await _ticket(page)
    if not found["may_work"]:
        raise web.HTTPNotFound
    may_block = found["state"] == "open" and found["site"] and page.viewer.may("ticket.block")
    segments = (await page.call("segments.list"))["segments"] if may_block else ()
    return page.render(
        "screens/ticket.html", status=422 if mistakes else 200, one=found, kinds=KINDS, outcomes=OUTCOMES,
        mistakes=mistakes or {}, does=does, text=text, said=_DONE, may_block=may_block,
        done=page.query.get("done", "") if page.query.get("done") in _DONE else "",
        segments=[(each["id"], group(each["id"])) for each in segments],
        pupils=[each["id"] for each in segments if not _is_for_adults(each)],
        review=(dt.datetime.now(dt.UTC) + dt.timedelta(days=_REVIEW_DAYS)).date().isoformat(),
    )  # fmt: skip


def _is_for_adults(segment: Any) -> bool:
    """By the words of the network and its policy: a first choice, which a person changes before it is sent."""
    return any(word in f"{segment['id']} {segment['policy']}" for word in ("staff", "guest", "office", "admin"))
