"""Checks that are on record: the list, one with its table, actions and files; and the matrix of what is due."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.kept_files import given_file, saved
from schoolgate.console.screen import Page, Screen, number_in

RECORDS = Screen("/checks/records", "Recorded checks", "checks.list")
COVERAGE = Screen("/checks/coverage", "Coverage of checks", "checks.coverage")

PAGE_ROWS: Final = 25
_STATES: Final = ("open", "passed", "failed")
_MADE_BY: Final = {"people": False, "machine": True}


def add_routes(app: web.Application) -> None:
    """Pages and forms."""
    RECORDS.get(app, show_all)
    RECORDS.get(app, show, "/{number:[0-9]{1,9}}")
    RECORDS.post(app, finish, "/{number:[0-9]{1,9}}/finish")
    RECORDS.post(app, attach, "/{number:[0-9]{1,9}}/files")
    RECORDS.get(app, download, "/{number:[0-9]{1,9}}/files/{file:[0-9a-f-]{36}}")
    COVERAGE.get(app, show_coverage)
    COVERAGE.post(app, keep_plan)


async def show_all(page: Page) -> web.Response:
    """Newest first; filters in the address."""
    state, by = page.query.get("state", ""), page.query.get("by", "")
    before = number_in(page.query.get("before", ""))
    found = await page.call(
        "checks.list", states=[state] if state in _STATES else [], is_automatic=_MADE_BY.get(by), before=before,
        most=PAGE_ROWS,
    )  # fmt: skip
    return page.render("screens/check_records.html", found=found, chosen={"state": state, "by": by})


async def show(page: Page) -> web.Response:
    """One check."""
    return await _shown(page)


async def finish(page: Page) -> web.Response:
    """An action is done."""
    page.need("checks.finish")
    form = await page.form()
    action, number = number_in(form.get("action", "")), int(page.request.match_info["number"])
    try:
        await page.call("checks.finish", number=number, action=action or 0, note=form.get("note", "").strip())
    except FormRefused as error:
        return await _shown(page, {"": str(error)})
    return page.redirect(f"{RECORDS.path}/{number}?done=action")


async def attach(page: Page) -> web.Response:
    """Keeps a file with the check."""
    page.need("checks.attach")
    number, given = int(page.request.match_info["number"]), await given_file(page)
    if given.mistake:
        return await _shown(page, {"file": given.mistake})
    try:
        await page.call(
            "checks.attach", number=number, name=given.name, content=given.content, media_type=given.media_type
        )
    except FormRefused as error:
        return await _shown(page, {"file": str(error)})
    return page.redirect(f"{RECORDS.path}/{number}?done=file")


async def download(page: Page) -> web.Response:
    """A file as it was given."""
    page.need("checks.attachment")
    number, wanted = int(page.request.match_info["number"]), page.request.match_info["file"]
    check = await _check(page, number)
    file = next((one for one in check["files"] if one["id"] == wanted), None)
    if file is None:
        raise web.HTTPNotFound
    return saved(file["name"], await page.call("checks.attachment", file=wanted))


async def show_coverage(page: Page) -> web.Response:
    """The matrix."""
    return await _coverage(page)


async def keep_plan(page: Page) -> web.Response:
    """What is to be checked, and how often."""
    page.need("checks.plan")
    form = await page.form()
    days = number_in(form.get("every_days", ""), 3)
    if form.get("every_days", "").strip() and not days:
        return await _coverage(page, {"every_days": "Write a number of days, or nothing for once a term."}, form)
    places, groups, lines = (_lines(form.get(name, "")) for name in ("places", "groups", "lines"))
    try:
        await page.call("checks.plan", places=places, groups=groups, lines=lines, every_days=days)
    except FormRefused as error:
        return await _coverage(page, {"": str(error)}, form)
    return page.redirect(f"{COVERAGE.path}?done=plan")


async def _shown(page: Page, mistakes: dict[str, str] | None = None) -> web.Response:
    check = await _check(page, int(page.request.match_info["number"]))
    return page.render(
        "screens/check_record.html", status=422 if mistakes else 200, check=check, row=check["row"],
        mistakes=mistakes or {}, done=page.query.get("done", ""),
    )  # fmt: skip


async def _check(page: Page, number: int) -> Any:
    """404 where there is none."""
    try:
        return await page.call("checks.show", number=number)
    except FormRefused as error:
        raise web.HTTPNotFound from error


async def _coverage(page: Page, mistakes: dict[str, str] | None = None, given: Any = None) -> web.Response:
    found = await page.call("checks.coverage")
    plan = {name: (given or {}).get(name, "") for name in ("places", "groups", "lines", "every_days")}
    plan = (
        plan
        if given is not None
        else {
            "places": "\n".join(found["places"]),
            "groups": "\n".join(found["groups"]),
            "lines": "\n".join(found["lines"]),
            "every_days": found["every_days"] or "",
        }
    )
    return page.render(
        "screens/check_coverage.html", status=422 if mistakes else 200, found=found, mistakes=mistakes or {},
        plan=plan, lines=[one for one in found["cells"] if one["line"]], done=page.query.get("done", ""),
        by_place=_by_place(found["cells"]),
    )  # fmt: skip


def _by_place(cells: list[dict[str, Any]]) -> list[tuple[str, list[tuple[str, list[dict[str, Any]]]]]]:
    """Place, then group, then the cells of its kinds of device."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for one in cells:
        if not one["line"]:
            found.setdefault(one["place"], {}).setdefault(one["group"], []).append(one)
    return [(place, list(groups.items())) for place, groups in found.items()]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
