"""Registers: who answers for what, training, notices, suppliers, risks, meetings, and the decisions of the policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from schoolgate.console.csv_text import download
from schoolgate.console.errors import FormRefused
from schoolgate.console.form_mistakes import mistakes_of
from schoolgate.console.screen import Page, Screen, number_in
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/registers", "Registers", "register.kinds")
# In the address; the decisions have a page of their own.
_KIND: Final = "/{kind:responsibility|training|aup_notice|supplier|risk|meeting}"
_ONE: Final = _KIND + "/{number:[0-9]{1,9}}"
_DECISIONS: Final = "/decisions"
ROWS: Final = 25


def add_routes(app: web.Application) -> None:
    """The overview, a register with its lines, a line, the decisions, and a meeting's report."""
    SCREEN.get(app, show)
    SCREEN.get(app, decisions, _DECISIONS)
    SCREEN.post(app, decide, _DECISIONS)
    SCREEN.get(app, meeting_report, "/since-meeting")
    SCREEN.get(app, show_register, _KIND)
    SCREEN.post(app, add, _KIND)
    SCREEN.get(app, export, "/{kind:responsibility|training|aup_notice|supplier|risk|meeting|decision}.csv")
    SCREEN.get(app, show_line, _ONE)
    SCREEN.post(app, change, _ONE)
    SCREEN.post(app, end, f"{_ONE}/end")


async def show(page: Page) -> web.Response:
    """All registers, and what is missing."""
    return page.render("screens/registers.html", kinds=await page.call("register.kinds"),
                       gaps=await page.call("register.gaps"))  # fmt: skip


async def show_register(page: Page) -> web.Response:
    """Its lines, and the form of a new one."""
    return await _register(page)


async def add(page: Page) -> web.Response:
    """Adds a line."""
    page.need("register.add")
    kind, fields = page.request.match_info["kind"], dict(await page.form())
    try:
        await page.call("register.add", kind=kind, fields=_given(fields))
    except FormRefused as error:
        return await _register(page, error, fields)
    return page.redirect(f"{SCREEN.path}/{kind}?done=add")


async def show_line(page: Page) -> web.Response:
    """One line, as a form where it can be changed."""
    return await _line(page)


async def change(page: Page) -> web.Response:
    """Writes a line anew."""
    page.need("register.change")
    form = dict(await page.form())
    version = number_in(form.pop("version", "")) or 0
    kind, number = page.request.match_info["kind"], int(page.request.match_info["number"])
    try:
        await page.call("register.change", kind=kind, number=number, version=version, fields=_given(form))
    except FormRefused as error:
        return await _line(page, error, form)
    return page.redirect(f"{SCREEN.path}/{kind}?done=change")


async def end(page: Page) -> web.Response:
    """Ends a line: it stays on record."""
    page.need("register.end")
    version = number_in((await page.form()).get("version", "")) or 0
    kind, number = page.request.match_info["kind"], int(page.request.match_info["number"])
    try:
        await page.call("register.end", kind=kind, number=number, version=version)
    except FormRefused as error:
        return await _line(page, error)
    return page.redirect(f"{SCREEN.path}/{kind}?done=end")


async def export(page: Page) -> web.Response:
    """The register as a table for a spreadsheet."""
    page.need("register.export")
    kind = page.request.match_info["kind"]
    # The mark at the begin makes spreadsheets read UTF-8.
    return download(f"{kind}.csv", "\ufeff" + await page.call("register.export", kind=kind), "text/csv")


async def decisions(page: Page) -> web.Response:
    """Every decision of the policy, those with something missing first."""
    return await _decisions(page)


async def decide(page: Page) -> web.Response:
    """Gives those that are ticked a reason, an owner and a review date."""
    page.need("register.decide")
    form, paths = await page.form(), await page.form_list("path")
    given = {name: form.get(name, "").strip() for name in ("reason", "owner", "review_on")}
    if not paths:
        return await _decisions(page, {"": "Tick the decisions that this is about."}, given)
    wanted: dict[str, Any] = {**given, "review_on": given["review_on"] or None}
    try:
        count = await page.call("register.decide", paths=paths, **wanted)
    except FormRefused as error:
        return await _decisions(page, mistakes_of(error, given), given)
    return page.redirect(f"{SCREEN.path}{_DECISIONS}?done={count}")


async def meeting_report(page: Page) -> web.Response:
    """What happened since the governing body last met."""
    page.need("register.meeting_report")
    return page.render("screens/meeting_report.html", found=await page.call("register.meeting_report"))


async def _register(
    page: Page, error: OperationRefused | None = None, given: Mapping[str, str] | None = None
) -> web.Response:
    kind = page.request.match_info["kind"]
    page.need("register.list")
    is_all = page.query.get("show") == "all"
    found = await page.call("register.list", kind=kind, is_all=is_all, before=number_in(page.query.get("before", "")))
    lines = found["lines"]
    shown = [one for one in found["form"] if one["kind"] != "text"][:4]
    following = f"{SCREEN.path}/{kind}?before={lines[-1]['number']}" if len(lines) == 100 else None
    return page.render(
        "screens/register.html", status=422 if error else 200, found=found, lines=lines, shown=shown, is_all=is_all,
        values=given or {}, mistakes=_mistakes(error, found["form"]), done=page.query.get("done", ""), more=following,
    )  # fmt: skip


async def _line(
    page: Page, error: OperationRefused | None = None, given: Mapping[str, str] | None = None
) -> web.Response:
    kind, number = page.request.match_info["kind"], int(page.request.match_info["number"])
    page.need("register.show")
    try:
        found = await page.call("register.show", kind=kind, number=number)
    except FormRefused as refused:
        if refused.kind == "NoSuchRecord":
            raise web.HTTPNotFound from None
        raise
    line = found["lines"][0]
    return page.render(
        "screens/register_line.html", status=422 if error else 200, found=found, line=line,
        values={**line["fields"], **(given or {})}, mistakes=_mistakes(error, found["form"]),
        is_open=line["state"] == "current" and page.viewer.may("register.change"),
    )  # fmt: skip


async def _decisions(
    page: Page, mistakes: Mapping[str, str] | None = None, given: Mapping[str, str] | None = None
) -> web.Response:
    found = await page.call("register.decisions")
    is_missing = page.query.get("show") == "missing"
    rows = [one for one in found["rows"] if one["missing"] or not is_missing]
    most = page.rows_shown(ROWS)
    return page.render(
        "screens/decisions.html", status=422 if mistakes else 200, rows=rows[:most], missing=found["missing"],
        of_template=sum(one["is_of_template"] for one in found["rows"]),
        count=len(found["rows"]), hidden=max(0, len(rows) - most), mistakes=mistakes or {}, is_missing=is_missing,
        values={"reason": "", "owner": "", "review_on": "", **(given or {})}, done=page.query.get("done", ""),
        more=f"{SCREEN.path}{_DECISIONS}?most={most + ROWS}" + ("&show=missing" if is_missing else ""),
    )  # fmt: skip


def _given(form: Mapping[str, str]) -> dict[str, Any]:
    """Fields as an operation takes them: an empty one is left out."""
    return {name: value for name, value in form.items() if value.strip()}


def _mistakes(error: OperationRefused | None, form: list[dict[str, Any]]) -> dict[str, str]:
    return {} if error is None else mistakes_of(error, [one["name"] for one in form])
