"""What is said of sealed lists to people and to monitoring: serials, ages and counts, never an entry."""

from __future__ import annotations

import datetime as dt
from typing import Any

from schoolgate.sealed.age import State, state_of, worst
from schoolgate.sealed.sealed_store import Facts, OpenedSealed


def sealed_status(opened: OpenedSealed, now: dt.datetime) -> dict[str, Any]:
    """As JSON values, for `status`."""
    return {
        "serial": opened.sealed.serial,
        "state": str(worst(_states(opened, now))),
        "size_octets": opened.sealed.size_octets,
        "suppliers": [
            {
                "supplier": one.supplier,
                "serial": one.serial,
                "state": str(state_of(one.imported_at, now)),
                "imported_at": one.imported_at.isoformat(timespec="seconds"),
                "age_s": max(0, int((now - one.imported_at).total_seconds())),
                "enforced": one.enforced,
                "digests": one.digests,
                "url_level": one.url_level,
                "skipped": one.skipped,
                "key_id": one.key_id,
            }
            for one in opened.facts
        ],
        "problems": sealed_problems(opened, now),
    }


def sealed_problems(opened: OpenedSealed, now: dt.datetime) -> list[str]:
    """What an operator should look at, worst first."""
    by_age = {State.UNHEALTHY: list[str](), State.STALE: list[str]()}
    for one, state in zip(opened.facts, _states(opened, now), strict=True):
        if state is not State.OK:
            by_age[state].append(_of_age(one, state))
    return [*by_age[State.UNHEALTHY], *opened.problems, *by_age[State.STALE]]


def _of_age(facts: Facts, state: State) -> str:
    limit = "48" if state is State.UNHEALTHY else "24"
    when = facts.imported_at.strftime("%d %B %Y %H:%M UTC")
    word = "UNHEALTHY" if state is State.UNHEALTHY else "ALARM"
    return (
        f"{word}: the sealed list of {facts.supplier} is of {when}, more than {limit} hours away;"
        " it is still enforced; import the supplier's list of today (`schoolgate sealed import`)"
    )


def _states(opened: OpenedSealed, now: dt.datetime) -> list[State]:
    return [state_of(one.imported_at, now) for one in opened.facts]
