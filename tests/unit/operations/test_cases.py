"""Cases: opened from alerts or reports, judged by the safeguarding lead alone, on record step by step."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from tests.unit.operations.signed_in import HOUR, MINUTE, School, opened

from schoolgate.accounts.roles import Role
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import AlertRules
from schoolgate.governance import steps
from schoolgate.governance.cases import Case, CaseOutcome, alert_outcome
from schoolgate.governance.errors import NoSuchRecord, RecordChanged, RecordRefused
from schoolgate.operations.errors import ArgumentsRefused, FactorNeeded, NotPermitted
from schoolgate.policy.monitoring import AlertRule

CLIENT = "p-aaaaaaaaaaaaaaaaaaaaaaaaaa"
HARM, BEACON, SEALED, DRUGS = 1, 2, 3, 4
FOUND = (("attempt", "self-harm", "urgent"), ("rhythm", None, "warning"), ("sealed", None, "urgent"),
         ("attempt", "drugs", "notice"))  # fmt: skip


@pytest_asyncio.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    """Four alerts of one device: three of a child's questions, one of software."""
    async with opened(tmp_path) as made:
        rules = AlertRules({"all": AlertRule(categories=("*",), detectors=("*",))}, ZoneInfo("UTC"))
        folder = made.state / "monitor"
        folder.mkdir(exist_ok=True)
        with contextlib.closing(AlertStore.open(folder / "alerts.db")) as store:
            for number, (detector, category, severity) in enumerate(FOUND):
                at_us = made.clock.us + number
                one = Finding(detector, severity, "year-9", CLIENT, at_us, 0, f"A device asked {number}.", category)  # type: ignore[arg-type]
                rules.apply([one], store, Outbox(store), made.clock.now())
        yield made


def alert(school: School, number: int) -> tuple[str, str | None]:
    """State and outcome."""
    with contextlib.closing(AlertStore.open(school.state / "monitor" / "alerts.db")) as store:
        found = store.get(number)
    return found.state, found.outcome


@pytest.mark.asyncio
async def test_a_case_of_safeguarding_is_opened_judged_and_closed_with_its_alerts(school: School) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    made = (await school.call(lead, "case.open", alerts=[DRUGS, HARM, HARM], text="Two in a row")).case
    assert (made.concern, made.severity, made.theme, made.group) == ("safeguarding", "urgent", "self-harm", "year-9")
    assert (made.alerts, made.due_us) == ((DRUGS, HARM), made.opened_us + 24 * HOUR)
    assert (alert(school, HARM), alert(school, BEACON)) == (("acknowledged", None), ("new", None))
    with pytest.raises(RecordRefused, match="case 1 already"):
        await school.call(lead, "case.open", alerts=[SEALED, HARM])
    with pytest.raises(RecordRefused, match="no judgement"):
        await school.call(lead, "case.close", number=1, outcome="spoken-to")
    await school.call(lead, "case.judge", number=1, text="Spoke with Sam and the tutor")
    await school.call(lead, "case.note", number=1, reference="C-77", is_expected=False)
    closed = (await school.call(lead, "case.close", number=1, outcome="spoken-to", version=3)).case
    assert (closed.state, closed.outcome, closed.reference, closed.due_us) == ("closed", "spoken-to", "C-77", None)
    assert (alert(school, HARM), alert(school, DRUGS)) == (("closed", "concern"), ("closed", "concern"))
    with pytest.raises(RecordRefused, match="closed already"):
        await school.call(lead, "case.note", number=1, text="late")
    assert (await school.call(lead, "case.open", alerts=[HARM], text="again")).case.number == 2


@pytest.mark.asyncio
async def test_it_sees_judges_and_closes_no_case_of_safeguarding(school: School) -> None:
    lead, it = (
        await school.signed_in("dora", Role.safeguarding_lead),
        await school.signed_in("nina", Role.network_manager),
    )
    await school.call(lead, "case.open", alerts=[HARM])
    with pytest.raises(NotPermitted, match="safeguarding"):
        await school.call(it, "case.open", alerts=[BEACON, DRUGS])
    technical = (await school.call(it, "case.open", alerts=[BEACON])).case
    assert (technical.number, technical.concern) == (2, "technical")
    for name, arguments in (
        ("case.show", {}),
        ("case.note", {"text": "x"}),
        ("case.close", {"outcome": "false-alarm"}),
    ):
        with pytest.raises(NoSuchRecord, match=r"^there is no case 1$"):
            await school.call(it, name, number=1, **arguments)
        with pytest.raises(NoSuchRecord, match=r"^there is no case 99$"):
            await school.call(it, name, number=99, **arguments)
    for number in (1, 2):
        with pytest.raises(NotPermitted):
            await school.call(it, "case.judge", number=number, text="x")
    assert [one.number for one in (await school.call(it, "case.list")).cases] == [2]
    assert (await school.call(it, "case.counts")).open == {"warning": 1}
    assert (await school.call(it, "case.close", number=2, outcome="technical")).case.state == "closed"
    assert [one.number for one in (await school.call(lead, "case.list", states=["open", "closed"])).cases] == [2, 1]


@pytest.mark.asyncio
async def test_a_head_sees_that_there_is_a_case_and_nothing_that_names_a_child(school: School) -> None:
    lead, head = await school.signed_in("dora", Role.safeguarding_lead), await school.signed_in("hal", Role.head)
    await school.call(lead, "case.open", alerts=[HARM], text="It is Sam")
    await school.call(lead, "case.open", text="Sam, seen by his tutor", severity="urgent")
    await school.call(lead, "case.judge", number=1, text="Sam is helped")
    for number in (1, 2):
        shown = await school.call(head, "case.show", number=number)
        assert not shown.case.may_work
        assert "Sam" not in str(shown)
        assert CLIENT not in str(shown)
        assert "Dora" not in str(shown)
        with pytest.raises(NotPermitted):
            await school.call(head, "case.close", number=number, outcome="police")
    shown = await school.call(lead, "case.show", number=1)
    assert [one.client for one in shown.alerts] == [CLIENT]
    looks = [one["detail"]["number"] for one in await school.entries("case.show") if one["outcome"] == "done"]
    assert looks == [1, 2, 1], "each look is on record"


@pytest.mark.asyncio
async def test_each_step_names_its_entry_and_no_entry_holds_what_was_written(school: School) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    await school.call(lead, "case.open", alerts=[SEALED], text="of Sam")
    await school.call(lead, "case.judge", number=1, text="Sam saw it by accident")
    shown = (await school.call(lead, "case.close", number=1, outcome="police", text="reported, Sam")).case
    assert (shown.theme, shown.is_illegal) == ("illegal-content", True)
    entries = await school.entries()
    assert [one.what for one in shown.steps] == ["opened", "judged", "closed: police"]
    for step in shown.steps:
        assert entries[step.entry[1]]["detail"]["step"] == step.digest
    assert "Sam" not in str(entries)


@pytest.mark.asyncio
async def test_a_step_that_was_changed_beside_the_log_is_named(school: School) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    await school.call(lead, "case.open", alerts=[HARM], text="as it was")
    await school.call(lead, "case.judge", number=1, text="talked")
    assert (await school.call(lead, "case.show", number=1)).changed == ()
    with contextlib.closing(sqlite3.connect(school.store_path)) as db, db:
        db.execute("UPDATE governance_record SET fields = replace(fields, 'as it was', 'as I wish')")
    assert (await school.call(lead, "case.show", number=1)).changed == (0,)


@pytest.mark.asyncio
async def test_the_rate_of_false_alerts_says_of_how_many_it_is(school: School) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    nothing = await school.call(lead, "case.summary")
    assert (nothing.alerts, nothing.alerts_judged, nothing.false_alert_rate, nothing.minutes_to_seen) == (
        4,
        0,
        None,
        None,
    )
    school.clock.us += 7 * MINUTE
    await school.call(lead, "case.open", alerts=[HARM])
    await school.call(lead, "case.close", number=1, outcome="false-alarm")
    await school.call(lead, "case.open", alerts=[DRUGS])
    await school.call(lead, "case.judge", number=2, text="a lesson")
    await school.call(lead, "case.note", number=2, is_expected=True)
    await school.call(lead, "case.close", number=2, outcome="no-concern")
    assert alert(school, DRUGS) == ("closed", "expected-lesson")
    found = await school.call(lead, "case.summary")
    assert (found.alerts_judged, found.false_alarms, found.false_alert_rate) == (2, 1, 0.5)
    assert (found.minutes_to_seen, found.cases_closed, found.cases_false) == (7, 2, 1)
    assert found.outcomes == {"false-alarm": 1, "no-concern": 1}


@pytest.mark.asyncio
async def test_a_report_becomes_a_case_and_an_export_needs_a_fresh_factor(school: School) -> None:
    lead, teacher = await school.signed_in("dora", Role.safeguarding_lead), await school.signed_in("tim", Role.teacher)
    await school.call(teacher, "ticket.file", kind="accessed", text="Sam saw it", group="year-9")
    made = (await school.call(lead, "case.open", ticket=1)).case
    assert (made.source, made.tickets, made.sentence, made.group) == ("report", (1,), "Sam saw it", "year-9")
    assert [one.number for one in (await school.call(lead, "case.export")).cases] == [1]
    school.clock.us += 6 * MINUTE
    with pytest.raises(FactorNeeded):
        await school.call(lead, "case.export")


@pytest.mark.asyncio
async def test_a_case_leaves_for_a_case_system_on_record_and_without_a_device(school: School) -> None:
    school.write('[webhooks.cpoms]\nurl = "https://cases.example.org/in"\n')
    lead, it = (
        await school.signed_in("dora", Role.safeguarding_lead),
        await school.signed_in("nina", Role.network_manager),
    )
    await school.call(lead, "case.open", alerts=[HARM], text="of Sam")
    with pytest.raises(NotPermitted):
        await school.call(it, "case.send", number=1, webhook="cpoms")
    with pytest.raises(RecordRefused, match="no webhook"):
        await school.call(lead, "case.send", number=1, webhook="elsewhere")
    sent = (await school.call(lead, "case.send", number=1, webhook="cpoms")).case
    assert sent.steps[-1].what == "sent to the case system cpoms"
    with contextlib.closing(AlertStore.open(school.state / "monitor" / "alerts.db")) as store:
        (due,) = [one for one in Outbox(store).due(school.clock.now(), 100) if one.recipient == "webhook:cpoms"]
    assert (due.message.fields["case"]["number"], due.message.fields["case"]["group"]) == (1, "year-9")
    assert CLIENT not in str(due.message)


CHAIN = """
[webhooks.cpoms]
url = "https://cases.example.org/in"

[webhooks.chat]
url = "https://chat.example.org/in"
kind = "teams"

[[escalation.steps]]
post = "Safeguarding lead"
to = ["lead@school.example"]
hours = "school"

[[escalation.steps]]
post = "Deputy safeguarding lead"
to = ["deputy@school.example"]
after_minutes = 10

[[escalation.steps]]
post = "IT on call"
to = ["it@school.example"]
concerns = ["technical"]
"""


@pytest.mark.asyncio
async def test_a_case_is_passed_to_who_is_next_and_tells_them_its_number_alone(school: School) -> None:
    school.write(CHAIN)
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    await school.call(lead, "case.open", alerts=[HARM], text="of Sam")
    found = await school.call(lead, "case.recipients", number=1)
    assert [(one.kind, one.name, one.is_next) for one in found] == [
        ("post", "Safeguarding lead", True), ("post", "Deputy safeguarding lead", False), ("system", "cpoms", False),
    ], "no post of another concern, and no chat"  # fmt: skip
    done = await school.call(lead, "case.send", number=1, post="safeguarding LEAD")
    assert done.case.steps[-1].what == "passed to Safeguarding lead"
    found = await school.call(lead, "case.recipients", number=1)
    assert [one.name for one in found if one.is_next] == ["Deputy safeguarding lead"]
    with contextlib.closing(AlertStore.open(school.state / "monitor" / "alerts.db")) as store:
        (due,) = [one for one in Outbox(store).due(school.clock.now(), 100) if one.recipient == "lead@school.example"]
    assert "Case 1 is passed to you as: Safeguarding lead." in due.message.text
    assert not [word for word in ("Sam", CLIENT, "year-9") if word in str(due.message)]
    for given in ({}, {"webhook": "cpoms", "post": "Safeguarding lead"}, {"post": "IT on call"}, {"webhook": "chat"}):
        with pytest.raises(RecordRefused):
            await school.call(lead, "case.send", number=1, **given)
    school.clock.us += 14 * HOUR
    found = await school.call(await school.session(await school.account("d2", Role.safeguarding_lead)),
                              "case.recipients", number=1)  # fmt: skip
    assert [one.name for one in found if one.is_next] == ["Deputy safeguarding lead"], "at night school posts are away"


@pytest.mark.asyncio
async def test_what_cannot_be_a_case_is_refused_and_nothing_is_kept(school: School) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    refused: list[tuple[dict[str, Any], type[Exception]]] = [
        ({}, RecordRefused), ({"alerts": [99]}, Exception), ({"alerts": list(range(60))}, ArgumentsRefused),
        ({"text": "x" * 4001}, ArgumentsRefused), ({"ticket": 9}, RecordRefused),
    ]  # fmt: skip
    for given, error in refused:
        with pytest.raises(error):
            await school.call(lead, "case.open", **given)
    await school.call(lead, "case.open", text="one", severity="notice")
    with pytest.raises(RecordChanged):
        await school.call(lead, "case.note", number=1, text="x", version=7)
    school.clock.us += 8 * 24 * HOUR
    again = await school.session(await school.account("dan", Role.safeguarding_lead))
    assert (await school.call(again, "case.counts")).overdue == 1


def test_each_outcome_of_a_case_is_one_of_alerts() -> None:
    fields = Case(concern="safeguarding", source="person", sentence="", seen_us=0, acknowledged_by="")
    found = {one: alert_outcome(fields, one) for one in CaseOutcome}
    assert [one for one, said in found.items() if said == "false-alarm"] == [CaseOutcome.false_alarm]
    assert set(found.values()) == {"concern", "other", "false-alarm"}


@pytest.mark.asyncio
async def test_a_list_shows_nothing_that_is_on_record_only_when_it_is_read(school: School) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead, is_fresh=False)
    await school.call(lead, "case.open", alerts=[HARM], text="It is Sam")
    await school.call(lead, "case.judge", number=1, text="Sam is helped")
    await school.call(lead, "case.note", number=1, reference="Sam-1")
    await school.call(lead, "ticket.file", kind="accessed", text="x" * 100 + "Sam saw it")
    await school.call(lead, "ticket.note", number=1, text="Sam again")
    for name in ("case.list", "ticket.list"):
        assert "Sam" not in str(await school.call(lead, name)), name
        assert await school.entries(name) == []


@pytest.mark.asyncio
async def test_a_case_that_is_full_is_still_judged_and_closed(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "MOST_STEPS", 2)
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    await school.call(lead, "case.open", alerts=[HARM])
    await school.call(lead, "case.note", number=1, text="one")
    with pytest.raises(RecordRefused, match="close it"):
        await school.call(lead, "case.note", number=1, text="two")
    await school.call(lead, "case.judge", number=1, text="found")
    with pytest.raises(RecordRefused, match="close it"):
        await school.call(lead, "case.judge", number=1, text="again")
    assert (await school.call(lead, "case.close", number=1, outcome="spoken-to")).case.state == "closed"


@pytest.mark.asyncio
@pytest.mark.parametrize("role", [Role.head, Role.network_manager, Role.governor, Role.provider])
async def test_the_calendar_tells_of_cases_and_reports_to_who_may_know_of_them(school: School, role: Role) -> None:
    lead, other = await school.signed_in("dora", Role.safeguarding_lead), await school.signed_in("otto", role)
    await school.call(lead, "case.open", alerts=[HARM])
    await school.call(lead, "ticket.file", kind="accessed", text="Sam saw it")
    kinds = {one.kind for one in (await school.call(other, "action.calendar", days=60)).dues}
    assert kinds == ({"case", "ticket"} if role is Role.head else set())
