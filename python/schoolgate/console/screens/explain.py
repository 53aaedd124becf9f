"""Why? A name, for a network or a device, now or at a time: the code that filters is asked."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import web

from schoolgate.console import explain_words
from schoolgate.console.exam_words import exams_on
from schoolgate.console.log_filters import LogFilter
from schoolgate.console.plain_words import group
from schoolgate.console.screen import SCREENS, Page, Screen
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/explain", "Why?", "explain.name")

# Networks that one page asks for; a school has fewer.
MOST_NETWORKS: Final = 25
_FIELDS: Final = ("name", "segment", "device", "at")
_UNCLEAR: Final = ("QuestionUnclear", "ArgumentsRefused", "UnknownType", "InputRefused")


def add_routes(app: web.Application) -> None:
    """The question and its answer are one address."""
    SCREEN.get(app, show)


async def show(page: Page) -> web.Response:
    """The form; with a name its answer, for one network or device, or for every network."""
    given = {field: page.query.get(field, "").strip()[:253] for field in _FIELDS}
    choices = await page.call("log.choices")
    values: dict[str, Any] = {"given": given, "choices": choices, "mistakes": {}, "found": None, "each": ()}
    values["exams"] = await exams_on(page, given["segment"])
    if not given["name"]:
        return page.render("screens/explain.html", **values)
    try:
        if given["segment"] or given["device"]:
            found = await _explained(page, given, given["segment"])
            values |= _one(page, found, choices, given) | {"exams": await exams_on(page, found["segment"])}
        else:
            values["each"] = await _every_network(page, given, choices)
    except OperationRefused as error:
        field = _field_of(str(error)) if error.kind in _UNCLEAR else ""
        return page.render("screens/explain.html", 422, **values | {"mistakes": {field: str(error)}})
    return page.render("screens/explain.html", **values)


async def _explained(page: Page, given: dict[str, str], segment: str) -> Any:
    device = "" if segment else given["device"]
    return await page.call(
        "explain.name", name=given["name"], segment=segment or None, client=device or None, at=given["at"] or None,
        shows_lines=not given["at"],
    )  # fmt: skip


def _one(page: Page, found: Any, choices: Any, given: dict[str, str]) -> dict[str, Any]:
    hides = explain_words.is_sealed(found) and not page.viewer.may("log.search")
    whom = group(found["segment"]) if found["segment"] else "devices of no network"
    screens = page.request.app[SCREENS]
    last = LogFilter(name=given["name"], segment=found["segment"] or "", when="week")
    return {
        "found": found,
        "whom": whom,
        "because": explain_words.because(found, choices["categories"]),
        "verdict_word": explain_words.verdict_word(found),
        "layers": () if hides else found["layers"],
        "is_hidden": hides,
        "ways": explain_words.ways(found, screens),
        "in_log": last.address("/log"),
    }


async def _every_network(page: Page, given: dict[str, str], choices: Any) -> list[dict[str, Any]]:
    """One row for each network; what cannot be explained for one says why."""
    names = list(choices["segments"])[:MOST_NETWORKS]
    found = await asyncio.gather(*(_explained(page, given, one) for one in names), return_exceptions=True)
    rows: list[dict[str, Any]] = []
    for name, one in zip(names, found, strict=True):
        if isinstance(one, OperationRefused) and "no client of network" in str(one):
            rows.append({"segment": name, "word": "limited", "because": "smaller networks have all its addresses"})
        elif isinstance(one, BaseException):
            raise one
        else:
            word, why = explain_words.verdict_word(one), explain_words.because(one, choices["categories"])
            rows.append({"segment": name, "word": word, "because": why})
    return rows


def _field_of(message: str) -> str:
    """The field that a refusal speaks of."""
    if "network" in message:
        return "segment"
    if "time" in message:
        return "at"
    return "device" if "IP address" in message or "client" in message else "name"
