"""Lists of sites for lessons, agreed to beforehand: a teacher opens one for a lesson, and nothing that is not on one.

One person proposes a list, another who approves agrees to it. It ends by itself, as every approval does.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Final

from schoolgate.config.domain_name import parse_domain_name
from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.plain_form import Line
from schoolgate.governance.record_store import Fields

PROPOSED, AGREED, ENDED = "proposed", "agreed", "ended"
MOST_NAMES: Final = 50
LONGEST: Final = dt.timedelta(days=366)


class LessonList(Fields):
    """`names` as rules of a policy; `segments`: the only networks that it may be opened for; `until`: its last day.
    `agreed_by`: an actor, as `agreed_name` was called then."""

    KIND: ClassVar[str] = "lesson_list"

    title: Line
    purpose: Line
    names: tuple[str, ...]
    segments: tuple[str, ...]
    until: dt.date
    proposed_name: str
    agreed_by: str = ""
    agreed_name: str = ""
    agreed_us: int | None = None
    ended_why: str = ""

    def is_open_on(self, day: dt.date) -> bool:
        """Whether a lesson of a day may open it; its state aside."""
        return day <= self.until


def rules_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names as a policy writes them, each once. Raises `RecordRefused` for one that is none."""
    found: dict[str, None] = {}
    for name in names:
        if not name.strip():
            continue
        mark, bare = ("=", name.strip()[1:]) if name.strip().startswith("=") else ("", name.strip())
        try:
            found[f"{mark}{parse_domain_name(bare)}"] = None
        except ValueError:
            raise RecordRefused(f"{name[:80]!r} is no name of a site; write such as example.org") from None
    if not found:
        raise RecordRefused("name the sites that a lesson may open, such as: example.org")
    if len(found) > MOST_NAMES:
        raise RecordRefused(f"a list may have {MOST_NAMES} sites; make one for each kind of lesson")
    return tuple(found)
