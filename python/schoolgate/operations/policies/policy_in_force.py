"""The policy in force as operations that show it read it: quick, because it was checked when it was applied."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from schoolgate.operations.work import Work
from schoolgate.policy import CheckedPolicy, parse
from schoolgate.policy.active_policy import active_or_first
from schoolgate.policy.calendar_file import read_calendar
from schoolgate.policy.model import Document
from schoolgate.policy.school_calendar import NO_CALENDAR, SchoolCalendar
from schoolgate.storage import state_dir


@dataclass(frozen=True)
class PolicyInForce:
    """A revision, its text, and what it says."""

    number: int
    text: str
    checked: CheckedPolicy
    calendar: SchoolCalendar = NO_CALENDAR

    @property
    def document(self) -> Document:
        """What the text says."""
        return self.checked.document

    @property
    def zone(self) -> ZoneInfo:
        """The school's."""
        return ZoneInfo(self.document.time_zone)


def policy_in_force(work: Work) -> PolicyInForce:
    """Before the first start: the one to come. Reads no categories."""
    state_dir.refuse_strangers(work.settings.server.state_dir)
    number, text, file = active_or_first(work.settings)
    calendar, _ = read_calendar(work.settings.server.state_dir)
    return PolicyInForce(number, text, parse(text, file), calendar)
