"""Alerts: what needs a person, most urgent first; one alert with its evidence, and what is done about it.

No list of pupils or devices is made of them. IT sees technical alerts alone, and the operations keep it so.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from aiohttp import web

from schoolgate.console import log_words
from schoolgate.console.category_names import category_names
from schoolgate.console.csv_text import csv_file
from schoolgate.console.device_words import names_of
from schoolgate.console.errors import FormRefused, RightMissing
from schoolgate.console.lesson_words import lessons_of
from schoolgate.console.screen import Page, Screen, number_in
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/alerts", "Alerts", "alerts.list")

ROWS: Final = 25
SEVERITIES: Final = ("urgent", "warning", "notice")
STATES: Final = ("new", "acknowledged", "closed")
# What came of an alert, in the words of the form.
OUTCOMES: Final = {
    "concern": "A concern: we act on it",
    "known-person": "Known: someone already helps here",
    "expected-lesson": "Expected: it belongs to a lesson",
    "false-alarm": "False alarm: nothing was behind it",
    "other": "Something else: see the note",
}
AROUND: Final = dt.timedelta(minutes=10)
MOST_AROUND: Final = 50
_COLUMNS: Final = (
    "number", "severity", "state", "outcome", "sentence", "rule", "category", "detector", "segment", "device", "count",
    "opened", "last", "sites", "held", "history",
)  # fmt: skip


def add_routes(app: web.Application) -> None:
    """The list, an alert, its actions, and messages."""
    SCREEN.get(app, show)
    SCREEN.get(app, messages, "/messages")
    SCREEN.post(app, send_test, "/messages")
    SCREEN.get(app, export, "/export")
    SCREEN.post(app, download, "/export")
    SCREEN.get(app, one, r"/{number:\d{1,12}}")
    SCREEN.get(app, around, r"/{number:\d{1,12}}/around")
    SCREEN.post(app, act, r"/{number:\d{1,12}}")


async def show(page: Page) -> web.Response:
    """Open alerts by severity, or what the filters choose."""
    query = page.query
    chosen = {
        "severity": query.get("severity", "") if query.get("severity") in SEVERITIES else "",
        "state": query.get("state", "") if query.get("state") in STATES else "",
        "segment": query.get("segment", "")[:253],
    }
    counts = await page.call("alerts.counts")
    is_filtered = any(chosen.values())
    severities = [chosen["severity"]] if chosen["severity"] else list(SEVERITIES)
    # Without a filter, or by state alone: a table for each severity, so that the urgent ones stand first.
    groups = [(severity, await _listed(page, chosen, severity)) for severity in severities]
    undelivered = await page.call("alerts.undelivered") if page.viewer.may("alerts.undelivered") else []
    lessons = await lessons_of(page, [one for _, found in groups for one in found["alerts"]])
    return page.render(
        "screens/alerts.html", lessons=lessons, chosen=chosen, counts=counts, groups=groups, is_filtered=is_filtered,
        undelivered=len(undelivered), waiting=_waiting(counts), more=_more(page, chosen),
    )  # fmt: skip


async def one(page: Page) -> web.Response:
    """One alert; the look is on record."""
    return await _shown(page)


async def around(page: Page) -> web.Response:
    """What the device asked ten minutes before and after; the look is on record."""
    if not page.viewer.sees_identities("log.search"):
        raise web.HTTPNotFound
    shown = await _alert(page)
    alert, rows = shown["alert"], None
    if alert["client"]:
        since = _time(alert["opened_at"]) - AROUND
        until = max(_time(alert["opened_at"]), _time(alert["last_at"])) + AROUND
        filters = {"since": since.isoformat(), "until": until.isoformat()}
        try:
            rows = await page.call("log.search", filters=filters, client=alert["client"], most=MOST_AROUND)
        except OperationRefused as error:
            return page.render("screens/alerts_around.html", alert=alert, rows=None, problem=str(error))
    return page.render("screens/alerts_around.html", alert=alert, rows=rows, problem="", why=log_words.why)


async def act(page: Page) -> web.Response:
    """Acknowledges, closes, holds or releases."""
    number, form = int(page.request.match_info["number"]), await page.form()
    note = form.get("note", "").strip()[:2000]
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "acknowledge": ("alerts.acknowledge", {"note": note}),
        "close": ("alerts.close", {"outcome": form.get("outcome", ""), "note": note}),
        "false-alarm": ("alerts.close", {"outcome": "false-alarm", "note": note}),
        "hold": ("alerts.hold", {"reason": note}),
        "release": ("alerts.release", {}),
    }
    does = form.get("do", "")
    if does not in calls:
        raise web.HTTPBadRequest
    mistakes = _mistakes(does, form.get("outcome", ""), note)
    if not mistakes:
        name, arguments = calls[does]
        try:
            await page.call(name, number=number, **arguments)
            return page.redirect(f"/alerts/{number}?done={does}")
        except FormRefused as error:
            mistakes = {"": str(error)}
    return await _shown(page, mistakes, does, note)


async def messages(page: Page) -> web.Response:
    """Who gets messages, and which did not arrive."""
    return await _messages(page)


async def send_test(page: Page) -> web.Response:
    """Sends a test message now."""
    page.need("alerts.test")
    recipient = (await page.form()).get("recipient", "").strip()
    if not recipient:
        return await _messages(page, {"recipient": "Write a mail address, or webhook: and a name."})
    try:
        await page.call("alerts.test", recipient=recipient)
    except FormRefused as error:
        return await _messages(page, {"recipient": str(error)}, recipient)
    return await _messages(page, sent=recipient)


async def export(page: Page) -> web.Response:
    """What an export holds, before it is made."""
    page.need("alerts.export")
    return page.render("screens/alerts_export.html")


async def download(page: Page) -> web.Response:
    """All alerts that are this account's to see, as a table."""
    page.need("alerts.export")
    rows: list[list[object]] = []
    before: int | None = None
    while True:
        found = await page.call("alerts.export", before=before)
        rows += [_exported(one) for one in found["alerts"]]
        before = found["before"]
        if before is None:
            return csv_file("alerts.csv", _COLUMNS, rows)


async def _listed(page: Page, chosen: dict[str, str], severity: str) -> dict[str, Any]:
    before = number_in(page.query.get("before", ""), 12)
    wanted: dict[str, Any] = {"most": ROWS, "severities": [severity]}
    if chosen["state"]:
        wanted["states"] = [chosen["state"]]
    if chosen["segment"]:
        wanted["segment"] = chosen["segment"]
    if before is not None:
        wanted["before"] = before
    found: dict[str, Any] = await page.call("alerts.list", **wanted)
    # The new ones first; within a state newest first, as they came.
    found["alerts"].sort(key=lambda one: STATES.index(one["state"]))
    return found


async def _alert(page: Page) -> dict[str, Any]:
    """Raises 404 where there is none, and where it is not this account's to see."""
    try:
        shown: dict[str, Any] = await page.call("alerts.show", number=int(page.request.match_info["number"]))
    except OperationRefused as error:
        if isinstance(error, RightMissing) or error.kind == "AlertRefused":
            raise web.HTTPNotFound from None
        raise
    return shown


async def _shown(page: Page, mistakes: dict[str, str] | None = None, does: str = "", note: str = "") -> web.Response:
    shown = await _alert(page)
    alert = shown["alert"]
    row = str(alert["client"] or ""), str(alert["last_at"])
    return page.render(
        "screens/alert.html", named=(await names_of(page, [row])).get(row),
        status=422 if mistakes else 200, alert=shown["alert"], history=shown["history"],
        lessons=shown["lessons"], titles=await category_names(page),
        is_yours=shown["is_yours"] and page.viewer.may("alerts.close"), mistakes=mistakes or {}, does=does, note=note,
        outcomes=OUTCOMES, done=page.query.get("done", "") if page.query.get("done") in _DONE else "", said=_DONE,
    )  # fmt: skip


async def _messages(
    page: Page, mistakes: dict[str, str] | None = None, recipient: str = "", sent: str = ""
) -> web.Response:
    page.need("alerts.undelivered")
    rules = (await page.call("alerts.list", most=1))["rules"]
    return page.render(
        "screens/alerts_messages.html", status=422 if mistakes else 200, rules=rules, sent=sent, recipient=recipient,
        undelivered=await page.call("alerts.undelivered"), summary=(await page.call("alerts.summary"))["rules"],
        mistakes=mistakes or {},
    )  # fmt: skip


_DONE: Final = {
    "acknowledge": "You have seen it. It is not passed on to others any more.",
    "close": "The alert is closed. It can be closed again with another outcome; both stay on record.",
    "false-alarm": "Closed as a false alarm. It counts when the rule is reviewed.",
    "hold": "It is kept: nothing of it is erased until someone lets it go.",
    "release": "It is no longer kept. The usual times of erasure apply again.",
}


def _mistakes(does: str, outcome: str, note: str) -> dict[str, str]:
    if does == "close" and outcome not in OUTCOMES:
        return {"outcome": "Choose what came of it."}
    if does == "hold" and not note:
        return {"hold-note": "Say why it is kept; a few words are enough."}
    return {}


def _waiting(counts: dict[str, Any]) -> dict[str, int]:
    """Open alerts: all, those that no one has seen, and the urgent ones of these."""
    by_severity = counts["open"]
    return {
        "open": sum(sum(states.values()) for states in by_severity.values()),
        "new": sum(states.get("new", 0) for states in by_severity.values()),
        "urgent": by_severity.get("urgent", {}).get("new", 0),
    }


def _more(page: Page, chosen: dict[str, str]) -> Any:
    """The address of what follows in a group."""

    def address(severity: str, before: int) -> str:
        given = {**chosen, "severity": severity, "before": str(before)}
        return str(page.request.rel_url.with_path("/alerts").with_query({k: v for k, v in given.items() if v}))

    return address


def _exported(shown: dict[str, Any]) -> list[object]:
    alert = shown["alert"]
    history = "; ".join(f"{one['at']} {one['who']}: {one['what']} {one['note']}".strip() for one in shown["history"])
    return [
        alert["id"], alert["severity"], alert["state"], alert["outcome"], alert["sentence"], alert["rule"],
        alert["category"], alert["detector"], alert["segment"], alert["client"], alert["questions"] or alert["count"],
        alert["opened_at"], alert["last_at"], " ".join(alert["names"]), alert["hold"], history,
    ]  # fmt: skip


def _time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
