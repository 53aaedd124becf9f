"""Whether the clock is to be believed before rows are erased for their age: a clock that is a year ahead for one round
would take everything. The last moment that was believed is kept beside the log.

A jump forward of days is believed once it has lasted a day. It costs at most that: rows go a day later.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass
from typing import Any

import orjson

from schoolgate.querylog.layout import FILE_MODE, LogFolder
from schoolgate.storage.atomic_file import write_whole

# A machine that is off over a weekend is no jump to speak of; a wrong clock is months or years off.
JUMP = dt.timedelta(days=2)
# By then a person, or the network's time, has set the clock right.
STEADY = dt.timedelta(hours=24)
# A round comes every ten seconds; the disk need not get each.
WRITTEN_EVERY = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Clock:
    """`believed`: the newest moment to reckon ages from. `problem`: why nothing may be erased by age now."""

    believed: dt.datetime
    problem: str | None = None


@dataclass(frozen=True)
class _Memory:
    """`believed` is None where it was lost. `since`, `last`: a jump that is watched, and when it was looked at."""

    believed: dt.datetime | None
    since: dt.datetime | None = None
    last: dt.datetime | None = None


def look_at_clock(log: LogFolder, now: dt.datetime) -> Clock:
    """What to make of `now`."""
    known = _read(log)
    if known is None or (known.believed is not None and now < known.believed + JUMP):
        if known is None or known.since or known.believed is None or not _is_recent(known.believed, now):
            _write(log, _Memory(now))
        return Clock(now)
    since = known.since
    if since is None or known.last is None or not since <= now < known.last + JUMP:
        since = now
    if now >= since + STEADY:
        _write(log, _Memory(now))
        return Clock(now)
    if since != known.since or known.last is None or not _is_recent(known.last, now):
        _write(log, _Memory(known.believed, since, now))
    return Clock(known.believed or now, _told(known.believed, now, since))


def _is_recent(written: dt.datetime, now: dt.datetime) -> bool:
    return written <= now < written + WRITTEN_EVERY


def _told(believed: dt.datetime | None, now: dt.datetime, since: dt.datetime) -> str:
    jump = "its last time is unknown" if believed is None else f"it was {believed:%Y-%m-%d %H:%M} UTC a moment ago"
    return (
        f"the clock says {now:%Y-%m-%d %H:%M} UTC and {jump}; old rows are not erased until it has been steady"
        f" for a day (from {since + STEADY:%Y-%m-%d %H:%M} UTC on); set it right if it is wrong"
    )


def _read(log: LogFolder) -> _Memory | None:
    """None where the log was never kept."""
    try:
        raw = orjson.loads(log.clock.read_bytes())
        found = [_moment(raw.get(key)) for key in ("believed", "since", "last")]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError):
        return _Memory(None)
    return _Memory(*found)


def _moment(text: Any) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text).astimezone(dt.UTC)


def _write(log: LogFolder, memory: _Memory) -> None:
    """On a full disk it is left: making room must go on."""
    moments = {"believed": memory.believed, "since": memory.since, "last": memory.last}
    with contextlib.suppress(OSError):
        written = {key: moment and moment.isoformat() for key, moment in moments.items()}
        write_whole(log.clock, orjson.dumps(written), FILE_MODE)
