"""The register of decisions, generated from the policy: every category that a policy speaks of, and every exception.

What a person has not said yet (why, who answers for it, when to look again) is missing, and a task.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from schoolgate.governance import record_store as records
from schoolgate.governance.record_store import Record
from schoolgate.governance.registers import CURRENT, Decision
from schoolgate.operations.policies.exceptions import list_exceptions
from schoolgate.operations.policies.policy_views import categories
from schoolgate.operations.registry import StaffName
from schoolgate.operations.work import Work
from schoolgate.policy.model import EXAM_PREFIX

# A policy has some dozens of categories, a trust some policies.
MOST_DECISIONS = 5_000


@dataclass(frozen=True)
class DecisionRow:
    """`path`: where the policy says it. `value`: what it says. `number`: of the record; None: there is none.

    `missing`: what a person has to say still; `is_changed`: the policy says something else than was decided;
    `is_of_template`: it was accepted with a template, at the setup, and no person looked at it by itself since.
    """

    path: str
    what: str
    value: str
    reason: str
    owner: Annotated[str, StaffName]
    review_on: dt.date | None
    number: int | None
    missing: tuple[str, ...]
    is_changed: bool = False
    is_of_template: bool = False


@dataclass(frozen=True)
class _Said:
    """What the policy itself says of it."""

    path: str
    what: str
    value: str
    reason: str = ""
    owner: str = ""
    review_on: dt.date | None = None


async def count_undecided(work: Work) -> int:
    """How many decisions have no review date, or were made when the policy said something else; quick."""
    return sum("review date" in one.missing for one in await decision_rows(work, shows_reasons=False))


async def decision_rows(work: Work, *, shows_reasons: bool = True) -> tuple[DecisionRow, ...]:
    """Every decision of the policy in force, those with something missing first.

    `shows_reasons`: reads earlier revisions for the reasons that they gave.
    """
    said = await asyncio.to_thread(lambda: [*_of_categories(work, shows_reasons), *_of_exceptions(work)])
    store = await work.store()
    async with store.reading() as connection:
        held = await records.listed(connection, store.site_id, Decision, states=(CURRENT,), most=MOST_DECISIONS)
    by_path = {one.fields.path: one for one in held}
    return tuple(sorted((_row(one, by_path) for one in said), key=lambda one: not one.missing))


def _of_categories(work: Work, shows_reasons: bool) -> Iterator[_Said]:
    words = {"deny": "closed", "allow": "open"}
    # What exam mode closes has the reason and the end of the exam, and opens nothing.
    found = categories(work, None, shows_reasons).policies
    for policy in (one for one in found if not one.policy.startswith(EXAM_PREFIX)):
        for one in policy.categories:
            if one.level != "own" or one.value is None:
                continue
            path = f"policies.{policy.policy}.categories.{one.category}"
            reason = one.reason.why if one.reason is not None else ""
            owner = one.reason.who if one.reason is not None else ""
            yield _Said(path, f"{one.name} in policy {policy.policy}", words[one.value], reason, owner)


def _of_exceptions(work: Work) -> Iterator[_Said]:
    words = {"allow": "open", "deny": "closed", "feed": "left out of the list"}
    # A lesson's sites are decided by the list that they are of.
    for one in (found for found in list_exceptions(work).exceptions if found.kind != "lesson"):
        until = dt.datetime.fromisoformat(one.until).date() if one.until else None
        # A place in a list changes with the lines before it: the name does not.
        path = f"{one.path.partition('[')[0]}.{one.name}"[:400]
        yield _Said(path, f"{one.name} in {one.where}", words[one.kind], one.reason, one.owner or "", until)


def _row(said: _Said, held: Mapping[str, Record[Decision]]) -> DecisionRow:
    found = held.get(said.path)
    is_changed = found is not None and found.fields.value != said.value
    decided = found.fields if found is not None and not is_changed else None
    reason = decided.reason if decided is not None else said.reason
    owner = decided.owner if decided is not None else said.owner
    review_on = decided.review_on if decided is not None else said.review_on
    parts = (("reason", reason), ("owner", owner), ("review date", review_on))
    missing = tuple(name for name, value in parts if not value)
    number = found.number if found is not None else None
    is_of_template = decided is not None and decided.is_of_template
    return DecisionRow(
        said.path, said.what, said.value, reason, owner, review_on, number, missing, is_changed, is_of_template
    )
