"""A report as sections of plain English, with what each reader may see. Written once, shown as text or as HTML.

Governors: counts and trends, no client, no site. Safeguarding lead: alerts, sites, clients as pseudonyms. IT: sites,
health, no client. Sealed names stand in no report: the log does not hold them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from zoneinfo import ZoneInfo

from schoolgate.privacy.defang import defang
from schoolgate.reports.facts import Counted, Day, Facts
from schoolgate.reports.health import health_sentences

# Less than this moves by chance and need not be read.
WORTH_A_WORD = 0.1


class Reader(StrEnum):
    """Whom a report is for."""

    it = "it"
    safeguarding = "safeguarding"
    governors = "governors"

    @property
    def wording(self) -> str:
        return {"it": "for IT", "safeguarding": "for the safeguarding lead", "governors": "for governors"}[self]

    @property
    def sees_names(self) -> bool:
        return self is not Reader.governors

    @property
    def sees_clients(self) -> bool:
        return self is Reader.safeguarding


@dataclass(frozen=True)
class Section:
    """A heading with sentences, perhaps a table and a chart."""

    title: str
    sentences: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    chart: tuple[Day, ...] = ()


@dataclass(frozen=True)
class Page:
    """A whole report."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    foot: str


def page_of(facts: Facts, reader: Reader) -> Page:
    """What this reader gets."""
    where = f"network {', '.join(facts.segments)}" if facts.segments else "the whole school"
    sections = [section for make in _SECTIONS for section in make(facts, reader)]
    at = facts.made_at.astimezone(ZoneInfo(facts.school_time_zone))
    made = f"Made {at:%-d %B %Y %H:%M %Z}; times and days are those of {facts.school_time_zone}."
    return Page(
        f"Filtering report, {facts.period.kind}: {facts.period}",
        f"{where[0].upper()}{where[1:]}, {reader.wording}",
        tuple(sections),
        f"{made} DNS filtering sees names, not pages, words or pictures; it does not replace supervision.",
    )


def _at_a_glance(facts: Facts, reader: Reader) -> Iterator[Section]:
    said = [f"Questions asked: {_number(facts.rows)}; blocked: {_number(facts.blocked)} ({_share(facts)})."]
    said += _holidays(facts)
    if facts.rows == 0 and not facts.is_holiday:
        said = [
            "No questions are in the log for this time. Is the query log switched on, and do devices use schoolgate?"
        ]
    elif facts.is_comparable:
        change = _change(facts.blocked, facts.blocked_before)
        said.append(f"Blocked questions {change} the {facts.period.kind.noun} before.")
    elif facts.rows_before:
        said.append(
            f"The {facts.period.kind.noun} before is not compared: the log has {_days(facts.days_before)} of it, and"
            f" {_days(facts.days_logged)} of this one."
        )
    if facts.alerts is not None:
        raised = sum(count for _, _, count in facts.alerts.alerts)
        said.append(f"Alerts raised: {_number(raised)}; still open: {_number(facts.alerts.open)}.")
    said += [f"This report is not complete: {problem}" for problem in facts.problems]
    yield Section("At a glance", tuple(said))


def _holidays(facts: Facts) -> Iterator[str]:
    """Why there is less than usual: the school's calendar has no pupils on these days."""
    if not facts.closed:
        return
    names = _listed(dict.fromkeys(words or "no school" for _, words in facts.closed))
    noun = facts.period.kind.noun
    if facts.is_holiday:
        yield f"This was a holiday {noun}: {names}. Fewer questions are no surprise."
    elif noun == "day":
        yield f"This day had no pupils: {names}."
    else:
        days = "One weekday" if len(facts.closed) == 1 else f"{_number(len(facts.closed))} weekdays"
        yield f"{days} of this {noun} had no pupils: {names}."


def _trend(facts: Facts, reader: Reader) -> Iterator[Section]:
    if len(facts.days) > 1 and facts.rows:
        busiest = max(facts.days, key=lambda day: day.blocked)
        said = f"Most was blocked on {busiest.date:%A %-d %B}: {_number(busiest.blocked)}."
        yield Section("Day by day", (said,) if busiest.blocked else (), chart=facts.days)


def _categories(facts: Facts, reader: Reader) -> Iterator[Section]:
    if not facts.by_category:
        return
    rows = tuple((one.what, _number(one.blocked), _number(one.before or 0)) for one in facts.by_category)
    said = f"Mostly {_listed(one.what for one in facts.by_category[:3])}."
    yield Section("What was blocked", (said,), ("Kind of site", "Blocked", _time_before(facts)), rows)


def _segments(facts: Facts, reader: Reader) -> Iterator[Section]:
    if facts.by_segment:
        rows = tuple((one.what, _number(one.rows), _number(one.blocked)) for one in facts.by_segment)
        yield Section("For whom", (), ("Segment", "Questions", "Blocked"), rows)


def _names(facts: Facts, reader: Reader) -> Iterator[Section]:
    if reader.sees_names and facts.blocked_names:
        said = "Many of these are asked by apps in the background, not by people."
        names = [replace(one, what=defang(one.what)) for one in facts.blocked_names]
        yield _table("Sites most often blocked", said, "Site", names)


def _clients(facts: Facts, reader: Reader) -> Iterator[Section]:
    if reader.sees_clients and facts.clients:
        said = (
            "Devices with questions that matter to safeguarding, under the names the log gives them. A count is a"
            " reason to look, not a judgement."
        )
        yield _table("Devices to look at", said, "Device", facts.clients)


def _bypass(facts: Facts, reader: Reader) -> Iterator[Section]:
    tried = sum(one.blocked for one in facts.bypass)
    before = sum(one.before or 0 for one in facts.bypass)
    then = f"{_time_before(facts).lower()}: {_number(before)}"
    said = [f"Blocked questions for ways around the filter: {_number(tried)} ({then})."]
    found = [one for one in (facts.alerts.findings if facts.alerts else ()) if one[0] in _EVASIONS]
    said += [f"Found {_times(count)}: {_EVASIONS[detector]} ({severity})." for detector, severity, count in found]
    rows = tuple((one.what, _number(one.blocked), _number(one.before or 0)) for one in facts.bypass)
    yield Section("Attempts to get around the filter", tuple(said), ("Way", "Blocked", _time_before(facts)), rows)


# Detectors of the monitor, in words. A device that fell silent was most often closed: it is no evidence of evasion.
_EVASIONS = {
    "circumvention": "a device that tried several ways around the filter",
    "tunnel": "a tunnel through DNS",
}


def _alerts(facts: Facts, reader: Reader) -> Iterator[Section]:
    if facts.alerts is None:
        if reader is not Reader.governors:
            yield Section("Alerts", ("Nothing watches the query log here: `schoolgate monitor` has never run.",))
        return
    rows = tuple((detector, state, _number(count)) for detector, state, count in facts.alerts.alerts)
    said = () if rows else ("No alert was raised.",)
    yield Section("Alerts", said, ("Raised for", "State or outcome", "Alerts") if rows else (), rows)


def _over_blocking(facts: Facts, reader: Reader) -> Iterator[Section]:
    if not facts.over_blocking:
        said = "It was not checked in this time whether what must be open is open (`schoolgate check reachability`)."
        yield Section("Over-blocking", (said,))
        return
    last = facts.over_blocking[-1]
    worst = max(facts.over_blocking, key=lambda row: row.get("rate", 0))
    said = (
        f"Help lines, exams, updates and sign-in, {_number(last.get('names', 0))} names, were decided under every"
        f" policy {_times(len(facts.over_blocking))}. At the last check {_number(last.get('over_blocked', 0))} of"
        f" {_number(last.get('decisions', 0))} decisions were wrong ({last.get('rate', 0):.2%});"
        f" the worst check had {worst.get('rate', 0):.2%}."
    )
    yield Section("Over-blocking", (said,))


def _governance(facts: Facts, reader: Reader) -> Iterator[Section]:
    """What was not acted on in time. Nothing where no record is kept here."""
    if not facts.overdue:
        return
    kinds = Counter(words for words, _ in facts.overdue)
    since = {words: min(due for one, due in facts.overdue if one == words) for words in kinds}
    rows = tuple((words, _number(count), f"{since[words]:%-d %B %Y}") for words, count in kinds.most_common())
    said = f"{_number(len(facts.overdue))} {'is' if len(facts.overdue) == 1 else 'are'} overdue."
    yield Section("Reviews and actions", (said,), ("Kind", "Overdue", "Since"), rows)


def _health(facts: Facts, reader: Reader) -> Iterator[Section]:
    said = health_sentences(facts, in_detail=reader is not Reader.governors)
    yield Section("Lists and health", tuple(said))


_SECTIONS: tuple[Callable[[Facts, Reader], Iterable[Section]], ...] = (
    _at_a_glance, _trend, _categories, _segments, _bypass, _alerts, _names, _clients, _over_blocking,
    _governance, _health,
)  # fmt: skip


def _table(title: str, said: str, what: str, counted: Sequence[Counted]) -> Section:
    rows = tuple((one.what, _number(one.rows), _number(one.blocked)) for one in counted)
    return Section(title, (said,), (what, "Questions", "Blocked"), rows)


def _share(facts: Facts) -> str:
    return f"{facts.blocked / facts.rows:.1%}" if facts.rows else "0 %"


def _change(now: int, then: int) -> str:
    if then == 0:
        return "cannot be compared with"
    change = now / then - 1
    if abs(change) < WORTH_A_WORD:
        return "are about as many as in"
    return f"are {abs(change):.0%} {'more' if change > 0 else 'fewer'} than in"


def _time_before(facts: Facts) -> str:
    """The heading of numbers of the period before, which says when they are of a part of it."""
    return "The time before" if facts.is_comparable else f"The time before ({_days(facts.days_before)} of log)"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{_number(count)} days"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{_number(count)} times"


def _number(count: int) -> str:
    return f"{count:,}"


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
