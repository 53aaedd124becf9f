"""Days of a school out of an iCalendar file (RFC 5545), as a local authority or a calendar program publishes it.

Hostile input: every event is read by itself, within the bounds below. Time zones, alarms and everything that is no
event are dropped before the library sees them; a repetition is followed no further than the years that are kept.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from schoolgate.governance.calendar_entry import LONGEST_DAYS, EntryKind
from schoolgate.governance.errors import RecordRefused

# A school's calendar of several years has some ten kilobytes; one of all its clubs and matches stays below.
MOST_OCTETS: Final = 512 * 1024
MOST_EVENTS: Final = 2_000
LONGEST_LINE: Final = 4_000
# A bank holiday comes once a year. What comes each week is no holiday of a school.
MOST_REPEATING: Final = 50
MOST_TIMES: Final = 60
# How far back and ahead days are kept, and how long ago something that repeats may have begun.
BACK, AHEAD = dt.timedelta(days=400), dt.timedelta(days=1200)
BEGAN, BEGAN_OFTEN = dt.timedelta(days=366 * 30), dt.timedelta(days=366)
MOST_LEFT_OUT: Final = 100
_DAY: Final = dt.timedelta(days=1)

_FOLD = re.compile(r"\r?\n[ \t]")
_READ = frozenset(
    {"UID", "SUMMARY", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "CATEGORIES", "STATUS",
     "RECURRENCE-ID"}
)  # fmt: skip
# Rules by the hour, or with many values, can name millions of moments of one day.
_RULE_KEYS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMONTH", "BYMONTHDAY", "BYDAY", "WKST"})
MOST_RULE_VALUES: Final = 31
MOST_INTERVAL: Final = 52
# The parts that a rule may have beside each other: each of these meets a day within a few years. One that never does,
# such as 30 February, would be looked for until the year 9999.
_PARTS: Final[Mapping[str, tuple[frozenset[str], ...]]] = {
    "YEARLY": tuple(map(frozenset, ((), ("BYMONTH",), ("BYMONTH", "BYMONTHDAY"), ("BYMONTH", "BYDAY")))),
    "MONTHLY": tuple(map(frozenset, ((), ("BYMONTHDAY",), ("BYDAY",)))),
    "WEEKLY": tuple(map(frozenset, ((), ("BYDAY",)))),
    "DAILY": (frozenset(),),
}
_WEEKDAY = re.compile(r"([+-]?[1-4])?(MO|TU|WE|TH|FR|SA|SU)")
_DAYS_OF = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_INSET = re.compile(r"\b(inset|(staff )?training day|staff day|non[- ]pupil|professional development|twilight)\b", re.I)
_HALF_TERM = re.compile(r"\bhalf[- ]?term\b", re.I)
_HOLIDAY = re.compile(r"\b(holidays?|break|vacation|school closed|closure|closed|bank holiday)\b", re.I)
_EXAM = re.compile(r"\b(exams?|examinations?|mocks?|gcses?|a[- ]levels?|sats)\b", re.I)
_TERM = re.compile(r"\bterm\b|\btymor\b", re.I)
LONGEST_HALF_TERM: Final = 16


@dataclass(frozen=True)
class ImportedDays:
    """One event as days of the school. `uid` is the file's own, with the day of a repetition."""

    uid: str
    kind: EntryKind
    title: str
    first: dt.date
    last: dt.date


@dataclass(frozen=True)
class LeftOut:
    """An event that is not taken, and why."""

    title: str
    reason: str


@dataclass(frozen=True)
class ImportedCalendar:
    """What a file holds. `cancelled`: identities of what no longer takes place. `left_out`: the first hundred, of
    `left_out_count`."""

    days: tuple[ImportedDays, ...]
    cancelled: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    left_out_count: int


class _NotTaken(Exception):
    """Why an event is left out."""


@dataclass(frozen=True)
class _Window:
    """The days that are kept, the school's zone, and the kind of what says none."""

    first: dt.date
    last: dt.date
    zone: ZoneInfo
    otherwise: EntryKind | None


def read_icalendar(text: str, today: dt.date, zone: ZoneInfo, otherwise: EntryKind | None = None) -> ImportedCalendar:
    """Reads a file. `otherwise`: the kind of events whose words say none; they are left out where it is None.

    Raises `RecordRefused` for what is no calendar, and for one past the bounds.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MOST_OCTETS:
        raise RecordRefused(f"a calendar may have {MOST_OCTETS // 1024} KiB; export terms and holidays alone")
    window = _Window(today - BACK, today + AHEAD, zone, otherwise)
    found: dict[str, ImportedDays] = {}
    cancelled: dict[str, None] = {}
    left_out: list[LeftOut] = []
    events, repeating = list(_events(text)), 0
    # What replaces one day of a repetition comes after the repetition itself.
    for lines in sorted(events, key=lambda one: any(line.upper().startswith("RECURRENCE-ID") for line in one)):
        title = "an event without a title"
        try:
            event = _parsed(lines)
            title = _clean(str(event.get("SUMMARY", ""))) or title
            repeating += "RRULE" in event
            if repeating > MOST_REPEATING and "RRULE" in event:
                raise _NotTaken(f"only {MOST_REPEATING} events of a file may repeat")
            uid = _uid_of(event, title)
            if str(event.get("STATUS", "")).upper() == "CANCELLED":
                found.pop(uid, None)
                cancelled[uid] = None
                continue
            found |= {one.uid: one for one in _days_of(event, uid, title, window)}
        except _NotTaken as error:
            left_out.append(LeftOut(title, str(error)))
        # OSError: zones are files of their name, and "Europe" is a folder.
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, IndexError, OSError):
            left_out.append(LeftOut(title, "it cannot be read as an event of RFC 5545"))
    return ImportedCalendar(
        tuple(sorted(found.values(), key=lambda one: (one.first, one.last, one.uid))),
        tuple(one for one in cancelled if one not in found),
        tuple(left_out[:MOST_LEFT_OUT]),
        len(left_out),
    )


def _events(text: str) -> Iterator[list[str]]:
    """The lines of each VEVENT that are read, without what is nested in it. Raises `RecordRefused`."""
    if "BEGIN:VCALENDAR" not in text.upper()[:2_000]:
        raise RecordRefused("this is no iCalendar file: it does not begin with BEGIN:VCALENDAR; export it as .ics")
    lines: list[str] | None = None
    nested, count = 0, 0
    for line in _FOLD.sub("", text).splitlines():
        word = line.strip().upper()
        if lines is None:
            if word == "BEGIN:VEVENT":
                count += 1
                if count > MOST_EVENTS:
                    raise RecordRefused(f"a calendar may have {MOST_EVENTS} events; export terms and holidays alone")
                lines, nested = [], 0
        elif word == "END:VEVENT" and nested == 0:
            yield lines
            lines = None
        elif word.startswith(("BEGIN:", "END:")):
            nested = max(0, nested + (1 if word.startswith("BEGIN:") else -1))
        elif nested == 0 and re.split("[:;]", word, maxsplit=1)[0] in _READ:
            lines.append(line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE])


def _parsed(lines: list[str]) -> Any:
    from icalendar import Event

    return Event.from_ical("\r\n".join(("BEGIN:VEVENT", *lines, "END:VEVENT", "")))


def _uid_of(event: Any, title: str) -> str:
    """The file's own; one that has none is known by its words and its first day. Of a replaced day: with that day."""
    uid = _clean(str(event.get("UID", "")))
    if not uid or len(uid) > 200:
        uid = (
            "sha256:"
            + hashlib.sha256(f"{uid or title} {event.get('DTSTART') and event['DTSTART'].dt}".encode()).hexdigest()
        )
    if "RECURRENCE-ID" not in event:
        return uid
    replaced = event["RECURRENCE-ID"].dt
    return f"{uid}/{replaced.date() if isinstance(replaced, dt.datetime) else replaced}"


def _days_of(event: Any, uid: str, title: str, window: _Window) -> list[ImportedDays]:
    """The stretches of one event within the years that are kept."""
    first, last = _first_and_last(event, window.zone)
    if (last - first).days >= LONGEST_DAYS:
        raise _NotTaken(f"it has more than {LONGEST_DAYS} days")
    kind = _kind_of(title, event, (last - first).days + 1) or window.otherwise
    if kind is None:
        raise _NotTaken("its words say neither term, holiday, inset day nor exams")
    one = ImportedDays(uid, kind, title, first, last)
    if "RDATE" in event:
        raise _NotTaken("it repeats by a list of dates; write each by itself")
    found = [one] if "RRULE" not in event else list(_repeated(event, one, window))
    kept = [each for each in found if each.last >= window.first and each.first <= window.last]
    if not kept:
        raise _NotTaken("it is over, or more than three years ahead")
    return kept


def _first_and_last(event: Any, zone: ZoneInfo) -> tuple[dt.date, dt.date]:
    if "DTSTART" not in event:
        raise _NotTaken("it has no first day")
    start = event["DTSTART"].dt
    if "DTEND" in event:
        end = event["DTEND"].dt
    elif "DURATION" in event:
        end = start + event["DURATION"].dt
    else:
        end = start
    first = _day(start, zone)
    # The end is the first moment, or day, that does not belong to it any more.
    if isinstance(end, dt.datetime):
        last = _day(end - dt.timedelta(microseconds=1), zone) if end != start else first
    else:
        last = end - _DAY
    return first, max(first, last)


def _day(moment: dt.date | dt.datetime, zone: ZoneInfo) -> dt.date:
    """A time without a zone is one of the school's own clock."""
    if not isinstance(moment, dt.datetime):
        return moment
    return (moment.astimezone(zone) if moment.tzinfo is not None else moment).date()


def _repeated(event: Any, one: ImportedDays, window: _Window) -> Iterator[ImportedDays]:
    from dateutil.rrule import rrulestr

    rules = event["RRULE"]
    if isinstance(rules, list):
        raise _NotTaken("it repeats by several rules")
    is_yearly = str(rules.get("FREQ", [""])[0]).upper() == "YEARLY"
    if one.first < window.first - (BEGAN if is_yearly else BEGAN_OFTEN):
        raise _NotTaken("it repeats since too long ago; write it with a later first day")
    rule, count = _rule_text(rules, one.first, window)
    length = one.last - one.first
    start = dt.datetime.combine(one.first, dt.time())
    without = {_day(moment.dt, window.zone) for each in _listed(event.get("EXDATE")) for moment in each.dts}
    days = [moment.date() for moment in itertools.islice(rrulestr(rule, dtstart=start), count)]
    kept = [day for day in days if day not in without and day + length >= window.first]
    if len(kept) > MOST_TIMES:
        raise _NotTaken(f"it repeats more than {MOST_TIMES} times; a term or a holiday is one event")
    for day in kept:
        yield replace(one, uid=f"{one.uid}/{day}", first=day, last=day + length)


def _rule_text(rule: Mapping[str, Any], first: dt.date, window: _Window) -> tuple[str, int | None]:
    """The rule with an end of ours, and how often it counts; so that none is endless."""
    values = {key.upper(): list(value) if isinstance(value, (list, tuple)) else [value] for key, value in rule.items()}
    frequency = str(values.get("FREQ", [""])[0]).upper()
    if not values.keys() <= _RULE_KEYS or frequency not in _PARTS:
        raise _NotTaken("it repeats by hours or by a rule that calendars of schools do not need")
    if any(len(each) > MOST_RULE_VALUES for each in values.values()):
        raise _NotTaken("its rule has too many values")
    _refuse_never(frequency, values, first)
    interval = int(values.get("INTERVAL", [1])[0])
    if not 1 <= interval <= MOST_INTERVAL:
        raise _NotTaken("it repeats at no interval that calendars of schools need")
    until = values.get("UNTIL", [window.last])[0]
    end = min(_day(until, window.zone), window.last)
    if end < first:
        raise _NotTaken("it ends before it begins")
    parts = [f"FREQ={frequency}", f"INTERVAL={interval}", f"UNTIL={end:%Y%m%d}T000000"]
    for key in ("BYMONTH", "BYMONTHDAY", "BYDAY", "WKST"):
        if key in values:
            parts.append(f"{key}={','.join(map(str, values[key]))}")
    count = values.get("COUNT")
    return ";".join(parts), None if count is None else max(0, int(count[0]))


def _refuse_never(frequency: str, values: Mapping[str, list[Any]], first: dt.date) -> None:
    """Raises `_NotTaken` for a rule that may name no day at all."""
    if values.keys() & {"BYMONTH", "BYMONTHDAY", "BYDAY"} not in _PARTS[frequency]:
        raise _NotTaken("it repeats by a rule that calendars of schools do not need")
    months = [int(one) for one in values.get("BYMONTH", ())]
    days = [abs(int(one)) for one in values.get("BYMONTHDAY", [] if "BYDAY" in values else [first.day])]
    shortest = min((_DAYS_OF[one - 1] for one in months), default=28 if "BYMONTHDAY" in values else 31)
    is_real = all(1 <= one <= 12 for one in months) and all(1 <= one <= shortest for one in days)
    if not is_real or not all(_WEEKDAY.fullmatch(str(one).upper()) for one in values.get("BYDAY", ())):
        raise _NotTaken("it repeats on days that there are not")


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _kind_of(title: str, event: Any, days: int) -> EntryKind | None:
    """By the words of the title, then of the categories."""
    categories = " ".join(str(one) for each in _listed(event.get("CATEGORIES")) for one in getattr(each, "cats", ()))
    for words in (title, _clean(categories)):
        found = _kind_of_words(words, days)
        if found is not None:
            return found
    return None


def _kind_of_words(words: str, days: int) -> EntryKind | None:
    if _INSET.search(words):
        return "inset"
    if _HALF_TERM.search(words) and days <= LONGEST_HALF_TERM:
        # "Half term ends" is one day of lessons.
        return "holiday" if days > 1 else None
    if _HOLIDAY.search(words):
        return "holiday"
    if _EXAM.search(words):
        return "exam"
    return "term" if _TERM.search(words) and days > 7 else None


def _clean(text: str) -> str:
    """Without characters that are not seen, or turn the text around."""
    return "".join(one for one in text.strip() if one.isprintable())[:300].strip()
