"""Change requests: what waits and for whom; one with what it would open; the decision, and every step after it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from schoolgate.console import request_words
from schoolgate.console.errors import FactorNeeded, FormRefused
from schoolgate.console.kept_files import given_file, saved
from schoolgate.console.screen import Page, Screen, number_in
from schoolgate.console.sign_in_steps import STEP_UP, with_next
from schoolgate.operations import rights

SCREEN = Screen("/requests", "Requests", "request.list")
ROWS: Final = 25
ONE: Final = r"/{number:[0-9]{1,9}}"

# What the address chooses -> states.
SHOWN: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "": ("All", ()),
    "for-me": ("Waiting for me", ()),
    "mine": ("Asked for by me", ()),
    "open": ("Not decided yet", ("suggested", "requested", "approved")),
    "applied": ("In force", ("applied",)),
    "over": ("Over", ("refused", "withdrawn", "expired", "ended")),
}
# A button of the page -> its operation, and the field that it needs.
DEEDS: Final[Mapping[str, tuple[str, str]]] = {
    "approve": ("request.decide", ""),
    "refuse": ("request.decide", "reason"),
    "advise": ("request.advise", "view"),
    "withdraw": ("request.withdraw", ""),
    "end": ("request.end", "end_reason"),
    "review": ("request.review", "review_reason"),
    "carried-out": ("request.carried_out", "done_reason"),
    "renew": ("request.renew", "renew_reason"),
}
_FIELDS: Final = ("reason", "conditions", "until", "review", "view", "end_reason", "review_reason", "again",
                  "done_reason", "revision", "drift", "renew_reason", "lasts")  # fmt: skip


def add_routes(app: web.Application) -> None:
    """The list; one; its steps."""
    SCREEN.get(app, show)
    SCREEN.get(app, one, ONE)
    SCREEN.get(app, bundle, f"{ONE}/bundle")
    SCREEN.get(app, document, f"{ONE}/bundle.pdf")
    SCREEN.post(app, do, ONE)
    SCREEN.post(app, attach, f"{ONE}/files")
    SCREEN.get(app, download, ONE + "/files/{file:[0-9a-f-]{36}}")


async def show(page: Page) -> web.Response:
    """Newest first, as the address chooses."""
    query = page.query
    chosen = query.get("show", "") if query.get("show", "") in SHOWN else ""
    before = number_in(query.get("before", ""))
    found = await page.call(
        "request.list", states=SHOWN[chosen][1], text=query.get("q", "")[:253], is_mine=chosen == "mine",
        is_for_me=chosen == "for-me", most=ROWS, before=before,
    )  # fmt: skip
    waiting = await page.call("request.list", is_for_me=True, most=100)
    more = {**{name: value for name, value in query.items() if value}, "before": str(found["before"])}
    return page.render(
        "screens/requests.html", found=found, chosen=chosen, choices=[(name, said[0]) for name, said in SHOWN.items()],
        waiting=len(waiting["requests"]), words=request_words, may_ask=may_ask(page),
        more=str(page.request.rel_url.with_query(more)) if found["before"] is not None else None,
    )  # fmt: skip


async def one(page: Page) -> web.Response:
    """One request. `effect=yes`: with what it would open and close."""
    return await _one(page, {}, {})


async def do(page: Page) -> web.Response:
    """One step of it."""
    form = dict(await page.form())
    deed = form.get("do", "")
    if deed not in DEEDS:
        raise web.HTTPBadRequest
    operation, needed = DEEDS[deed]
    page.need(operation)
    number, version = int(page.request.match_info["number"]), number_in(form.get("version", "")) or 0
    if needed and not form.get(needed, "").strip():
        return await _one(page, form, {needed: "Say why; a few words are enough."})
    try:
        made = await page.call(operation, **_arguments(deed, number, version, form))
    except FactorNeeded:
        return page.redirect(with_next(STEP_UP, f"/requests/{number}"))
    except FormRefused as error:
        return await _one(page, form, {_field_of(deed, error): str(error)})
    return page.redirect(f"/requests/{made['number']}?done={deed}")


async def attach(page: Page) -> web.Response:
    """Keeps a file with it."""
    page.need("request.attach")
    number, given = int(page.request.match_info["number"]), await given_file(page)
    if given.mistake:
        return await _one(page, {}, {"file": given.mistake})
    try:
        await page.call("request.attach", number=number, name=given.name, content=given.content)
    except FormRefused as error:
        return await _one(page, {}, {"file": str(error)})
    return page.redirect(f"/requests/{number}?done=file#files")


async def download(page: Page) -> web.Response:
    """A file as it was given."""
    page.need("request.attachment")
    number, wanted = int(page.request.match_info["number"]), page.request.match_info["file"]
    found = await _found(page, number)
    file = next((one for one in found["files"] if one["id"] == wanted), None)
    if file is None:
        raise web.HTTPNotFound
    return saved(file["name"], await page.call("request.attachment", number=number, file=wanted))


async def bundle(page: Page) -> web.Response:
    """All of it as one file, which any machine can verify."""
    made = await _bundle(page)
    disposition = {"Content-Disposition": f'attachment; filename="{made["name"]}"'}
    return web.Response(text=made["text"], content_type="application/json", headers=disposition)


async def document(page: Page) -> web.Response:
    """The same to read, with that file attached to it."""
    made = await _bundle(page, has_pdf=True)
    name = made["name"].removesuffix(".json") + ".pdf"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=base64.b64decode(made["pdf"]), content_type="application/pdf", headers=disposition)


async def _bundle(page: Page, **more: Any) -> Mapping[str, Any]:
    page.need("request.bundle")
    try:
        made: Mapping[str, Any] = await page.call(
            "request.bundle", number=int(page.request.match_info["number"]), **more
        )
    except FormRefused as error:
        if error.kind == "NoSuchRecord":
            raise web.HTTPNotFound from error
        raise
    return made


def may_ask(page: Page) -> bool:
    """Whether the viewer may file or suggest."""
    return page.viewer.may("request.suggest")


async def _one(page: Page, given: Mapping[str, str], mistakes: dict[str, str]) -> web.Response:
    number = int(page.request.match_info["number"])
    has_effect = page.query.get("effect") == "yes"
    found = await _found(page, number, has_effect=has_effect)
    fields = found["fields"]
    row = {**fields, "state": found["state"]}
    may = found["may"]
    needs = "request.decide" in may and "request.decide" in rights.NEEDS_FRESH_FACTOR and not page.viewer.is_fresh
    # A change of the settings by hand is one that no operation made: who made it says here that it is this one.
    agrees = "request.carried_out" in may and page.viewer.may("checks.accept_drift")
    drift = await page.call("checks.drift") if agrees else None
    return page.render(
        "screens/request.html", drift=drift, status=422 if mistakes else 200, found=found, fields=fields, may=may,
        first=request_words.headline(row), words=request_words, mistakes=mistakes, done=page.query.get("done", ""),
        given={name: given.get(name, "") for name in _FIELDS}, has_effect=has_effect,
        again=with_next(STEP_UP, f"/requests/{number}") if needs else "",
    )  # fmt: skip


async def _found(page: Page, number: int, *, has_effect: bool = False) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = await page.call("request.show", number=number, has_effect=has_effect)
    except FormRefused as error:
        if error.kind == "NoSuchRecord":
            raise web.HTTPNotFound from error
        raise
    return found


def _arguments(deed: str, number: int, version: int, form: Mapping[str, str]) -> dict[str, Any]:
    def text(name: str) -> str:
        return form.get(name, "").strip()

    by_deed: Mapping[str, dict[str, Any]] = {
        "approve": {
            "version": version, "decision": "approve", "reason": text("reason"), "conditions": text("conditions"),
            "until": text("until") or None, "review": text("review") or None,
        },
        "refuse": {"version": version, "decision": "refuse", "reason": text("reason")},
        "advise": {"version": version, "view": text("view")},
        "withdraw": {},
        "end": {"version": version, "reason": text("end_reason")},
        "review": {"version": version, "reason": text("review_reason"), "again": text("again") or None},
        "carried-out": {
            "version": version, "reason": text("done_reason"), "revision": number_in(text("revision")) or 0,
            "drift": number_in(text("drift").partition(":")[0]),
            "drift_version": number_in(text("drift").partition(":")[2]),
        },
        "renew": {"reason": text("renew_reason"), "lasts": text("lasts") or "28d"},
    }  # fmt: skip
    return {"number": number, **by_deed[deed]}


def _field_of(deed: str, error: FormRefused) -> str:
    """The field that a refusal is about."""
    if error.kind == "NotClear" or "shorter" in str(error):
        return {"approve": "until", "review": "again"}.get(deed, "")
    return ""
