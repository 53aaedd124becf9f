"""Exam mode: begun for networks until a time, which always comes; ended before it by who may loosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.plain_words import group
from schoolgate.console.screen import Page, Screen

SCREEN = Screen("/exam-mode", "Exam mode", "exam.show")
_FIELDS: Final = ("starts", "until", "policy", "reason")
_NOTHING: Final = dict.fromkeys(_FIELDS, "")


def add_routes(app: web.Application) -> None:
    """What is on, the form, and an end."""
    SCREEN.get(app, show)
    SCREEN.post(app, begin)
    SCREEN.post(app, end, "/end")


async def show(page: Page) -> web.Response:
    """What is on and planned."""
    return await _shown(page, _NOTHING, ())


async def begin(page: Page) -> web.Response:
    """Puts networks under a stricter policy."""
    page.need("exam.begin")
    posted, segments = await page.form(), await page.form_list("segments")
    given = {name: posted.get(name, "").strip() for name in _FIELDS}
    mistakes = {}
    if not segments:
        mistakes["segments"] = "Tick the networks that sit the exam."
    if not given["until"]:
        mistakes["until"] = "Write when it ends."
    if not given["reason"]:
        mistakes["reason"] = "Write which exam it is."
    if not mistakes:
        wanted: dict[str, Any] = {name: value or None for name, value in given.items()}
        try:
            await page.call("exam.begin", segments=segments, **wanted)
            return page.redirect("/exam-mode?done=begun")
        except FormRefused as error:
            mistakes = {_field(str(error)): str(error)}
    return await _shown(page, given, segments, mistakes)


async def end(page: Page) -> web.Response:
    """Ends it before its time."""
    page.need("exam.end")
    segment = (await page.form()).get("segment", "")
    try:
        await page.call("exam.end", segments=[segment] if segment else [], reason="ended in the console")
    except FormRefused as error:
        return await _shown(page, _NOTHING, (), {"": str(error)})
    return page.redirect("/exam-mode?done=ended")


async def _shown(
    page: Page, given: Mapping[str, str], chosen: Any, mistakes: Mapping[str, str] | None = None
) -> web.Response:
    found = await page.call("exam.show")
    return page.render(
        "screens/exams.html", status=422 if mistakes else 200, found=found, given=given, chosen=chosen,
        segments=[(one, group(one)) for one in found["segments"]],
        policies=[("", "the network's own, with more closed"), *((one, group(one)) for one in found["policies"])],
        mistakes=mistakes or {}, done=page.query.get("done", ""),
    )  # fmt: skip


def _field(words: str) -> str:
    """The field that a refusal is about."""
    if "loosen" in words or "policy" in words.partition(":")[0]:
        return "policy"
    return "until" if "longer" in words or "end" in words or "passed" in words else ""
