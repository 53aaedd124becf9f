"""Looks through what the school asked: the names that were open, most asked first, compared with what is known."""

from __future__ import annotations

import datetime as dt

from schoolgate.config import Settings
from schoolgate.querylog import Query, QueryLog
from schoolgate.suggestions.comparison_names import read_comparison_names
from schoolgate.suggestions.queue import Queue
from schoolgate.suggestions.suggest import Suggestion, suggest

# Of one look: a name below these was asked once or twice, and comes back when it matters.
MOST_NAMES = 10_000
TIME_LIMIT_S = 60.0
# What was open; a name that is closed needs no suggestion.
_OPEN = ("allow", "rewrite")


def look(settings: Settings, since: dt.datetime, now: dt.datetime) -> tuple[tuple[Suggestion, ...], int]:
    """(what was found, how many are new in the queue). Blocks. Raises `SchoolgateError`."""
    with QueryLog(settings.server.state_dir, time_limit_s=TIME_LIMIT_S) as log:
        top = log.top("names", Query(since=since, until=now, actions=_OPEN, own_checks="without"), most=MOST_NAMES)
    found = suggest(((one.value, one.rows) for one in top), read_comparison_names(settings))
    return found, Queue(settings.server.state_dir).add(found, now)
