"""Decisions: why each category and exception is as it is, who answers for it, and when to look again."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from schoolgate.governance.errors import NoSuchRecord
from schoolgate.governance.plain_form import Line, LongText, read_form
from schoolgate.governance.registers import REGISTERS, Decision
from schoolgate.operations.governance.decision_rows import DecisionRow, decision_rows
from schoolgate.operations.governance.registers import keep_line
from schoolgate.operations.registry import Bulk, looks, records
from schoolgate.operations.work import Work

# Decided together, such as all of one policy; each is a record of its own.
MOST_TOGETHER = 200
Paths = Annotated[tuple[Annotated[str, Field(max_length=400)], ...], Field(min_length=1, max_length=MOST_TOGETHER)]


@dataclass(frozen=True)
class DecisionsShown:
    """Those with something missing first. `missing`: how many these are."""

    rows: tuple[DecisionRow, ...]
    missing: int


@looks("register.decisions")
async def list_decisions(work: Work) -> DecisionsShown:
    """Every category that a policy speaks of, and every exception, with reason, owner and review date."""
    rows = await decision_rows(work)
    return DecisionsShown(rows, sum(bool(one.missing) for one in rows))


@records("register.decide")
async def decide(
    work: Work, paths: Paths, reason: Annotated[LongText, Bulk], owner: Line, review_on: dt.date | None = None
) -> int:
    """Gives the decisions at these places a reason, an owner and a review date; how many.

    An empty reason or owner keeps what the policy says itself. Raises `NoSuchRecord`, `FieldsRefused`.
    """
    known = {one.path: one for one in await decision_rows(work)}
    register = REGISTERS[Decision.KIND]
    fields = []
    for path in dict.fromkeys(paths):
        if path not in known:
            raise NoSuchRecord(f"the policy says nothing at {path}; read the decisions again")
        said = known[path]
        given = {
            "path": path,
            "value": said.value,
            "reason": reason or said.reason,
            "owner": owner or said.owner,
            "review_on": review_on,
        }
        fields.append(read_form(Decision, register.form, given))
    async with (await work.store()).change() as change:
        for one in fields:
            await keep_line(work, change, register, one, "register.decide")
    return len(fields)
