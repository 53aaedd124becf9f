"""Registers by the operations: plain lines of each kind, what replaces what, decisions, what a school has to have."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.unit.operations.signed_in import HOUR, School, opened

from schoolgate.accounts.roles import Role
from schoolgate.governance.errors import NoSuchRecord, RecordChanged
from schoolgate.governance.plain_form import FieldsRefused
from schoolgate.governance.registers import POSTS, REGISTERS, STATUTORY
from schoolgate.operations.governance.registers import Kind, LineEnded

LINES: dict[str, dict[str, Any]] = {
    "responsibility": {"post": "governor", "duties": "Asks twice a year", "person": "Ada Byron", "until": "2027-08-31"},
    "training": {"person": "Ada Byron", "type": "annual", "taken_on": "2026-09-01", "expires_on": "2027-09-01"},
    "aup_notice": {"version": "3", "audience": "pupils", "text": "Be kind.", "next_review_on": "2027-09-01"},
    "supplier": {"what": "Licence", "supplier": "A foundation", "type": "licence", "ends_on": "2027-03-31"},
    "risk": {"risk": "Guests bring devices", "likelihood": 2, "impact": "4", "controls": "=cmd|' /c calc'!a1",
             "owner": "Head", "review_on": "2027-01-31"},
    "decision": {"path": "policies.x.categories.games", "value": "closed", "reason": "lessons", "owner": "Head",
                 "review_on": "2027-01-31"},
    "meeting": {"body": "Governing body", "held_on": "2026-10-01", "next_on": "2027-02-01"},
}  # fmt: skip


@pytest_asyncio.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(tmp_path) as one:
        yield one


async def test_each_kind_is_added_changed_ended_and_exported(school: School) -> None:
    assert set(LINES) == set(REGISTERS) == set(Kind.__args__)  # type: ignore[attr-defined]
    head = await school.signed_in("helen", Role.head)
    for kind, fields in LINES.items():
        missing = next(one.name for one in REGISTERS[kind].form if one.is_required)
        with pytest.raises(FieldsRefused, match=missing):
            await school.call(head, "register.add", kind=kind, fields={**fields, missing: ""})
        made = await school.call(head, "register.add", kind=kind, fields=fields)
        assert (made.number, made.state, made.due_us is not None) == (1, "current", True), kind
        changed = await school.call(head, "register.change", kind=kind, number=1, version=1, fields=fields)
        with pytest.raises(RecordChanged):
            await school.call(head, "register.end", kind=kind, number=1, version=1)
        ended = await school.call(head, "register.end", kind=kind, number=1, version=changed.version)
        assert (ended.state, ended.due_us) == ("ended", None)
        with pytest.raises(LineEnded):
            await school.call(head, "register.change", kind=kind, number=1, version=3, fields=fields)
        assert (await school.call(head, "register.list", kind=kind)).lines == ()
        assert len((await school.call(head, "register.list", kind=kind, is_all=True)).lines) == 1
        rows = list(csv.reader(io.StringIO(await school.call(head, "register.export", kind=kind))))
        assert rows[0] == ["number", "state", *(one.name for one in REGISTERS[kind].form)]
        assert rows[1][:2] == ["1", "ended"]
        assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)
    assert (await school.call(head, "action.calendar", days=3_000)).dues == ()


@pytest.mark.parametrize(
    ("kind", "change", "named"),
    [
        ("risk", {"likelihood": "6"}, "likelihood"),
        ("risk", {"impact": "much"}, "impact: write a whole number"),
        ("responsibility", {"post": "king"}, "post"),
        ("training", {"taken_on": "last week"}, "taken_on: write a day"),
        ("aup_notice", {"text_sha256": "0" * 64}, "text_sha256: there is no such field"),
    ],
)
async def test_a_mistake_is_named_with_its_field(school: School, kind: str, change: dict[str, Any], named: str) -> None:
    head = await school.signed_in("helen", Role.head)
    with pytest.raises(FieldsRefused, match=named):
        await school.call(head, "register.add", kind=kind, fields=LINES[kind] | change)


async def test_what_takes_the_place_of_an_earlier_line_ends_it(school: School) -> None:
    head = await school.signed_in("helen", Role.head)
    for kind in ("training", "aup_notice", "meeting", "supplier"):
        for _ in range(2):
            await school.call(head, "register.add", kind=kind, fields=LINES[kind])
    other = LINES["training"] | {"person": "Grace"}
    await school.call(head, "register.add", kind="training", fields=other)
    current = {kind: [one.number for one in (await school.call(head, "register.list", kind=kind)).lines]
               for kind in ("training", "aup_notice", "meeting", "supplier")}  # fmt: skip
    assert current == {"training": [3, 2], "aup_notice": [2], "meeting": [2], "supplier": [2, 1]}
    notice = (await school.call(head, "register.show", kind="aup_notice", number=2)).lines[0]
    assert notice.fields["text_sha256"] == hashlib.sha256(b"Be kind.").hexdigest()


async def test_a_post_that_must_be_named_and_is_not_is_a_warning(school: School) -> None:
    head = await school.signed_in("helen", Role.head)
    words = dict(POSTS)
    assert (await school.call(head, "register.gaps")).unfilled_posts == tuple(words[one] for one in STATUTORY)
    past = LINES["responsibility"] | {"until": "2026-11-01"}
    bare = {"post": "it", "duties": "Runs it"}
    for fields in (past, bare, LINES["responsibility"] | {"post": "safeguarding_lead"}):
        await school.call(head, "register.add", kind="responsibility", fields=fields)
    unfilled = (await school.call(head, "register.gaps")).unfilled_posts
    assert words["governor"] in unfilled
    assert words["it"] in unfilled
    assert words["safeguarding_lead"] not in unfilled
    governor = await school.signed_in("grace", Role.governor)
    seen = await school.call(governor, "register.list", kind="responsibility")
    assert len(seen.warnings) == len(unfilled)
    assert all(one.fields["person"] == "" for one in seen.lines)
    assert "Ada" not in await school.call(governor, "register.export", kind="responsibility")
    assert "Ada" not in str(await school.entries()), "the audit log keeps the digest alone"


async def test_the_register_of_decisions_comes_from_the_policy_and_none_stays_empty(school: School) -> None:
    head = await school.signed_in("helen", Role.head)
    found = await school.call(head, "register.decisions")
    assert found.rows
    assert found.missing == len(found.rows) == (await school.call(head, "register.gaps")).undecided
    paths = [one.path for one in found.rows]
    assert len(set(paths)) == len(paths)
    with pytest.raises(NoSuchRecord):
        await school.call(
            head, "register.decide", paths=["policies.none"], reason="r", owner="o", review_on="2027-01-01"
        )
    with pytest.raises(FieldsRefused, match="review_on"):
        await school.call(head, "register.decide", paths=paths[:1], reason="r", owner="o")
    day = (school.clock.now().date() + dt.timedelta(days=365)).isoformat()
    for start in range(0, len(paths), 200):
        wanted = {"paths": paths[start : start + 200], "reason": "safe for pupils", "owner": "Head", "review_on": day}
        await school.call(head, "register.decide", **wanted)
    assert (await school.call(head, "register.decisions")).missing == 0
    await school.call(head, "register.decide", paths=paths[:1], reason="again", owner="Head", review_on=day)
    rows = (await school.call(head, "register.list", kind="decision", is_all=True)).lines
    assert rows[0].fields["reason"] == "again"


async def test_governors_read_what_happened_since_they_met(school: School) -> None:
    head = await school.signed_in("helen", Role.head)
    without = await school.call(head, "register.meeting_report")
    assert (without.meeting, len(without.sentences)) == (None, 6)
    await school.call(head, "register.add", kind="meeting", fields=LINES["meeting"])
    found = await school.call(await school.signed_in("grace", Role.governor), "register.meeting_report")
    assert (found.meeting, found.since.isoformat()) == (1, "2026-10-01")
    by_words = {one.words: one.is_measured for one in found.sentences}
    assert any("No review of filtering" in words for words in by_words)
    assert False in by_words.values(), "no monitor has run: its sentence says so"
    school.clock.us += 70 * 24 * HOUR
    late = await school.signed_in("hugo", Role.head)
    assert [one.kind for one in (await school.call(late, "action.calendar", days=0)).dues] == ["meeting"]
