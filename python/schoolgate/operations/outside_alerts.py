"""`alerts.file`: where other monitoring systems bring their alerts, by an API token whose scope is this alone."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field

from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.outside import file_outside, outside_finding
from schoolgate.errors import SchoolgateError
from schoolgate.operations.caller import Known
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.registry import Personal, changes
from schoolgate.operations.work import Work
from schoolgate.policy import load_catalogue, parse
from schoolgate.policy.active_policy import active_or_first
from schoolgate.policy.monitoring import Severity
from schoolgate.storage import state_dir

# An older one is a repeat of what was kept elsewhere, or a clock that is wrong.
OLDEST = dt.timedelta(days=7)
# Clocks of two machines differ.
AHEAD = dt.timedelta(minutes=5)


class AlertNotTaken(SchoolgateError):
    """An alert of another system says what cannot be so."""


@dataclass(frozen=True)
class AlertFiled:
    """`number`: of the alert. `is_new`: False where the system had filed the same key before."""

    number: int
    is_new: bool

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"number": self.number, "is_new": self.is_new}


@changes("alerts.file")
def file(
    work: Work,
    source: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")],
    key: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,120}$"), Personal],
    severity: Severity = "warning",
    category: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,80}$")] | None = None,
    segment: Annotated[str, Field(max_length=253)] = "",
    at: AwareDatetime | None = None,
    said: Annotated[str, Field(max_length=2_000), Personal] = "",
    device: Annotated[str, Field(max_length=200), Personal] = "",
) -> AlertFiled:
    """Files an alert of another system, once for each of its keys.

    `source`: that system; `key`: its own identifier of the matter. `said`: what it says, for those who see devices.
    Raises `AlertNotTaken` for an unknown category or segment, and a time that is to come or older than a week, and
    `TooManyFiled` where the system, or all of them, filed as many as a day may have, and `NotPermitted` for a token of
    another system.
    """
    _refuse_other_source(work, source)
    moment = work.now if at is None else at.astimezone(dt.UTC)
    if moment > work.now + AHEAD:
        raise AlertNotTaken(f"{moment.isoformat()} is to come; set the clock of the system that sent it")
    if moment < work.now - OLDEST:
        raise AlertNotTaken(f"{moment.isoformat()} is older than a week; open a case by hand")
    _, text, label = active_or_first(work.settings)
    document = parse(text, label).document
    if segment and segment not in document.segments:
        raise AlertNotTaken(f"there is no network {segment!r}; write one of: {', '.join(sorted(document.segments))}")
    if category is not None and category not in load_catalogue(work.settings.lists.dir).categories:
        raise AlertNotTaken(f"there is no category {category!r}; leave it out, or take one of `policy.categories`")
    finding = outside_finding(source, key, severity, category, segment, moment, said, device)
    folder = work.settings.server.state_dir
    state_dir.refuse_strangers(folder)
    (folder / "monitor").mkdir(mode=0o750, exist_ok=True)
    with contextlib.closing(AlertStore.open(folder / "monitor" / "alerts.db")) as store:
        number, is_new = file_outside(finding, document.alerts, ZoneInfo(document.time_zone), store, work.now)
    return AlertFiled(number, is_new)


def _refuse_other_source(work: Work, source: str) -> None:
    """A token speaks for the systems that its scopes name."""
    if work.caller.known is Known.api_token and source not in work.caller.subjects:
        own = ", ".join(sorted(work.caller.subjects))
        raise NotPermitted(f"this token files for {own}, and not for {source}; make another one, alerts.file:{source}")
