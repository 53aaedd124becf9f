"""Times as people write them when they search a log."""

from __future__ import annotations

import datetime as dt
import re

from schoolgate.querylog.log_query import BadQuery

_LAST = re.compile(r"(\d{1,5})\s*(s|m|min|h|d|w)")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def moment(text: str, now: dt.datetime) -> dt.datetime:
    """A moment: ISO 8601, `today`, `yesterday`, or a time of today; without an offset, on the clock of `now`."""
    here = now
    words = {"now": here, "today": _midnight(here), "yesterday": _midnight(here - dt.timedelta(days=1))}
    text = text.strip().lower()
    if text in words:
        return words[text]
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text):
            return dt.datetime.combine(here.date(), dt.time.fromisoformat(text.zfill(5)), here.tzinfo)
        found = dt.datetime.fromisoformat(text)
        return found if found.tzinfo is not None else found.replace(tzinfo=here.tzinfo)
    except (ValueError, OverflowError):
        raise BadQuery(
            f"{text!r} is no time; write 2026-11-23, 2026-11-23T09:30, 09:30, today, or with an offset such as +00:00"
        ) from None


def last(text: str) -> dt.timedelta:
    """A length of time: 90s, 30m, 2h, 7d, 2w."""
    match = _LAST.fullmatch(text.strip().lower())
    if match is None:
        raise BadQuery(f"{text!r} is no length of time; write 30m, 2h, 7d or 2w")
    return dt.timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _midnight(moment: dt.datetime) -> dt.datetime:
    return dt.datetime.combine(moment.date(), dt.time(), moment.tzinfo)
