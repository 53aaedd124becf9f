"""The school's calendar in a file of the state directory, for processes that never open control.db.

Written by `control` when the calendar changes. Missing or damaged: there is no calendar, and status says so.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Final

from schoolgate.policy.school_calendar import KINDS, NO_CALENDAR, SchoolCalendar, SchoolDays, calendar_of
from schoolgate.storage.checked_file import CheckedFileDamaged, read_checked, write_checked

_KIND: Final = "school-calendar"


def path_of_calendar(state_dir: Path) -> Path:
    """Where it lies."""
    return state_dir / "governance" / "calendar.json"


def write_calendar(state_dir: Path, calendar: SchoolCalendar) -> bool:
    """Replaces the file whole where it says something else; whether it did. Raises `OSError`."""
    path = path_of_calendar(state_dir)
    held, problem = read_calendar(state_dir)
    if problem is None and held == calendar:
        return False  # a school without a calendar gets no file either
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    days = [[one.first.isoformat(), one.last.isoformat(), one.kind, one.title] for one in calendar.stretches]
    write_checked(path, _KIND, {"days": days})
    return True


def read_calendar(state_dir: Path) -> tuple[SchoolCalendar, str | None]:
    """The calendar, and why there is none where a file is there that cannot be believed."""
    path = path_of_calendar(state_dir)
    try:
        return calendar_of(map(_stretch, read_checked(path, _KIND)["days"])), None
    except FileNotFoundError:
        return NO_CALENDAR, None
    except CheckedFileDamaged as error:
        return NO_CALENDAR, f"{error}; every day counts as one of a term until control writes it anew"
    except (KeyError, TypeError, ValueError):
        return NO_CALENDAR, f"{path}: does not hold what a calendar holds; every day counts as one of a term"


def signature_of_calendar(state_dir: Path) -> tuple[int, int] | None:
    """Changes when the file does; None where there is none."""
    try:
        found = path_of_calendar(state_dir).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


class CalendarFile:
    """The calendar of a state directory, read again when the file is another."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._seen: tuple[int, int] | None = (-1, -1)
        self._known = NO_CALENDAR

    def current(self) -> SchoolCalendar:
        """As the file is now."""
        seen = signature_of_calendar(self._state_dir)
        if seen != self._seen:
            self._known, self._seen = read_calendar(self._state_dir)[0], seen
        return self._known


def _stretch(row: list[str]) -> SchoolDays:
    first, last, kind, title = row
    wanted = next(one for one in KINDS if one == kind) if kind in KINDS else None
    if wanted is None:
        raise ValueError(kind)
    return SchoolDays(dt.date.fromisoformat(first), dt.date.fromisoformat(last), wanted, str(title))
