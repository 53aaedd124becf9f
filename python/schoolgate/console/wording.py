"""Values as people say them: lengths of time, what is left of one, names of groups of devices."""

from __future__ import annotations

import datetime as dt
from typing import Final

_UNITS: Final = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def duration(seconds: float) -> str:
    """Seconds in the two largest units that say something: "2 days", "1 hour 20 minutes"."""
    left, said = max(0, round(seconds)), list[str]()
    for word, size in _UNITS:
        number, left = divmod(left, size)
        if number and len(said) < 2:
            said.append(f"{number} {word}{'' if number == 1 else 's'}")
        elif said:
            break
    return " ".join(said) or "less than a second"


def left(until: str, now: dt.datetime) -> str:
    """How long it is until a time in ISO 8601: "2 hours 10 minutes left"."""
    seconds = (dt.datetime.fromisoformat(until) - now).total_seconds()
    if seconds <= 0:
        return "has ended"
    return f"{duration(seconds if seconds < 3600 else seconds // 60 * 60)} left"


def group(identity: str) -> str:
    """The name of a segment or policy as people read it: "year-11" is "Year 11"."""
    words = identity.replace("-", " ").replace("_", " ").strip()
    words = words[:1].upper() + words[1:]
    return f"AI{words[2:]}" if words == "Ai" or words.startswith("Ai ") else words or "Devices in no group"


def octets(number: float) -> str:
    """A size: "3.4 MB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "bytes" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError


def named(name: str) -> str:
    """Who did something, without the account's or the user's kind: "account:asmith" is "asmith"."""
    return name.partition(":")[2] if name.startswith("account:") else name
