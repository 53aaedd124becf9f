"""What a school asks of who runs the filter, for one month, measured by the filter itself: counts and times, no names.

A row that nothing measured says so. What was agreed with a provider stands in the contract: here is what was.
"""

from __future__ import annotations

import datetime as dt
import math
import statistics

from schoolgate.evidence import measures
from schoolgate.evidence.measures import DAY_S, OLD_LIST_S, EvidenceRow, Item, Seen, rows_of
from schoolgate.evidence.sources import SourceBroken, Sources, needed_by, reads

# Below these a row asks for a look: 43 minutes a month; a third of a day.
SERVED_AT_LEAST = 0.999
MEASURED_AT_LEAST = 0.99
MINUTES_TO_SEE = 24 * 60


@reads("service_days")
def available(sources: Sources) -> Seen:
    """In how many of the minutes that were measured the server answered, and how many were not measured."""
    found = sources["service_days"]
    days = found["days"].values()
    minutes, served = sum(one["minutes"] for one in days), sum(one["served"] for one in days)
    if not minutes:
        raise SourceBroken("nothing looked in this month; the control process looks each minute while it runs")
    missing = max(0, found["minutes"] - minutes)
    value = (
        f"It answered in {served:,} of {minutes:,} minutes ({_share(served, minutes)}); {missing:,} were not measured."
    )
    is_met = served / minutes >= SERVED_AT_LEAST and minutes / max(minutes, found["minutes"]) >= MEASURED_AT_LEAST
    return Seen(value, is_met)


@reads("service_days")
def checked(sources: Sources) -> Seen:
    """How often each network got what the policy says, asked from inside it."""
    days = sources["service_days"]["days"].values()
    checks, well = sum(one["checks"] for one in days), sum(one["checks_well"] for one in days)
    if not checks:
        raise SourceBroken("no check ran from inside a network in this month")
    return Seen(f"{well:,} of {checks:,} checks went well ({_share(well, checks)}).", well == checks)


@reads("service_days")
def list_ages(sources: Sources) -> Seen:
    """The greatest age that a list reached in the month."""
    ages = [(one["oldest_list_s"], day) for day, one in sources["service_days"]["days"].items()]
    known = [(age, day) for age, day in ages if age is not None]
    if not known:
        raise SourceBroken("no age of a list was measured in this month")
    age, day = max(known)
    late = sum(one > OLD_LIST_S for one, _ in known)
    value = f"The oldest that a list became is {age / 3600:.0f} hours, on {day}"
    return Seen(f"{value}; days with a list older than {OLD_LIST_S // 3600} hours: {late} of {len(known)}.", late == 0)


@reads("service_days")
def watched(sources: Sources) -> Seen:
    """In how many of the minutes that were measured the monitor watched the log, so that alerts could come."""
    days = sources["service_days"]["days"].values()
    minutes, seen = sum(one["minutes"] for one in days), sum(one["watched"] for one in days)
    if not minutes:
        raise SourceBroken("nothing looked in this month; the control process looks each minute while it runs")
    value = f"The log was watched in {seen:,} of {minutes:,} minutes ({_share(seen, minutes)})."
    return Seen(value, seen / minutes >= SERVED_AT_LEAST)


@reads("alerts_of_month", "service_days")
def acknowledged(sources: Sources) -> Seen:
    """How long alerts waited until a person saw or closed them."""
    found = sources["alerts_of_month"]
    waits, alerts = found["minutes_to_seen"], found["alerts"]
    if not alerts:
        if not any(one["watched"] for one in sources["service_days"]["days"].values()):
            raise SourceBroken("there was no alert, and nothing is known to have watched the log in this month")
        return Seen("There was no alert.", True)
    unseen = alerts - len(waits)
    if not waits:
        return Seen(f"None of {alerts:,} alerts was seen by a person.", False)
    value = f"{len(waits):,} of {alerts:,} alerts were seen: half of them within {_minutes(statistics.median(waits))},"
    return Seen(f"{value} the last after {_minutes(max(waits))}.", not unseen and max(waits) <= MINUTES_TO_SEE)


@reads("alerts_of_month")
def false_alerts(sources: Sources) -> Seen:
    """The share of false alarms among the alerts that people judged."""
    found = sources["alerts_of_month"]
    if not found["judged"]:
        raise SourceBroken("no alert of this month was judged by a person")
    value = f"{found['false']:,} of {found['judged']:,} judged alerts were false alarms"
    return Seen(f"{value} ({_share(found['false'], found['judged'])}).", True)


SERVICE: tuple[Item, ...] = (
    Item("Availability: the filter answers", available),
    Item("Each network gets what the policy says, asked from inside it each hour", checked),
    Item("Lists: the greatest age in the month", list_ages),
    Item("Lists: their ages now", measures.lists),
    Item("Monitoring: the log is watched", watched),
    Item("Alerts: time until a person saw them", acknowledged),
    Item("Alerts: rate of false alarms", false_alerts),
    Item("Backups: now", measures.backups),
)
NEEDED = needed_by(one.measure for one in SERVICE if one.measure is not None)


def service_rows(sources: Sources) -> tuple[EvidenceRow, ...]:
    """A row for each item."""
    return rows_of(SERVICE, sources)


def days_of(month: str) -> tuple[dt.date, dt.date]:
    """The first day of a month such as 2026-11, and that of the next. Raises `ValueError`."""
    first = dt.date.fromisoformat(f"{month}-01")
    return first, (first + dt.timedelta(days=31)).replace(day=1)


def _share(part: int, whole: int) -> str:
    """Rounded down: 99.996 % is not all of it."""
    return f"{math.floor(10_000 * part / whole) / 100:.2f} %"


def _minutes(minutes: float) -> str:
    if minutes >= 2 * DAY_S / 60:
        return f"{minutes * 60 / DAY_S:.0f} days"
    return f"{minutes / 60:.0f} hours" if minutes >= 120 else f"{minutes:.0f} minutes"
