"""What the last update left to be seen by those who look later: `status`, the console, a monitoring system."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from schoolgate.storage.atomic_file import write_whole

if TYPE_CHECKING:
    from schoolgate.lists.history import Pin
    from schoolgate.lists.last_good import FeedState

# Beyond this many refresh times without a word from its publisher a feed is stale.
_STALE_AFTER = 3


def path_of(state_dir: Path) -> Path:
    return state_dir / "lists" / "status.json"


def feed_row(feed: str, state: FeedState, refresh_h: int | None, now: dt.datetime) -> dict[str, Any]:
    """One feed as JSON values. `age_s` is the true age of what is in use."""
    age = state.age_s(now)
    stale = age is not None and refresh_h is not None and age > _STALE_AFTER * refresh_h * 3600
    if state.good is None:
        condition = "failed" if state.failure else "not fetched"
    elif state.failure:
        condition = "held" if state.held else "failing"
    else:
        condition = "stale" if stale else "ok"
    return {
        "id": feed,
        "condition": condition,
        "names": state.good.rules if state.good else 0,
        "age_s": None if age is None else round(age),
        "confirmed_at": state.good.confirmed_at if state.good else None,
        "fetched_at": state.good.fetched_at if state.good else None,
        "tried_at": state.tried_at,
        "failing_since": state.failing_since,
        "failure": state.failure,
        "unread": None if state.good is None or state.good.unread is None else state.good.unread.model_dump(),
        "left_out": None if state.good is None or state.good.left_out is None else state.good.left_out.model_dump(),
        "warnings": list(state.warnings),
    }


def write(
    state_dir: Path, now: dt.datetime, exit_code: int, serial: int | None, pin: Pin | None,
    feeds: Iterable[dict[str, Any]], problems: Iterable[str],
) -> None:  # fmt: skip
    status = {
        "at": now,
        "exit_code": exit_code,
        "serial": serial,
        "pinned": None if pin is None else pin.model_dump(mode="json"),
        "feeds": list(feeds),
        "problems": list(problems),
    }
    write_whole(path_of(state_dir), orjson.dumps(status, option=orjson.OPT_INDENT_2))


def read(state_dir: Path) -> dict[str, Any] | None:
    """None before the first update, or when it cannot be read."""
    try:
        found: dict[str, Any] = orjson.loads(path_of(state_dir).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return found
