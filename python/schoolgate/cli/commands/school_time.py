"""Times for people: on the school's clock, and with its zone beside them. What programs read is UTC.

The zone is that of the policy in force. Where it cannot be read (no rights, a damaged store) times are on this
machine's clock; the zone that stands beside them says which that is.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from pathlib import Path

from schoolgate.errors import SchoolgateError

# As the service writes a time into a message: to the minute, in UTC.
_UTC = re.compile(r"(\d{4}-\d{2}-\d{2}|\d{2} [A-Z][a-z]+ \d{4}) \d{2}:\d{2} UTC\b")

_settings_file: list[Path | None] = [None]


def of_settings(config: Path | None) -> None:
    """Which settings the command works by."""
    _settings_file[0] = config
    zone.cache_clear()


@cache
def zone() -> dt.tzinfo | None:
    """The school's; None for this machine's."""
    # Only a command that prints a time needs the policy.
    from schoolgate.config import load
    from schoolgate.policy.school_zone import school_zone

    try:
        return school_zone(load(_settings_file[0]))
    except (SchoolgateError, OSError):
        return None


def on_the_wall(moment: dt.datetime) -> str:
    """`2026-11-23 09:30:00 GMT`."""
    return f"{moment.astimezone(zone()):%Y-%m-%d %H:%M:%S %Z}"


def on_school_clock(text: str) -> str:
    """A message of the service, which writes UTC, with its times as the school's clock shows them."""
    return _UTC.sub(_converted, text) if " UTC" in text else text


def _converted(found: re.Match[str]) -> str:
    form = "%Y-%m-%d %H:%M" if found[1][4] == "-" else "%d %B %Y %H:%M"
    try:
        at = dt.datetime.strptime(found[0].removesuffix(" UTC"), form).replace(tzinfo=dt.UTC)
    except ValueError:  # looks like a time and is none
        return found[0]
    return f"{at.astimezone(zone()):{form} %Z}"


def now() -> dt.datetime:
    """This moment on the school's clock."""
    return dt.datetime.now(dt.UTC).astimezone(zone())
