"""Cases: what was a concern, what people found when they talked, and what came of it. No list of pupils is made."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from schoolgate.console.csv_text import csv_file
from schoolgate.console.device_words import names_of
from schoolgate.console.errors import FactorNeeded, FormRefused, RightMissing
from schoolgate.console.screen import Page, Screen, number_in
from schoolgate.console.screens.escalation import recipient
from schoolgate.console.sign_in_steps import STEP_UP, with_next
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/cases", "Cases", "case.list")

ROWS: Final = 25
SEVERITIES: Final = ("urgent", "warning", "notice")
OUTCOMES: Final = {
    "no-concern": "No concern",
    "spoken-to": "Spoken to",
    "parents": "Parents or carers informed",
    "referral": "Referred",
    "prevent": "Referred under Prevent",
    "police": "Police informed",
    "technical": "A technical matter",
    "false-alarm": "False alarm: nothing was behind it",
}
SOURCES: Final = {"alert": "Alerts", "report": "A report by staff", "person": "What someone saw"}
_DONE: Final = {
    "open": "The case is open, and its alerts are passed on to no one else.",
    "judge": "Your judgement is kept.",
    "note": "It is noted.",
    "close": "The case is closed, and its alerts with it.",
    "send": "The case is on its way. The steps below say to whom.",
}
_COLUMNS: Final = (
    "number", "state", "concern", "source", "theme", "severity", "group", "sentence", "expected", "opened_us",
    "acknowledged_by", "judgement", "judged_by", "outcome", "false_alert", "reference", "alerts", "steps",
)  # fmt: skip
_NO_CASE: Final = ("NoSuchRecord", "AlertRefused")


def add_routes(app: web.Application) -> None:
    """The list, a new one, one with its steps, and an export."""
    SCREEN.get(app, show)
    SCREEN.get(app, new, "/new")
    SCREEN.post(app, open_case, "/new")
    SCREEN.get(app, export, "/export")
    SCREEN.post(app, download, "/export")
    SCREEN.get(app, one, r"/{number:\d{1,12}}")
    SCREEN.post(app, act, r"/{number:\d{1,12}}")
    SCREEN.get(app, choose_recipient, r"/{number:\d{1,12}}/send")
    SCREEN.post(app, send, r"/{number:\d{1,12}}/send")


async def show(page: Page) -> web.Response:
    """Open cases, the urgent ones first, or what the filters choose; and how many alerts were false."""
    query = page.query
    state = query.get("state", "open") if query.get("state") in ("open", "closed", "all") else "open"
    severity = query.get("severity", "") if query.get("severity") in SEVERITIES else ""
    wanted: dict[str, Any] = {"states": ["open", "closed"] if state == "all" else [state], "most": ROWS}
    if severity:
        wanted["severities"] = [severity]
    if (before := number_in(query.get("before", ""), 12)) is not None:
        wanted["before"] = before
    found = await page.call("case.list", **wanted)
    given = {"state": state, "severity": severity, "before": str(found["before"] or "")}
    more = page.request.rel_url.with_query({name: value for name, value in given.items() if value})
    return page.render(
        "screens/cases.html", found=sorted(found["cases"], key=lambda each: SEVERITIES.index(each["severity"])),
        counts=await page.call("case.counts"), summary=await page.call("case.summary"), state=state,
        severity=severity, outcomes=OUTCOMES, more=str(more) if found["before"] else None,
    )  # fmt: skip


async def new(page: Page) -> web.Response:
    """What it is about: alerts, a report, or what someone saw."""
    page.need("case.open")
    numbers = [one for one in map(_number, page.request.query.getall("alert", [])) if one is not None]
    return await _new(page, numbers, _number(page.query.get("ticket", "")), {})


async def open_case(page: Page) -> web.Response:
    """Opens it."""
    page.need("case.open")
    form = dict(await page.form())
    numbers = [one for one in map(_number, await page.form_list("alerts")) if one is not None]
    ticket = _number(form.get("ticket", ""))
    wanted: dict[str, Any] = {"alerts": numbers, "text": form.get("text", "").strip()}
    wanted["is_expected"] = form.get("expected") == "yes"
    if form.get("severity") in SEVERITIES:
        wanted["severity"] = form["severity"]
    if ticket is not None:
        wanted["ticket"] = ticket
    try:
        made = await page.call("case.open", **wanted)
    except FormRefused as error:
        return await _new(page, numbers, ticket, form, {"text": str(error)})
    return page.redirect(f"/cases/{made['case']['number']}?done=open")


async def one(page: Page) -> web.Response:
    """One case; the look is on record."""
    return await _one(page)


async def act(page: Page) -> web.Response:
    """Notes, judges or closes; to send it has a page of its own."""
    number, form = int(page.request.match_info["number"]), await page.form()
    does, text = form.get("do", ""), form.get("text", "").strip()
    calls: dict[str, dict[str, Any]] = {
        "judge": {"text": text},
        "note": {"text": text, **_noted(form)},
        "close": {"outcome": form.get("outcome", ""), "text": text},
    }
    if does not in calls:
        raise web.HTTPBadRequest
    page.need(f"case.{does}")
    mistakes = {}
    if does == "close" and form.get("outcome") not in OUTCOMES:
        mistakes = {"outcome": "Choose what came of it."}
    if not mistakes:
        try:
            version = number_in(form.get("version", ""), 9)
            done = await page.call(f"case.{does}", number=number, version=version, **calls[does])
            late = "&late=yes" if done["not_done"] else ""
            return page.redirect(f"/cases/{number}?done={does}{late}")
        except FormRefused as error:
            mistakes = {"": str(error)}
    return await _one(page, mistakes, does, text)


async def export(page: Page) -> web.Response:
    """What an export holds, before it is made."""
    page.need("case.export")
    return page.render("screens/cases_export.html")


async def download(page: Page) -> web.Response:
    """All cases as a table for a case system. No device is in it."""
    page.need("case.export")
    rows: list[list[object]] = []
    before: int | None = None
    while True:
        found = await page.call("case.export", before=before)
        rows += [_exported(each) for each in found["cases"]]
        before = found["before"]
        if before is None:
            return csv_file("cases.csv", _COLUMNS, rows)


async def choose_recipient(page: Page) -> web.Response:
    """To whom, and what each gets; then the question whether it is meant."""
    page.need("case.send")
    if not page.viewer.is_fresh:
        return page.redirect(with_next(STEP_UP, page.request.path_qs))
    return await _send(page, page.query.get("to", ""))


async def send(page: Page) -> web.Response:
    """Sends it to the one that was confirmed."""
    page.need("case.send")
    number, form = int(page.request.match_info["number"]), await page.form()
    to = form.get("to", "")
    kind, _, name = to.partition(":")
    given: dict[str, Any] = {"webhook" if kind == "system" else "post": name}
    try:
        done = await page.call("case.send", number=number, version=number_in(form.get("version", ""), 9), **given)
    except FactorNeeded:
        return page.redirect(with_next(STEP_UP, page.request.path))
    except FormRefused as error:
        if error.kind in _NO_CASE:
            raise web.HTTPNotFound from None
        return await _send(page, to, {"": str(error)})
    late = "&unsent=yes" if done["not_done"] else ""
    return page.redirect(f"/cases/{number}?done=send{late}")


def _number(text: str) -> int | None:
    return number_in(text, 12)


def _noted(form: Any) -> dict[str, Any]:
    """A case's number elsewhere, and whether it belongs to a lesson: only where the form has them."""
    found: dict[str, Any] = {}
    if "reference" in form:
        found = {"reference": form["reference"].strip()[:200], "is_expected": form.get("expected") == "yes"}
    return found


async def _new(
    page: Page, numbers: list[int], ticket: int | None, given: dict[str, str], mistakes: dict[str, str] | None = None
) -> web.Response:
    try:
        chosen = [(await page.call("alerts.show", number=number))["alert"] for number in numbers]
        report = None if ticket is None else await page.call("ticket.show", number=ticket)
    except OperationRefused as error:
        if isinstance(error, RightMissing) or error.kind in _NO_CASE:
            raise web.HTTPNotFound from None
        raise
    others: list[Any] = []
    devices = {one["client"] for one in chosen if one["client"]}
    if devices:
        rows = (await page.call("alerts.list", most=200))["alerts"]
        others = [each for each in rows if each["client"] in devices and each["id"] not in numbers]
    return page.render(
        "screens/case_new.html", status=422 if mistakes else 200, chosen=chosen, others=others, report=report,
        given={"text": "", "severity": "", "expected": "", **given}, mistakes=mistakes or {},
    )  # fmt: skip


async def _send(page: Page, to: str, mistakes: dict[str, str] | None = None) -> web.Response:
    number = int(page.request.match_info["number"])
    case = (await _shown(page))["case"]
    found = await page.call("case.recipients", number=number)
    # With one there is nothing to choose.
    chosen = [one for one in found if f"{one['kind']}:{one['name']}" == to or len(found) == 1]
    return page.render(
        "screens/case_send.html", status=422 if mistakes else 200, one=case, recipients=found,
        chosen=chosen[0] if chosen else None, recipient=recipient, mistakes=mistakes or {},
    )  # fmt: skip


async def _shown(page: Page) -> Any:
    try:
        return await page.call("case.show", number=int(page.request.match_info["number"]))
    except OperationRefused as error:
        if isinstance(error, RightMissing) or error.kind in _NO_CASE:
            raise web.HTTPNotFound from None
        raise


async def _one(page: Page, mistakes: dict[str, str] | None = None, does: str = "", text: str = "") -> web.Response:
    found = await _shown(page)
    rows = [(str(alert["client"] or ""), str(alert["last_at"])) for alert in found["alerts"]]
    return page.render(
        "screens/case.html", status=422 if mistakes else 200, one=found["case"],
        alerts=list(zip(found["alerts"], map((await names_of(page, rows)).get, rows), strict=True)),
        changed=found["changed"], mistakes=mistakes or {}, does=does, text=text, outcomes=OUTCOMES, sources=SOURCES,
        said=_DONE,
        done=page.query.get("done", "") if page.query.get("done") in _DONE else "",
        is_late=page.query.get("late") == "yes", is_unsent=page.query.get("unsent") == "yes",
    )  # fmt: skip


def _exported(case: Any) -> list[object]:
    steps = "; ".join(
        f"{each['at_us']} {each['name']}: {each['what']} {each['note']} (audit {each['entry'][0]}/{each['entry'][1]})"
        for each in case["steps"]
    )
    return [
        case["number"], case["state"], case["concern"], case["source"], case["theme"], case["severity"],
        case["group"], case["sentence"], "yes" if case["is_expected"] else "no", case["opened_us"],
        case["acknowledged_by"], case["judgement"], case["judged_by"], case["outcome"],
        "yes" if case["is_false_alert"] else "no", case["reference"], " ".join(map(str, case["alerts"])), steps,
    ]  # fmt: skip
