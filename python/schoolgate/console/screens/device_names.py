"""Names of devices: which there are, what the school calls them, and one of them with its groups and its past.

It says nothing of what a device asked for.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, urlencode

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.plain_words import in_words, sentence
from schoolgate.console.screen import Page, Screen, number_in
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/device-names", "Names of devices", "device.book")

ROWS: Final = 25
WHICH: Final = (
    ("all", "All"), ("named", "With a name"), ("unnamed", "Without a name"), ("here", "Here now"), ("lost", "Lost"),
)  # fmt: skip
DONE: Final = {
    "name": "The name is kept.", "group": "The groups are kept.", "lost": "The device is marked as lost. Its policy is"
    " as before.", "found": "The device is not marked as lost any more.",
}  # fmt: skip


def add_routes(app: web.Application) -> None:
    """The list, one device, and what is written about it."""
    SCREEN.get(app, show)
    SCREEN.get(app, one, "/{device:[^/]{1,300}}")
    SCREEN.post(app, change, "/{device:[^/]{1,300}}")


async def show(page: Page) -> web.Response:
    """A page of the list; the look is on record."""
    chosen: dict[str, Any] = {
        "text": page.query.get("text", "").strip()[:100],
        "group": page.query.get("group", "")[:40],
        "which": page.query.get("which", "") if page.query.get("which") in dict(WHICH) else "all",
    }
    skip = number_in(page.query.get("skip", ""), 6) or 0
    found = await page.call("device.book", **chosen, most=ROWS, skip=skip)
    sources = await page.call("device.sources")
    left = found["matching"] - skip - len(found["devices"])
    given = {name: value for name, value in chosen.items() if value and value != "all"}
    return page.render(
        "screens/device_names.html", found=found, chosen=chosen, which=WHICH, sources=sources, left=max(0, left),
        groups=[("", "Any"), *((name, name) for name in found["groups"])],
        more=f"/device-names?{urlencode(given | {'skip': skip + ROWS})}", skip=skip, is_filtered=bool(given),
        first=_first_line(found, sources, is_filtered=bool(given)),
    )  # fmt: skip


async def one(page: Page) -> web.Response:
    """One device; the look is on record."""
    return await _shown(page)


async def change(page: Page) -> web.Response:
    """Writes a name, groups, or that it is lost; or forgets it."""
    form, device = await page.form(), page.request.match_info["device"]
    does = form.get("do", "")
    groups = [part.strip() for part in form.get("groups", "").split(",") if part.strip()]
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "name": ("device.name", {"name": form.get("name", ""), "names_person": "names_person" in form}),
        "group": ("device.group", {"groups": groups}),
        "lost": ("device.lose", {"is_lost": True}),
        "found": ("device.lose", {"is_lost": False}),
        "forget": ("device.forget", {"reason": form.get("reason", "")}),
    }
    if does == "past":
        # The reason stands in no address of a page.
        return await _shown(page, {} if form.get("reason", "").strip() else _NO_REASON, form, form.get("reason", ""))
    if does not in calls:
        raise web.HTTPBadRequest
    operation, arguments = calls[does]
    page.need(operation)
    if does == "forget" and not arguments["reason"].strip():
        return await _shown(page, _NO_REASON, form)
    try:
        await page.call(operation, device=device, **arguments)
    except FormRefused as error:
        return await _shown(page, {_FIELDS.get(does, ""): str(error)}, form)
    if does == "forget":
        return page.redirect("/device-names?done=forget")
    return page.redirect(f"/device-names/{quote(device, safe='')}?done={does}")


_NO_REASON: Final = {"reason": "Say why; it is kept on record."}
_FIELDS: Final = {"name": "name", "group": "groups", "forget": "reason"}


async def _shown(
    page: Page, mistakes: dict[str, str] | None = None, given: Any = None, reason: str = ""
) -> web.Response:  # fmt: skip
    try:
        found = await page.call("device.entry", device=page.request.match_info["device"], reason=reason[:2_000])
    except OperationRefused as error:
        if error.kind not in ("NoSuchDevice", "ArgumentsRefused"):
            raise
        raise web.HTTPNotFound from None
    return page.render(
        "screens/device_name.html", 422 if mistakes else 200, known=found["known"], spans=found["spans"],
        needs_reason=found["needs_reason"],
        mistakes=mistakes or {}, given=given or {}, done=DONE.get(page.query.get("done", "")),
        group_policies=await _group_policies(page, found["known"]),
        sees_spans=page.viewer.sees_identities("device.entry"),
    )  # fmt: skip


def _first_line(found: Any, sources: Any, *, is_filtered: bool) -> str:
    if is_filtered:
        return f"{sentence(in_words(found['matching'], 'device matches', 'devices match'))}."
    if not found["named"] and not found["unnamed"]:
        return "No device is known yet." if sources["is_wanted"] else "Devices have no names here yet."
    if not found["unnamed"]:
        return f"{sentence(in_words(found['named'], 'device has a name', 'devices have names'))}."
    named = in_words(found["named"], "device has a name", "devices have names")
    return f"{sentence(named)}, {in_words(found['unnamed'], 'has none', 'have none')}."


async def _group_policies(page: Page, known: Any) -> list[Any]:
    """Groups of a device that have a policy."""
    if not page.viewer.may("device.groups"):
        return []
    its = {name.strip().casefold() for name in known["groups"]} | ({"lost"} if known["is_lost"] else set())
    return [one for one in await page.call("device.groups") if one["policy"] and one["name"].strip().casefold() in its]
