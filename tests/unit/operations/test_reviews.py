"""Reviews by the operations: begun with what is known, written, signed once by each person, due again."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.unit.operations.signed_in import HOUR, School, opened

from schoolgate.accounts.roles import Role
from schoolgate.governance.due_file import read_dues
from schoolgate.governance.errors import RecordChanged, RecordRefused
from schoolgate.governance.plain_form import FieldsRefused
from schoolgate.governance.review import REVIEW_FORM
from schoolgate.governance.review_steps import ReviewSigned
from schoolgate.operations.errors import FactorNeeded, NotPermitted
from schoolgate.operations.governance.due_lines import write_due_lines
from schoolgate.storage.store import Store

DAY = 24 * HOUR


@pytest_asyncio.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(tmp_path) as one:
        yield one


def filled(school: School, **more: str) -> dict[str, str]:
    next_on = (school.clock.now().date() + dt.timedelta(days=300)).isoformat()
    texts = {one.name: f"About {one.words}" for one in REVIEW_FORM if one.kind in ("line", "text")}
    return {**texts, "next_on": next_on, **more}


async def begun(school: School, lead: str, **more: str) -> Any:
    made = await school.call(lead, "review.begin", trigger="annual")
    return await school.call(
        lead, "review.save", number=made.number, version=made.version, fields=filled(school, **more)
    )


async def test_a_review_begins_with_what_the_system_knows_and_says_what_it_does_not(school: School) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    made = await school.call(lead, "review.begin", trigger="ai", detail="a new tutor")
    assert "Policy" in made.fields["blocked_and_allowed"]
    assert made.sources["blocked_and_allowed"].startswith("policy.categories")
    assert made.fields["safeguarding_reports"].startswith("Alerts in the last year: 0"), made.fields
    assert "names of sites" in made.fields["limits"]
    assert "the filter is not running" in made.fields["limits"], "what cannot be measured is said"
    with pytest.raises(RecordRefused, match="under way"):
        await school.call(lead, "review.begin")


async def test_signed_by_two_who_must_it_is_in_force_and_due_again(school: School) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    head = await school.signed_in("helen", Role.head)
    saved = await begun(school, lead)
    first = await school.call(lead, "review.sign", number=1, version=saved.version)
    assert (first.state, first.waits_for) == ("signing", ("a head or a director",))
    with pytest.raises(ReviewSigned, match="signed review 1 already"):
        await school.call(lead, "review.sign", number=1, version=first.version)
    with pytest.raises(RecordChanged):
        await school.call(head, "review.sign", number=1, version=saved.version)
    signed = await school.call(head, "review.sign", number=1, version=first.version)
    assert (signed.state, signed.waits_for) == ("signed", ())
    for operation, more in (("review.sign", {}), ("review.save", {"fields": {"ages": "none"}})):
        with pytest.raises(ReviewSigned):
            await school.call(head, operation, number=1, version=signed.version, **more)
    school.clock.us += 302 * DAY
    governor = await school.signed_in("grace", Role.governor)
    dues = (await school.call(governor, "action.calendar")).dues
    assert [(one.kind, one.number, one.is_overdue) for one in dues] == [("review", 1, True)]


async def test_a_new_review_takes_the_place_of_the_one_before(school: School) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    head = await school.signed_in("helen", Role.head)
    for number in (1, 2):
        saved = await begun(school, lead)
        first = await school.call(lead, "review.sign", number=number, version=saved.version)
        await school.call(head, "review.sign", number=number, version=first.version)
    rows = await school.call(lead, "review.list")
    assert [(one.number, one.state, one.due_us is None) for one in rows] == [(2, "signed", False), (1, "signed", True)]


async def test_a_change_of_the_text_takes_the_signatures_away(school: School) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    saved = await begun(school, lead)
    signed = await school.call(lead, "review.sign", number=1, version=saved.version)
    changed = await school.call(lead, "review.save", number=1, version=signed.version, fields={"ages": "11 to 16"})
    assert (changed.state, changed.signatures, changed.fields["ages"]) == ("draft", (), "11 to 16")
    assert changed.fields["send"] == signed.fields["send"], "what was not given stays"


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [("ages", "", "ages: fill in"), ("next_on", "2020-01-01", "next_on: a day"), ("next_on", "2036-01-01", "next_on")],
)
async def test_what_is_not_complete_is_not_signed(school: School, field: str, value: str, named: str) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    saved = await begun(school, lead, **{field: value})
    with pytest.raises(FieldsRefused, match=named):
        await school.call(lead, "review.sign", number=1, version=saved.version)


async def test_who_signs_is_a_person_with_a_fresh_factor(school: School) -> None:
    stale = await school.signed_in("dora", Role.safeguarding_lead, is_fresh=False)
    await begun(school, stale)
    with pytest.raises(FactorNeeded):
        await school.call(stale, "review.sign", number=1, version=2)
    provider = await school.signed_in("pete", Role.provider)
    with pytest.raises(NotPermitted):
        await school.call(provider, "review.sign", number=1, version=2)


async def test_who_sees_no_identities_reads_a_review_without_names(school: School) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    governor = await school.signed_in("grace", Role.governor)
    saved = await begun(school, lead, attendees="Head: Ada Byron")
    await school.call(lead, "review.sign", number=1, version=saved.version)
    shown = (await school.call(governor, "review.show", number=1)).review
    assert (shown.fields["attendees"], [one.who for one in shown.signatures]) == ("", [""])
    assert "Ada Byron" not in str(await school.entries()), "the audit log keeps the digest alone"


async def test_actions_have_an_owner_and_a_day_and_are_done_once(school: School) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    with pytest.raises(FieldsRefused, match="due_on: fill in"):
        await school.call(lead, "action.add", what="Close the gap", owner="IT")
    today = school.clock.now().date()
    found = {"origin": "validator", "what": "Test the guest network", "owner": "IT"}
    made = await school.call(lead, "action.add", due_on=today.isoformat(), **found)
    other = await school.call(lead, "action.add", what="Other", owner="Head", due_on="2027-12-01", origin="review",
                              origin_number=7)  # fmt: skip
    assert not made.is_overdue
    school.clock.us += DAY
    lead = await school.signed_in("della", Role.safeguarding_lead)
    of_review = await school.call(lead, "action.list", origin="review", origin_number=7)
    assert [one.number for one in of_review.actions] == [other.number]
    listed = (await school.call(lead, "action.list")).actions
    assert [(one.number, one.is_overdue) for one in listed] == [(2, False), (1, True)]
    async with await Store.open(school.store_path, now_us=school.clock.us) as store:
        await write_due_lines(store, school.state, school.clock.us)
    assert [one.words for one in read_dues(school.state) or ()] == ["Action"]
    changed = await school.call(lead, "action.change", number=1, version=1, owner="Network manager")
    assert (changed.owner, changed.due_on) == ("Network manager", today)
    with pytest.raises(RecordChanged):
        await school.call(lead, "action.done", number=1, version=1)
    assert (await school.call(lead, "action.done", number=1, version=2, note="tested")).state == "done"
    with pytest.raises(RecordRefused, match="was done on"):
        await school.call(lead, "action.done", number=1, version=3)
    assert [one.number for one in (await school.call(lead, "action.list")).actions] == [2]
    assert (await school.call(lead, "action.calendar", days=0)).dues == ()
