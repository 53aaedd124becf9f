"""The monthly report of the service, for the school and its provider: measured by this system alone, without names."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import Field

from schoolgate._core import __version__
from schoolgate.config import Settings
from schoolgate.control.client import CommandRefused, ControlUnreachable, call
from schoolgate.errors import SchoolgateError
from schoolgate.evidence.measures import EvidenceRow
from schoolgate.evidence.pack_pdf import SERVICE_TEMPLATE, pdf_of
from schoolgate.evidence.service_days import ServiceDays
from schoolgate.evidence.service_report import NEEDED, days_of, service_rows
from schoolgate.monitoring import monitor_status
from schoolgate.operations.governance.evidence import EvidenceFile
from schoolgate.operations.governance.evidence_records import read_evidence_sources
from schoolgate.operations.governance.evidence_sources import Reader, alerts_of_evidence, read_source
from schoolgate.operations.registry import looks
from schoolgate.operations.status import feed_ages
from schoolgate.operations.work import Work
from schoolgate.policy.school_zone import school_zone

Month = Annotated[str | None, Field(pattern=r"^\d{4}-\d{2}$")]
# Read here, for the month that is asked for.
OF_MONTH: Final = ("service_days", "alerts_of_month")


class NotAMonth(SchoolgateError):
    """There is no such month, or it has not begun."""


@dataclass(frozen=True)
class ServiceReport:
    """`first`, `last`: days of the month, as far as it is over. `is_over`: False while the month goes on."""

    month: str
    first: dt.date
    last: dt.date
    is_over: bool
    rows: tuple[EvidenceRow, ...]


@looks("evidence.service")
async def show_service(work: Work, month: Month = None) -> ServiceReport:
    """How the service was in a month; the last whole one without a month. Raises `NotAMonth`."""
    zone = school_zone(work.settings) or ZoneInfo("UTC")
    today = work.now.astimezone(zone).date()
    wanted = month or f"{today.replace(day=1) - dt.timedelta(days=1):%Y-%m}"
    try:
        first, until = days_of(wanted)
    except ValueError:
        raise NotAMonth(f"{wanted} is no month; write one such as {today:%Y-%m}") from None
    if first > today:
        raise NotAMonth(f"{wanted} has not begun; write a month up to {today:%Y-%m}")
    readers = {
        "service_days": Reader(f"the service record of {wanted}", lambda work: _days(work, first, until, zone)),
        "alerts_of_month": Reader(f"alerts of {wanted}", lambda work: _alerts(work, first, until, zone)),
    }
    own = {name: await asyncio.to_thread(read_source, work, reader) for name, reader in readers.items()}
    sources = await read_evidence_sources(work, [name for name in NEEDED if name not in OF_MONTH], own)
    last = min(today, until - dt.timedelta(days=1))
    return ServiceReport(wanted, first, last, until <= today, service_rows(sources))


@looks("evidence.service_pdf")
async def service_pdf(work: Work, month: Month = None) -> EvidenceFile:
    """The same as a PDF for screen readers too. Raises `NotAMonth`, `DocumentNotMade`."""
    found = await show_service(work, month)
    at = work.now.astimezone(school_zone(work.settings) or ZoneInfo("UTC"))
    values = {
        "school": work.settings.accounts.school or "This school", "version": __version__,
        "made": f"{at:%-d %B %Y, %H:%M %Z}", "month": f"{found.first:%B %Y}", "is_over": found.is_over,
        "rows": [{**asdict(one), "state": one.state.value} for one in found.rows],
    }  # fmt: skip
    octets = await asyncio.to_thread(pdf_of, values, work.now, SERVICE_TEMPLATE)
    name = f"service-{found.month}.pdf"
    return EvidenceFile(name, hashlib.sha256(octets).hexdigest(), base64.b64encode(octets).decode())


def note_service(settings: Settings, now: dt.datetime) -> None:
    """Looks whether the server answers and the monitor runs, for the control process each minute; blocks.

    Raises `OSError`.
    """
    try:
        call(settings.server.control_socket, "status")
        is_served = True
    except CommandRefused:
        is_served = True
    except ControlUnreachable:
        is_served = False
    ages = [one.age_s for one in feed_ages(settings, now) if one.age_s is not None]
    day = now.astimezone(school_zone(settings) or ZoneInfo("UTC")).date()
    record = ServiceDays(settings.server.state_dir)
    monitor = monitor_status.section(settings.server.state_dir, now)
    seen_s = None if monitor is None else monitor["age_s"]
    is_watched = seen_s is not None and seen_s <= monitor_status.UNSEEN_S
    oldest_s = max(ages, default=None)
    record.note_minute(now, day, is_served=is_served, is_watched=is_watched, oldest_list_s=oldest_s)


def note_check(settings: Settings, now: dt.datetime, *, is_well: bool) -> None:
    """Counts a check from inside each network; blocks. Raises `OSError`."""
    day = now.astimezone(school_zone(settings) or ZoneInfo("UTC")).date()
    ServiceDays(settings.server.state_dir).note_check(day, is_well=is_well)


def _days(work: Work, first: dt.date, until: dt.date, zone: ZoneInfo) -> dict[str, Any]:
    """The days, and how many minutes of the month are over."""
    begin, end = (dt.datetime.combine(one, dt.time(), zone) for one in (first, until))
    over = min(end, work.now) - begin
    days = ServiceDays(work.settings.server.state_dir).between(first, until)
    found = {day.isoformat(): asdict(one) for day, one in days.items()}
    return {"minutes": int(over.total_seconds() // 60), "days": found}


def _alerts(work: Work, first: dt.date, until: dt.date, zone: ZoneInfo) -> dict[str, Any]:
    begin, end = (dt.datetime.combine(one, dt.time(), zone).astimezone(dt.UTC) for one in (first, until))
    with alerts_of_evidence(work) as store:
        rules = store.summary(begin, end)["rules"].values()
        waits = store.minutes_to_seen(begin, end)
    return {
        "alerts": sum(one["alerts"] for one in rules),
        "judged": sum(sum(one["outcomes"].values()) for one in rules),
        "false": sum(one["outcomes"].get("false-alarm", 0) for one in rules),
        "minutes_to_seen": waits,
    }
