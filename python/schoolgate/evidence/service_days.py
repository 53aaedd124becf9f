"""How the service was, day by day: whether the filter answered, how old its lists were, what the checks found.

`control` looks each minute and writes counts into one file; no name of a person, device or site is in it. A minute in
which nothing looked is not measured, and is never counted as good.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import orjson

from schoolgate.storage.atomic_file import write_whole

# Two years and some.
MOST_DAYS = 800
MOST_OCTETS = 1 << 20


@dataclass(frozen=True)
class ServiceDay:
    """`minutes` in which the server was asked, `served` of them, and those in which the monitor `watched` the log;
    `last_minute`: the last that counts, since 1970.
    `oldest_list_s`: the greatest age of a list; None: no list is in use, or none was fetched. `checks` from inside each
    network, and those of them that went well."""

    minutes: int = 0
    served: int = 0
    watched: int = 0
    last_minute: int = 0
    oldest_list_s: int | None = None
    checks: int = 0
    checks_well: int = 0


class ServiceDays:
    """The file of one installation."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "governance" / "service-days.json"

    def note_minute(
        self, now: dt.datetime, day: dt.date, *, is_served: bool, is_watched: bool, oldest_list_s: int | None
    ) -> None:
        """Counts a look; a second one within the same minute counts nothing. Raises `OSError`."""
        minute = int(now.timestamp() // 60)

        def counted(one: ServiceDay) -> ServiceDay:
            if minute <= one.last_minute:
                return one
            ages = [age for age in (one.oldest_list_s, oldest_list_s) if age is not None]
            return replace(
                one, minutes=one.minutes + 1, served=one.served + is_served, watched=one.watched + is_watched,
                last_minute=minute, oldest_list_s=max(ages, default=None),
            )  # fmt: skip

        self._change(day, counted)

    def note_check(self, day: dt.date, *, is_well: bool) -> None:
        """Counts a check from inside each network. Raises `OSError`."""
        self._change(day, lambda one: replace(one, checks=one.checks + 1, checks_well=one.checks_well + is_well))

    def between(self, first: dt.date, until: dt.date) -> dict[dt.date, ServiceDay]:
        """The days that were measured, from the first to just before `until`. Raises `OSError`, `ValueError` for a
        file that is damaged."""
        return {day: one for day, one in self._read().items() if first <= day < until}

    def _change(self, day: dt.date, changed: Callable[[ServiceDay], ServiceDay]) -> None:
        self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        with (self.path.with_suffix(".lock")).open("w") as lock:
            os.fchmod(lock.fileno(), 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                held = self._read()
            except ValueError:
                # What is damaged is put aside: the days after it are measured all the same.
                self.path.replace(self.path.with_suffix(".damaged"))
                held = {}
            after = changed(held.get(day, ServiceDay()))
            if held.get(day) == after:
                return
            newest = sorted({**held, day: after}.items())[-MOST_DAYS:]
            write_whole(self.path, orjson.dumps({one.isoformat(): asdict(found) for one, found in newest}))

    def _read(self) -> dict[dt.date, ServiceDay]:
        try:
            with self.path.open("rb") as file:
                found = orjson.loads(file.read(MOST_OCTETS))
        except FileNotFoundError:
            return {}
        if not isinstance(found, dict):
            raise ValueError(f"{self.path}: it is damaged")
        return {dt.date.fromisoformat(day): _day(one) for day, one in found.items()}


def _day(found: Mapping[str, object]) -> ServiceDay:
    known = {one.name for one in fields(ServiceDay)}
    if (
        not isinstance(found, dict)
        or set(found) - known
        or not all(isinstance(one, int | None) for one in found.values())
    ):
        raise ValueError("a day of the service record is damaged")
    return ServiceDay(**found)
