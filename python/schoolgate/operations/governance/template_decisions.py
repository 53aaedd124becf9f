"""The decisions of a template that a school accepted at its setup: each on record, to be looked at again in a year.

A person may decide each anew. What the policy says otherwise later is undecided again, as with every decision.
"""

from __future__ import annotations

import datetime as dt

from schoolgate.governance.registers import REGISTERS, Decision
from schoolgate.operations.governance.decision_rows import decision_rows
from schoolgate.operations.governance.registers import keep_line
from schoolgate.operations.work import Work
from schoolgate.policy.school_zone import school_zone


async def accept_template(work: Work, phase: str, written_for: str) -> int:
    """Keeps a decision for each rule that a revision with the reason `written_for` wrote and that none decided yet; how
    many. The same again keeps none."""
    rows = [one for one in await decision_rows(work) if one.number is None and one.reason == written_for]
    if not rows:
        return 0
    today = work.now.astimezone(school_zone(work.settings) or dt.UTC).date()
    reason = f"template of schoolgate for {phase}, accepted at setup by {work.actor.name} on {today}"
    register = REGISTERS[Decision.KIND]
    async with (await work.store()).change() as change:
        for one in rows:
            fields = Decision(
                path=one.path, value=one.value, reason=reason, owner=work.actor.name[:300], review_on=_next_year(today),
                is_of_template=True,
            )  # fmt: skip
            await keep_line(work, change, register, fields, "register.decide")
    return len(rows)


def _next_year(day: dt.date) -> dt.date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:  # 29 February
        return day.replace(year=day.year + 1, day=28)
