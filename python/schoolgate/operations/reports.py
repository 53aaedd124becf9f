"""Reports: made, kept and listed. One for the safeguarding lead shows devices, and is made for no one else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from schoolgate.accounts.roles import Role
from schoolgate.config import config_label
from schoolgate.config.problems import did_you_mean
from schoolgate.errors import SchoolgateError
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.registry import changes, looks, sees
from schoolgate.operations.work import Work
from schoolgate.policy.active_policy import active_or_first, read_ground, read_policy
from schoolgate.policy.model import Document
from schoolgate.reports.making import Form, Made, make
from schoolgate.reports.page import Page, Reader, page_of
from schoolgate.reports.period import Kind, Period, last_complete, period_of
from schoolgate.reports.shelf import Kept, name_of, shelf_of
from schoolgate.storage import state_dir

# Who may make the report of a reader. One for governors names no site and no device.
_MAKERS: Mapping[Reader, frozenset[Role]] = MappingProxyType(
    {
        Reader.it: frozenset(
            {Role.network_manager, Role.safeguarding_lead, Role.head, Role.trust_director, Role.provider}
        ),
        Reader.safeguarding: frozenset({Role.safeguarding_lead}),
        Reader.governors: frozenset(Role),
    }
)


class ReportUnclear(SchoolgateError):
    """No such report can be made."""


@dataclass(frozen=True)
class ReportMade:
    """`problems`: why it is not complete."""

    text: str
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Shelf:
    """Reports that are kept, newest first. `readers`: for whom the actor may make one; `segments`: of the policy."""

    folder: str
    kept: tuple[Kept, ...]
    readers: tuple[Reader, ...] = ()
    segments: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportShown:
    """A report in parts, for a page. `problems`: why it is not complete. `name`: as it is kept and signed. `has_ended`:
    its time has."""

    page: Page
    problems: tuple[str, ...]
    name: str = ""
    has_ended: bool = True


@sees("reports.make")
def make_report(
    work: Work,
    kind: Kind,
    reader: Reader,
    segments: tuple[str, ...] = (),
    form: Form = Form.text,
    of: str | None = None,
) -> ReportMade:
    """A report as text.

    `of`: a day of its time, such as 2026-11-20; the last complete without one. Raises `ReportUnclear`, `NotPermitted`.
    """
    made, _ = made_report(work, kind, reader, segments, of)
    return ReportMade(made.written(form), tuple(made.facts.problems))


@sees("reports.show")
def show_report(
    work: Work, kind: Kind, reader: Reader, segments: tuple[str, ...] = (), of: str | None = None
) -> ReportShown:
    """A report in parts. The rest as `reports.make`."""
    made, period = made_report(work, kind, reader, segments, of)
    name = name_of(period, reader, segments)
    return ReportShown(page_of(made.facts, reader), tuple(made.facts.problems), name, period.until <= work.now)


@sees("reports.read")
def read(work: Work, name: Annotated[str, Field(max_length=255)]) -> str:
    """A report that is kept, as HTML. One for the safeguarding lead is read by no one else. Raises `ReportUnclear`."""
    state_dir.refuse_strangers(work.settings.server.state_dir)
    for one in shelf_of(work.settings).all():
        if one.path.name == name:
            _refuse_others(work, one.reader)
            try:
                return one.path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ReportUnclear(f"{name}: it cannot be read ({error}); make it again") from None
    raise ReportUnclear(f"no report {name} is kept; `schoolgate report list` names them")


@changes("reports.keep")
def keep(work: Work, kind: Kind, reader: Reader, segments: tuple[str, ...] = (), of: str | None = None) -> str:
    """Makes a report and keeps it as HTML; its path. Raises what `reports.make` does, and `ReportNotKept`."""
    made, period = made_report(work, kind, reader, segments, of)
    shelf = shelf_of(work.settings)
    path = shelf.path_of(period, reader, segments)
    shelf.keep(path, made.written(Form.html))
    return str(path)


@looks("reports.list")
def list_reports(work: Work) -> Shelf:
    """The reports that are kept, newest first."""
    state_dir.refuse_strangers(work.settings.server.state_dir)
    shelf = shelf_of(work.settings)
    readers = tuple(one for one in Reader if work.actor.roles & _MAKERS[one])
    return Shelf(str(shelf.folder), tuple(shelf.all()), readers, tuple(_document(work).segments))


def made_report(work: Work, kind: Kind, reader: Reader, segments: Sequence[str], of: str | None) -> tuple[Made, Period]:
    """A report and its time. Blocks. Raises `ReportUnclear`, `NotPermitted`."""
    _refuse_others(work, reader)
    state_dir.refuse_strangers(work.settings.server.state_dir)
    period = period_asked(work, kind, segments, of)
    return make(work.settings, _document(work).time_zone, reader, period, segments, work.now), period


def period_asked(work: Work, kind: Kind, segments: Sequence[str], of: str | None) -> Period:
    """The time of a report that was asked for. Blocks. Raises `ReportUnclear`."""
    document = _document(work)
    _refuse_unknown(segments, document)
    zone, terms = ZoneInfo(document.time_zone), work.settings.reports.term_starts
    return last_complete(kind, work.now, zone, terms) if of is None else period_of(kind, _day(of), zone, terms)


def _refuse_others(work: Work, reader: Reader) -> None:
    if not work.actor.roles & _MAKERS[reader]:
        makers = ", ".join(sorted(one.replace("_", " ") for one in _MAKERS[reader]))
        raise NotPermitted(f"a report {reader.wording} is not yours to make; ask one of: {makers}")


def _document(work: Work) -> Document:
    _, text, file = active_or_first(work.settings)
    return read_policy(text, file, read_ground(work.settings, config_label(work.config))).document


def _refuse_unknown(segments: Sequence[str], document: Document) -> None:
    for one in segments:
        if one not in document.segments:
            raise ReportUnclear(f"there is no network {one}; {did_you_mean(one, document.segments)}")


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ReportUnclear(f"--of {text} is not a day; write --of 2026-11-20") from None
