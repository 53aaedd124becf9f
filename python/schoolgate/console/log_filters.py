"""Filters of the log as they stand in an address, what they mean to an operation, and how they are said in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from schoolgate.console.log_words import VERDICTS
from schoolgate.console.plain_words import group

# Words of `when` -> how long ago it begins; "" is any time.
PERIODS: Final[Mapping[str, tuple[str, dt.timedelta | None]]] = {
    "hour": ("the last hour", dt.timedelta(hours=1)),
    "day": ("the last 24 hours", dt.timedelta(hours=24)),
    "week": ("the last 7 days", dt.timedelta(days=7)),
    "month": ("the last 30 days", dt.timedelta(days=30)),
    "any": ("all that is kept", None),
}
FIRST_PERIOD: Final = "day"
MATCHES: Final = {"suffix": "and below it", "exact": "itself only", "contains": "anywhere in it"}
# Words of `checks` -> what is shown of the hourly checks of this server, as operations say it.
CHECKS: Final[Mapping[str, tuple[str, str]]] = {
    "": ("Devices", "without"),
    "with": ("Devices, and this server's checks", "with"),
    "only": ("This server's checks", "only"),
}
FIELDS: Final = ("name", "match", "device", "segment", "category", "verdict", "checks", "when", "since", "until")
_LONGEST: Final = 253


class FilterUnclear(ValueError):
    """A filter of the address says nothing that can be asked for. `field`: which one."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


@dataclass(frozen=True)
class LogFilter:
    """Texts as typed; "" for any. `since` and `until` are local times of the school and go before `when`."""

    name: str = ""
    match: str = "suffix"
    device: str = ""
    segment: str = ""
    category: str = ""
    verdict: str = ""
    checks: str = ""
    when: str = FIRST_PERIOD
    since: str = ""
    until: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> LogFilter:
        """From an address; a word that no choice has counts as none."""
        given = {name: query.get(name, "").strip()[:_LONGEST] for name in FIELDS}
        given["when"] = given["when"] if given["when"] in PERIODS else FIRST_PERIOD
        given["match"] = given["match"] if given["match"] in MATCHES else "suffix"
        given["verdict"] = given["verdict"] if given["verdict"] in VERDICTS else ""
        given["checks"] = given["checks"] if given["checks"] in CHECKS else ""
        return cls(**given)

    def arguments(self, zone: str, now: dt.datetime, *, has_time: bool = True) -> dict[str, Any]:
        """`filters` of an operation of the log. Raises `FilterUnclear`."""
        found: dict[str, Any] = {}
        if self.name:
            found |= {"name": self.name, "match": self.match}
        if self.segment:
            found["segments"] = [self.segment]
        if self.category:
            found["categories"] = [self.category]
        if self.verdict:
            found["actions"] = list(VERDICTS[self.verdict].actions)
        if self.checks:
            found["own_checks"] = CHECKS[self.checks][1]
        if has_time:
            found |= self._times(ZoneInfo(zone), now)
        return found

    def address(self, path: str, **more: str) -> str:
        """The page at `path` with these filters."""
        defaults = LogFilter()
        kept = {name: getattr(self, name) for name in FIELDS if getattr(self, name) != getattr(defaults, name)}
        kept |= {name: value for name, value in more.items() if value}
        return f"{path}?{urlencode(kept)}" if kept else path

    @property
    def query(self) -> str:
        """What stands behind the question mark of its address."""
        return self.address("").removeprefix("?")

    @property
    def period(self) -> str:
        """In words."""
        return "these times" if self.since or self.until else PERIODS[self.when][0]

    def _times(self, zone: ZoneInfo, now: dt.datetime) -> dict[str, str]:
        if self.since or self.until:
            given = {"since": self.since, "until": self.until}
            return {name: _moment(name, text, zone) for name, text in given.items() if text}
        length = PERIODS[self.when][1]
        return {} if length is None else {"since": (now - length).isoformat()}


def options_of(choices: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """What each field of the filter can be: pairs of the address's word and how it is said."""
    anything = ("", "Any")
    return {
        "match": list(MATCHES.items()),
        "segment": [anything, *((one, group(one)) for one in choices["segments"])],
        "category": [anything, *sorted(choices["categories"].items(), key=lambda one: str(one[1]))],
        "verdict": [anything, *((one, word.words) for one, word in VERDICTS.items())],
        "checks": [(one, words) for one, (words, _) in CHECKS.items()],
        "when": [(one, words[:1].upper() + words[1:]) for one, (words, _) in PERIODS.items()],
    }


def _moment(field: str, text: str, zone: ZoneInfo) -> str:
    """Of a field `datetime-local`: the school's time."""
    try:
        return dt.datetime.fromisoformat(text).replace(tzinfo=zone).isoformat()
    except ValueError:
        raise FilterUnclear(field, f"{text} is no time; write 2026-11-30T14:30") from None
