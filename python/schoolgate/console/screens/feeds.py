"""Feeds: the first choice, one of the catalogue, one of the school's own, and what is left out of each."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

from aiohttp import web

from schoolgate.console.approved_request import mistakes_of, named_in
from schoolgate.console.category_names import category_names
from schoolgate.console.errors import FormRefused, RightMissing
from schoolgate.console.screen import Page, Screen
from schoolgate.operations.socket_messages import OperationRefused

CHOOSE = Screen("/lists/choose", "Choose lists", "feeds.enable_recommended")
CATALOGUE = Screen("/lists/catalogue", "All lists there are", "feeds.list")
ADD = Screen("/lists/add", "Add a list", "feeds.add")
FEED = Screen("/lists/feed", "A list", "feeds.show")

PHASES: Final = (
    ("early-years", "Early years"),
    ("primary", "Primary"),
    ("secondary", "Secondary"),
    ("sixth-form", "Sixth form"),
)
PAGE_ROWS: Final = 25
_ALWAYS_OPEN: Final = frozenset({"platform", "protected"})
# Of one feed: what a form of its page does.
_DOES: Final = {
    "enable": "feeds.enable",
    "disable": "feeds.disable",
    "remove": "feeds.remove",
    "except": "feeds.except",
}


def add_routes(app: web.Application) -> None:
    """The wizard, the catalogue, one feed and what is done to it, a new one."""
    CHOOSE.get(app, choose)
    CHOOSE.post(app, chosen)
    CATALOGUE.get(app, catalogue)
    ADD.get(app, new)
    ADD.post(app, add)
    FEED.get(app, one, "/{feed}")
    FEED.post(app, change, "/{feed}/{what:enable|disable|remove|except}")


async def choose(page: Page) -> web.Response:
    """Which phases the school teaches, and what is recommended for these, with its licences."""
    return await _choose(page, page.request.query.getall("phase", []))


async def chosen(page: Page) -> web.Response:
    """Takes them, once their licences are accepted."""
    form, phases = await page.form(), await page.form_list("phase")
    if form.get("accepts") != "yes":
        return await _choose(page, phases, {"accepts": "Read the licences, and tick that you accept them."})
    try:
        made = await page.call("feeds.enable_recommended", accepts_licences=True, phases=_phases(phases))
    except FormRefused as error:
        return await _choose(page, phases, {"": str(error)})
    return page.redirect(f"/lists?done=chosen&added={len(made['added'])}")


async def catalogue(page: Page) -> web.Response:
    """Every feed that others publish and that we know, and the school's own."""
    feeds = await page.call("feeds.list")
    words, state = page.query.get("q", "").strip().lower(), page.query.get("state", "")
    rows = [row for row in feeds if words in f"{row['id']} {row['name']} {row['category']} {row['licence']}".lower()]
    rows = [row for row in rows if not state or (state == "used") == row["in_use"]]
    most = page.rows_shown(PAGE_ROWS)
    return page.render(
        "screens/feed_catalogue.html",
        rows=rows[:most],
        most=most,
        hidden=max(0, len(rows) - most),
        in_all=len(feeds),
        titles=await category_names(page),
    )


async def one(page: Page) -> web.Response:
    """Everything known of a feed."""
    return await _one(page)


async def change(page: Page) -> web.Response:
    """Uses it, switches it off, forgets it, or leaves a name out of it."""
    what, feed = page.request.match_info["what"], page.request.match_info["feed"]
    form = await page.form()
    if not page.viewer.asks_for(_DOES[what]):
        page.need(_DOES[what])
    arguments: dict[str, Any] = {"feed": feed}
    if what != "enable":
        arguments |= named_in(form)
    if what == "enable":
        arguments["accepts_licence"] = form.get("accepts") == "yes"
    if what == "except":
        arguments |= {"name": form.get("name", "").strip(), "reason": form.get("reason", "").strip() or None}
        arguments["is_taken_back"] = form.get("back") == "yes"
    try:
        await page.call(_DOES[what], **arguments)
    except RightMissing as error:
        return await _one(page, mistakes_of(error), form)
    except FormRefused as error:
        if error.kind == "NoSuchFeed":
            raise web.HTTPNotFound from None
        field = {"LicenceNotAccepted": "accepts"}.get(error.kind, "name" if what == "except" else "")
        said = "Read the licence, and tick that you accept it." if field == "accepts" else str(error)
        return await _one(page, {field: said}, form)
    return page.redirect(f"/lists?done={what}" if what == "remove" else f"/lists/feed/{feed}?done={what}")


async def new(page: Page) -> web.Response:
    """Where it is, and what it closes."""
    return await _new(page, {})


async def add(page: Page) -> web.Response:
    """Reads it first, as an update does, and takes it where that went well."""
    form = await page.form()
    place, category = form.get("place", "").strip(), form.get("category", "")
    mistakes = {}
    if not place:
        mistakes["place"] = "Say where the list is, such as https://lists.example.org/games.txt."
    if not category:
        mistakes["category"] = "Say what the list holds."
    if mistakes:
        return await _new(page, form, mistakes)
    try:
        made = await page.call("feeds.add", place=place, category=category, feed=form.get("feed", "").strip() or None)
    except FormRefused as error:
        field = "feed" if "--id" in str(error) else "place"
        return await _new(page, form, {field: str(error)})
    return page.redirect(f"/lists/feed/{made['id']}?done=added")


async def _choose(page: Page, phases: list[str], mistakes: Mapping[str, str] | None = None) -> web.Response:
    wanted = _phases(phases)
    found = await page.call("feeds.recommended", phases=wanted)
    rows = found["recommended"] if wanted else []
    by_licence = sorted(rows, key=lambda row: (row["licence"], row["publisher"], row["name"]))
    licences = [
        (licence, publisher, list(some))
        for (licence, publisher), some in groupby(by_licence, lambda row: (row["licence"], row["publisher"]))
    ]
    return page.render(
        "screens/feed_choice.html",
        status=422 if mistakes else 200,
        phases=PHASES,
        chosen=wanted,
        rows=rows,
        new=[row for row in rows if not row["in_use"]],
        licences=licences,
        left_out=found["left_out"],
        mistakes=mistakes or {},
    )


async def _one(
    page: Page, mistakes: Mapping[str, str] | None = None, given: Mapping[str, str] | None = None
) -> web.Response:
    try:
        feed = await page.call("feeds.show", feed=page.request.match_info["feed"])
    except OperationRefused as error:
        if error.kind == "NoSuchFeed":
            raise web.HTTPNotFound from None
        raise
    return page.render(
        "screens/feed.html",
        titles=await category_names(page),
        status=422 if mistakes else 200,
        feed=feed,
        mistakes=mistakes or {},
        given=given or {},
        done=page.query.get("done", ""),
    )


async def _new(page: Page, given: Mapping[str, str], mistakes: Mapping[str, str] | None = None) -> web.Response:
    policies = (await page.call("policy.categories", is_all=True))["policies"]
    every = {row["category"]: row for row in (policies[0]["categories"] if policies else ())}
    kinds = sorted(
        (row["name"], name)
        for name, row in every.items()
        if row["role"] not in _ALWAYS_OPEN and not name.startswith("service:")
    )
    return page.render(
        "screens/feed_new.html",
        status=422 if mistakes else 200,
        given={"place": "", "category": "", "feed": "", **given},
        kinds=[("", "Choose one"), *((name, words) for words, name in kinds)],
        mistakes=mistakes or {},
    )


def _phases(given: list[str]) -> list[str]:
    return [name for name, _ in PHASES if name in given]
