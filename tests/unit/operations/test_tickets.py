"""Reports by staff: each kind goes to its roles alone, the answer comes back, and none is lost or written twice."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operations.signed_in import HOUR, School, opened

from schoolgate.accounts.account_list import set_columns
from schoolgate.accounts.roles import Role
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.outbox import Outbox
from schoolgate.governance import tickets
from schoolgate.governance.errors import NoSuchRecord, RecordChanged, RecordRefused
from schoolgate.governance.tickets import TicketKind
from schoolgate.operations.errors import ArgumentsRefused, NotPermitted
from schoolgate.operations.governance.tickets import site_of
from schoolgate.operations.rights import may


@pytest_asyncio.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(tmp_path) as made:
        yield made


async def mailed(school: School, login: str, *roles: Role) -> str:
    """A session of an account with an address."""
    account = await school.account(login, *roles)
    async with school.change() as change:
        await set_columns(change.connection, account, mail=f"{login}@school.example")
        change.is_signed = True
    return await school.session(account)


def mails(school: School) -> list[tuple[str, str, str]]:
    """Recipient, subject and text of what waits in the outbox."""
    with contextlib.closing(AlertStore.open(school.state / "monitor" / "alerts.db")) as store:
        due = Outbox(store).due(school.clock.now(), 100)
    return sorted((one.recipient, one.message.subject, one.message.text) for one in due)


async def refusal(school: School, token: str, name: str, number: int, **more: Any) -> str:
    """What is said of a number that is not theirs: the same as of one that no report has."""
    with pytest.raises(NoSuchRecord) as found:
        await school.call(token, name, number=number, **more)
    with pytest.raises(NoSuchRecord) as missing:
        await school.call(token, name, number=999, **more)
    assert str(found.value).replace(str(number), "N") == str(missing.value).replace("999", "N")
    return str(found.value)


@pytest.mark.asyncio
async def test_each_kind_is_seen_by_its_roles_and_its_reporter_alone(school: School) -> None:
    teacher = await school.signed_in("tim", Role.teacher)
    colleagues = {role: await school.signed_in(role.value, role) for role in Role}
    for number, kind in enumerate(TicketKind, 1):
        filed = await school.call(teacher, "ticket.file", kind=kind, text=f"{kind} in Year 9", site="games.example.com")
        assert (filed.number, filed.state, filed.may_work) == (number, "open", False)
        for role, token in colleagues.items():
            if role in tickets.ROUTES[kind]:
                shown = await school.call(token, "ticket.show", number=number)
                assert (shown.may_work, shown.text, shown.reporter) == (True, f"{kind} in Year 9", "Tim")
            else:
                assert await refusal(school, token, "ticket.show", number) == f"there is no ticket {number}"
                if may((role,), "ticket.close"):
                    said = await refusal(school, token, "ticket.close", number, outcome="stays")
                    assert said == f"there is no ticket {number}"
    for role, token in colleagues.items():
        expected = {kind for kind in TicketKind if role in tickets.ROUTES[kind]}
        if role in (Role.teacher, Role.governor):
            assert not expected, "they have no list, so no kind may go to them alone"
            continue
        assert {one.kind for one in (await school.call(token, "ticket.list")).tickets} == expected
        assert set((await school.call(token, "ticket.counts")).open) == expected
    assert all(tickets.ROUTES[kind] for kind in TicketKind)
    assert [one.number for one in (await school.call(teacher, "ticket.own", most=4)).tickets] == [6, 5, 4, 3]


@pytest.mark.asyncio
async def test_the_answer_goes_back_and_what_was_noted_does_not(school: School) -> None:
    teacher, lead = await mailed(school, "tim", Role.teacher), await mailed(school, "dora", Role.safeguarding_lead)
    await mailed(school, "nina", Role.network_manager)
    await school.call(teacher, "ticket.file", kind="accessed", text="A child saw it", group="year-9")
    ((recipient, subject, text),) = mails(school)
    assert recipient == "dora@school.example", "what a child saw is not for IT"
    assert "accessed" in subject
    assert not {"Tim", "child", "year-9"} & set(text.split())
    await school.call(lead, "ticket.note", number=1, text="Spoke with her tutor")
    closed = await school.call(lead, "ticket.close", number=1, outcome="changed", text="Thank you, it is closed now")
    assert (closed.state, closed.outcome, closed.due_us) == ("closed", "changed", None)
    seen = await school.call(teacher, "ticket.show", number=1)
    assert (seen.answer, [one.what for one in seen.steps]) == ("Thank you, it is closed now", ["filed", "closed"])
    assert [(one, two) for one, two, _ in mails(school)] == [
        ("tim@school.example", "[schoolgate] Your report was answered")
    ]
    with pytest.raises(RecordRefused, match="closed already"):
        await school.call(lead, "ticket.close", number=1, outcome="stays")


@pytest.mark.asyncio
async def test_each_step_names_its_entry_of_the_audit_log_and_no_entry_a_person(school: School) -> None:
    teacher, lead = await school.signed_in("tim", Role.teacher), await school.signed_in("dora", Role.safeguarding_lead)
    await school.call(teacher, "ticket.file", kind="accessed", text="Sam saw it")
    await school.call(lead, "ticket.note", number=1, text="Spoke with Sam")
    shown = await school.call(lead, "ticket.close", number=1, outcome="known", text="Sam is helped")
    entries = await school.entries()
    for step in shown.steps:
        assert step.entry is not None
        entry = entries[step.entry[1]]
        assert (entry["detail"]["step"], entry["actor"], entry["at_us"]) == (step.digest, step.who, step.at_us)
    assert "Sam" not in str(entries)


@pytest.mark.asyncio
async def test_who_looked_at_an_older_version_changes_nothing(school: School) -> None:
    lead, head = await school.signed_in("dora", Role.safeguarding_lead), await school.signed_in("hal", Role.head)
    filed = await school.call(lead, "ticket.file", kind="accessible", text="x", site="a.example.org")
    await school.call(head, "ticket.note", number=1, text="I look")
    with pytest.raises(RecordChanged):
        await school.call(lead, "ticket.close", number=1, outcome="stays", version=filed.version)
    assert (await school.call(head, "ticket.show", number=1)).state == "open"
    with pytest.raises(NoSuchRecord):
        await school.call(head, "ticket.show", number=2)


@pytest.mark.asyncio
async def test_a_script_files_no_more_than_a_person_would(school: School) -> None:
    account, other = await school.account("tim", Role.teacher), await school.signed_in("tom", Role.teacher)
    teacher = await school.session(account)
    for _ in range(tickets.MOST_A_DAY):
        await school.call(teacher, "ticket.file", kind="failure", text="x")
    with pytest.raises(RecordRefused, match="within a day"):
        await school.call(teacher, "ticket.file", kind="failure", text="x")
    assert (await school.call(other, "ticket.file", kind="failure", text="x")).number == tickets.MOST_A_DAY + 1
    school.clock.us += 24 * HOUR + 1
    teacher = await school.session(account)
    assert (await school.call(teacher, "ticket.file", kind="failure", text="x")).number == tickets.MOST_A_DAY + 2


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "given_",
    [{"text": " "}, {"text": "x", "site": "two words"}, {"text": "x", "site": "http://[::1"}, {"text": "x" * 4001}],
)
async def test_what_says_nothing_or_no_site_is_refused(school: School, given_: dict[str, Any]) -> None:
    teacher = await school.signed_in("tim", Role.teacher)
    with pytest.raises((RecordRefused, ArgumentsRefused)):
        await school.call(teacher, "ticket.file", kind="restriction", **given_)
    assert (await school.call(teacher, "ticket.own")).tickets == ()


@pytest.mark.asyncio
async def test_a_site_is_blocked_until_its_review_and_waits_for_it(school: School) -> None:
    account, head = await school.account("dora", Role.safeguarding_lead), await school.signed_in("hal", Role.head)
    lead = await school.session(account)
    await school.call(lead, "ticket.file", kind="accessible", text="", site="https://Bad.Example.org/page?q=1")
    with pytest.raises(NotPermitted):
        await school.call(head, "ticket.block", number=1, review="2026-12-07")
    for review in ("2026-11-29", "2027-11-30"):
        with pytest.raises(RecordRefused):
            await school.call(lead, "ticket.block", number=1, review=review)
    done = await school.call(lead, "ticket.block", number=1, review="2026-12-07")
    assert (done.revision, done.until, done.ticket.due_us) == (
        1,
        "2026-12-07T17:00:00+00:00",
        done.ticket.blocked_until_us,
    )
    rules = (await school.call(lead, "exceptions.list")).exceptions
    assert {(one.name, one.kind, one.until) for one in rules} == {("bad.example.org", "deny", done.until)}
    school.clock.us = done.ticket.due_us + 1
    counted = await school.call(await school.session(account), "ticket.counts")
    assert (counted.open, counted.overdue) == ({"accessible": 1}, 1), "the end of the block is the review"


@given(st.text(max_size=80))
def test_a_site_is_read_or_refused_in_words(text: str) -> None:
    try:
        name = site_of(text)
    except RecordRefused as error:
        assert "leave it out" in str(error)
    else:
        assert name == "" or (site_of(f"https://{name}/a?b#c") == name == site_of(name))
