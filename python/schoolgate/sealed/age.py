"""How old a sealed list may be. Suppliers change their lists every day, and the duty to filter is on the day's list."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum

ALARM_AFTER_S = 24 * 3600
UNHEALTHY_AFTER_S = 48 * 3600
# A clock may be a little off; a list of next week means that one of the two clocks is wrong, and its age unknown.
MOST_FROM_THE_FUTURE_S = 3600


class State(StrEnum):
    """In rising order of concern."""

    OK = "ok"
    STALE = "stale"
    UNHEALTHY = "unhealthy"


def state_of(imported_at: dt.datetime, now: dt.datetime) -> State:
    """What the age of a list means. All of it is still enforced whatever its age."""
    age_s = (now - imported_at).total_seconds()
    if age_s > UNHEALTHY_AFTER_S or age_s < -MOST_FROM_THE_FUTURE_S:
        return State.UNHEALTHY
    return State.STALE if age_s > ALARM_AFTER_S else State.OK


def worst(states: Iterable[State]) -> State:
    """The state of several lists together."""
    order = list(State)
    return max(states, key=order.index, default=State.OK)
