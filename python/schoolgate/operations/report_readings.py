"""Who has read which report, signed by those whose duty it is; and a report as a PDF with these names."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from schoolgate.accounts.roles import Role
from schoolgate.governance.report_reading import READ, ReportReading
from schoolgate.operations.governance.record_entry import entry_of
from schoolgate.operations.registry import looks, records
from schoolgate.operations.reports import ReportUnclear, made_report, period_asked
from schoolgate.operations.work import Work
from schoolgate.policy.school_zone import school_zone
from schoolgate.reports.page import Reader, page_of
from schoolgate.reports.period import Kind
from schoolgate.reports.shelf import name_of

if TYPE_CHECKING:
    from schoolgate.governance.record_store import Record

# Whose duty it is to read the report of a reader, in the order in which a person signs.
DUTY: Mapping[Reader, tuple[Role, ...]] = MappingProxyType(
    {
        Reader.governors: (Role.governor, Role.head, Role.trust_director),
        Reader.it: (Role.network_manager, Role.trust_director, Role.provider),
        Reader.safeguarding: (Role.safeguarding_lead,),
    }
)
# Of one answer; a report has a handful of readers.
MOST_READINGS = 500

Name = Annotated[str, Field(max_length=255)]
Segments = tuple[str, ...]


@dataclass(frozen=True)
class Reading:
    """`report`: the name under which it is kept. `at_us`: microseconds since 1970."""

    report: str
    person: str
    role: str
    at_us: int


@dataclass(frozen=True)
class Readings:
    """Newest first. `may_sign`: of the report that was asked about, by the caller, who has not signed it."""

    readings: tuple[Reading, ...]
    may_sign: bool = False


@dataclass(frozen=True)
class ReportFile:
    """`octets`: base64."""

    name: str
    octets: str


@looks("reports.readings")
async def readings(work: Work, report: Name | None = None) -> Readings:
    """Who has read the report of this name; without one, of all reports, newest first."""
    found = await _read(work, report)
    # 2026-11-23-weekly-governors, and a network behind it.
    parts = (report or "").split("-")
    role = _duty(work, Reader(parts[4])) if len(parts) > 4 and parts[4] in list(Reader) else None
    is_new = all(one.created_by != work.actor.id for one in found)
    return Readings(tuple(map(_shown, found)), role is not None and is_new)


@records("reports.sign_read")
async def sign_read(work: Work, kind: Kind, reader: Reader, segments: Segments = (), of: str | None = None) -> Reading:
    """Signs that the caller has read a report of a time that has ended. A second time changes nothing.

    Raises `ReportUnclear`: it is another's duty, or its time has not ended.
    """
    from schoolgate.governance import record_store

    role = _duty(work, reader)
    if role is None:
        whose = ", ".join(one.replace("_", " ") for one in DUTY[reader])
        raise ReportUnclear(f"a report {reader.wording} is signed by: {whose}")
    period = await asyncio.to_thread(period_asked, work, kind, segments, of)
    if period.until > work.now:
        raise ReportUnclear("this time has not ended yet; sign the report when it has")
    name = name_of(period, reader, segments)
    earlier = [one for one in await _read(work, name) if one.created_by == work.actor.id]
    if earlier:
        return _shown(earlier[0])
    fields = ReportReading(report=name, person=work.actor.name, role=role)
    store = await work.store()
    async with store.change() as change:
        entry = entry_of(work, "reports.sign_read", report=name)
        return _shown(await record_store.add(change, fields, entry, state=READ, subject=name))


@looks("reports.pdf")
async def pdf(work: Work, kind: Kind, reader: Reader, segments: Segments = (), of: str | None = None) -> ReportFile:
    """A report as PDF/UA, with who has read it. The rest as `reports.make`. Raises `DocumentNotMade` too."""
    from schoolgate.reports.report_pdf import pdf_of

    made, period = await asyncio.to_thread(made_report, work, kind, reader, segments, of)
    name = name_of(period, reader, segments)
    zone = school_zone(work.settings) or ZoneInfo("UTC")
    signed = [
        (one.person, one.role.replace("_", " "), f"{dt.datetime.fromtimestamp(one.at_us / 1e6, zone):%-d %B %Y}")
        for one in map(_shown, await _read(work, name))
    ]
    page = page_of(made.facts, reader)
    octets = await asyncio.to_thread(pdf_of, page, tuple(made.facts.problems), signed, work.now)
    return ReportFile(f"{name}.pdf", base64.b64encode(octets).decode())


def _duty(work: Work, reader: Reader) -> Role | None:
    """The role in which the caller signs a report of this reader."""
    return next((one for one in DUTY[reader] if one in work.actor.roles), None)


async def _read(work: Work, report: str | None) -> list[Record[ReportReading]]:
    from schoolgate.governance import record_store

    store = await work.store()
    async with store.reading() as connection:
        return await record_store.listed(connection, store.site_id, ReportReading, subject=report, most=MOST_READINGS)


def _shown(one: Record[ReportReading]) -> Reading:
    return Reading(one.fields.report, one.fields.person, one.fields.role, one.created_us)
