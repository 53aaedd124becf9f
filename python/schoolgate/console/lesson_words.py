"""Which of the announced lessons an alert belongs to, for pages that list alerts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

from schoolgate.console.screen import Page

LOOKED_BACK: Final = dt.timedelta(days=7)


async def lessons_of(page: Page, alerts: Iterable[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    """The lessons that each alert may belong to, by its number; only of alerts of the last week. One question for all
    alerts of a network."""
    if not page.viewer.may("lesson.expected"):
        return {}
    now = dt.datetime.now(dt.UTC)
    by_segment: dict[str | None, list[Mapping[str, Any]]] = {}
    for one in alerts:
        if _time(one["last_at"]) > now - LOOKED_BACK:
            by_segment.setdefault(one["segment"] or None, []).append(one)
    found: dict[int, list[Mapping[str, Any]]] = {}
    for segment, members in by_segment.items():
        first = max(now - LOOKED_BACK, min(_time(one["opened_at"]) for one in members))
        last = max(_time(one["last_at"]) for one in members)
        since, until = first.isoformat(), max(first, last).isoformat()
        for lesson in await page.call("lesson.expected", segment=segment, since=since, until=until):
            for one in members:
                if _meets(lesson, one):
                    found.setdefault(one["id"], []).append(lesson)
    return found


def _meets(lesson: Mapping[str, Any], alert: Mapping[str, Any]) -> bool:
    """The margin of five minutes is the one of the notices themselves."""
    margin = 300 * 10**6
    first, last = (_time(alert[name]).timestamp() * 1e6 for name in ("opened_at", "last_at"))
    return bool(lesson["from_us"] - margin <= last and first <= lesson["until_us"] + margin)


def _time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
