"""Checks: is open what must be open, and can safe modes of search still be locked? Run here, kept and compared."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.screen import Page, Screen, number_in

SCREEN = Screen("/checks", "Checks", "checks.record")

MOST_BARS: Final = 30
MOST_LINES: Final = 10
# Closed names on the page; the whole list is in the record.
MOST_SHOWN: Final = 25
_CHECKS: Final = {
    "reachability": "checks.reachability",
    "safesearch": "checks.safesearch",
    "segments": "checks.run",
}


def add_routes(app: web.Application) -> None:
    """The page, and the forms that run a check."""
    SCREEN.get(app, show)
    SCREEN.post(app, accept, "/drift")
    SCREEN.post(app, run, "/{check:reachability|safesearch|segments}")


async def show(page: Page) -> web.Response:
    """The last results, and how they have changed."""
    return await _shown(page)


async def run(page: Page) -> web.Response:
    """Runs a check now and keeps its result."""
    check = page.request.match_info["check"]
    page.need(_CHECKS[check])
    try:
        found = await page.call(_CHECKS[check])
    except FormRefused as error:
        return await _shown(page, {"": str(error)})
    if found["not_kept"]:
        return await _shown(page, {"": found["not_kept"]})
    return page.redirect(f"{SCREEN.path}?done={check}")


async def accept(page: Page) -> web.Response:
    """Answers for a change outside an operation."""
    page.need("checks.accept_drift")
    form = await page.form()
    number, reason = number_in(form.get("number", "")), form.get("reason", "").strip()
    if number is None:
        raise web.HTTPBadRequest
    if not reason:
        return await _shown(page, {"reason": "Say why; a few words are enough."})
    version = number_in(form.get("version", ""))
    try:
        await page.call("checks.accept_drift", number=number, reason=reason, version=version)
    except FormRefused as error:
        return await _shown(page, {"": str(error)})
    return page.redirect(f"{SCREEN.path}?done=drift")


async def _shown(page: Page, mistakes: dict[str, str] | None = None) -> web.Response:
    record = await page.call("checks.record")
    open_names, safe, segments = record["reachability"], record["safesearch"], record.get("segments")
    return page.render(
        "screens/checks.html", status=422 if mistakes else 200, mistakes=mistakes or {}, open_names=open_names,
        safe=safe, answer=_answer(open_names, safe, segments), segments=segments, drift=record.get("drift"),
        wrong=_wrong(segments), closed=_by_name(open_names), most=MOST_SHOWN,
        history=list(reversed(record["history"]))[:MOST_LINES], bars=_bars(record["history"]),
        done=page.query.get("done", "") if page.query.get("done") in (*_CHECKS, "drift") else "",
    )  # fmt: skip


def _answer(open_names: dict[str, Any] | None, safe: dict[str, Any] | None, segments: dict[str, Any] | None) -> str:
    """The first line."""
    if open_names is None and safe is None and segments is None:
        return "Nothing was checked yet."
    said = []
    if segments is not None:
        failed = sum(one["state"] == "failed" for one in segments["networks"])
        if failed:
            said.append(f"{failed} {'network does' if failed == 1 else 'networks do'} not get what the policy says.")
    if open_names is not None:
        closed = open_names["over_blocked_names"]
        said.append(
            "Everything that must be open is open."
            if not closed
            else f"{closed} {'site that must be open is' if closed == 1 else 'sites that must be open are'} closed."
        )
    if safe is not None:
        said.append(
            "SafeSearch can be locked." if not (safe["failed"] or safe["problem"]) else "SafeSearch is in doubt."
        )
    return " ".join(said)


def _wrong(segments: dict[str, Any] | None) -> list[dict[str, Any]]:
    """What came back wrong, with its network; none where a whole network fails for one reason."""
    return [
        {**answer, "segment": one["segment"], "network": one["network"]}
        for one in (segments or {}).get("networks", ())
        for answer in one["answers"]
        if not answer["is_well"] and not one["reason"].startswith("every one of")
    ]


def _by_name(open_names: dict[str, Any] | None) -> list[dict[str, Any]]:
    """One row a site, with every policy that closes it."""
    rows: dict[str, dict[str, Any]] = {}
    for one in (open_names or {}).get("closed", ()):
        row = rows.setdefault(one["name"], {**one, "policies": []})
        row["policies"].append(one["policy"])
    return list(rows.values())


def _bars(history: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Sites that were closed and should not be, by check."""
    every = max(1, len(history[-MOST_BARS:]) // 8)
    return [
        (_day(str(one["at"])) if number % every == 0 else "", int(one.get("over_blocked_names", 0)))
        for number, one in enumerate(history[-MOST_BARS:])
    ]


def _day(at: str) -> str:
    return f"{at[8:10]}.{at[5:7]}."
