"""What people do with cases: open one, note, judge, close. Each is a step with an entry of the audit log.

The safeguarding lead works on all; IT on technical ones, and judges none. To open a case acknowledges its alerts, so
they are escalated no more; to close it closes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import Field

from schoolgate.alerts.alert import Alert
from schoolgate.alerts.alert_store import AlertRefused, AlertStore, AlertsUnavailable
from schoolgate.alerts.findings import SEVERITIES
from schoolgate.governance import cases, tickets
from schoolgate.governance.cases import Case, CaseOutcome
from schoolgate.governance.errors import RecordChanged, RecordRefused
from schoolgate.governance.steps import Step, followed, noted
from schoolgate.governance.tickets import Ticket
from schoolgate.operations import alert_access
from schoolgate.operations.alert_access import alerts_of, is_theirs, threats_of
from schoolgate.operations.governance.case_recipients import PASSED_TO, message_to, recipient_of
from schoolgate.operations.governance.case_views import CaseShown, case_of, case_shown, not_for_it
from schoolgate.operations.registry import Personal, records
from schoolgate.operations.work import Work

if TYPE_CHECKING:
    from schoolgate.governance.record_store import Record

Outcome = Literal["no-concern", "false-alarm", "spoken-to", "parents", "referral", "prevent", "police", "technical"]
Severity = Literal["notice", "warning", "urgent"]
Text = Annotated[str, Field(max_length=4_000), Personal]
# A word of ours, such as a category: heads read it, so it names no one.
Theme = Annotated[str, Field(pattern=r"^[a-z0-9:-]{0,100}$")]
Numbers = Annotated[tuple[int, ...], Field(max_length=cases.MOST_ALERTS_OF_ONE)]


@dataclass(frozen=True)
class CaseDone:
    """`not_done`: why the alerts of the case were not changed too; "" where they were."""

    case: CaseShown
    not_done: str = ""


@dataclass(frozen=True)
class _Matter:
    """What a case is about, before it is one."""

    concern: cases.Concern
    source: cases.Source
    sentence: str
    theme: str
    severity: Severity
    group: str
    acknowledged_by: str


@records("case.open")
async def open_case(
    work: Work, alerts: Numbers = (), ticket: int | None = None, text: Text = "",
    severity: Severity | None = None, theme: Theme = "",
    group: Annotated[str, Field(max_length=253)] = "", is_expected: bool = False,
) -> CaseDone:  # fmt: skip
    """Opens a case from alerts, from a report by staff, or from what someone saw. `text`: what is known so far.

    Raises `RecordRefused` where an alert is in an open case, `NotPermitted`, `NoSuchRecord`, `AlertRefused`.
    """
    from schoolgate.governance import record_store

    numbers = tuple(dict.fromkeys(alerts))
    matter = await _matter(work, numbers, ticket, text, theme)
    fields = Case(
        concern=matter.concern, source=matter.source, sentence=matter.sentence, theme=matter.theme,
        severity=severity or matter.severity, group=group or matter.group, alerts=numbers,
        tickets=() if ticket is None else (ticket,), is_expected=is_expected, seen_us=work.now_us,
        acknowledged_by=matter.acknowledged_by or work.actor.name, steps=(_step(work, "opened", text),),
    )  # fmt: skip
    why = record_store.written(
        "case.open", work.actor.id, work.now_us, {"actor_name": work.actor.name}, alerts=list(numbers),
        severity=fields.severity, step=fields.steps[0].digest,
    )  # fmt: skip
    store = await work.store()
    async with store.change() as change:
        # Within the change: of two that open a case of one alert at once, one is refused.
        opened = await record_store.listed(
            change.connection, store.site_id, Case, states=[cases.OPEN], most=cases.MOST_OPEN
        )
        if len(opened) >= cases.MOST_OPEN:
            raise RecordRefused(f"{cases.MOST_OPEN} cases are open; close some before another is opened")
        cases.refuse_held(opened, numbers)
        made = await record_store.add(
            change, fields, why, state=cases.OPEN, subject=fields.theme,
            due_us=cases.due_us(fields.severity, work.now_us),
        )  # fmt: skip

    def acknowledge(held: AlertStore, number: int) -> None:
        if held.get(number).state == "new":
            held.acknowledge(number, work.actor.name, f"case {made.number}", work.now)

    return CaseDone(case_shown(work, made), await _with_alerts(work, numbers, acknowledge))


@records("case.note")
async def note(
    work: Work, number: int, text: Text = "", reference: Annotated[str, Field(max_length=200)] | None = None,
    is_expected: bool | None = None, version: int | None = None,
) -> CaseDone:  # fmt: skip
    """Notes what was done, the case's number in the school's case system, or that it belongs to a lesson.

    Raises `RecordRefused`, `RecordChanged`, `NoSuchRecord`.
    """
    values: dict[str, Any] = {}
    if reference is not None:
        values["reference"] = reference.strip()
    if is_expected is not None:
        values["is_expected"] = is_expected
    if not (text.strip() or values):
        raise RecordRefused("write what was done; a few words are enough")
    return CaseDone(case_shown(work, await _stepped(work, number, version, "case.note", "noted", text, values)))


@records("case.judge")
async def judge(work: Work, number: int, text: Text, version: int | None = None) -> CaseDone:
    """Writes what the safeguarding lead found. It may be written again; each one stays a step.

    Raises `RecordRefused`, `RecordChanged`.
    """
    if not text.strip():
        raise RecordRefused("write what you found, and with whom you spoke")
    values = {"judgement": noted(text), "judged_by": work.actor.name, "judged_us": work.now_us}
    return CaseDone(case_shown(work, await _stepped(work, number, version, "case.judge", "judged", text, values)))


@records("case.close")
async def close(work: Work, number: int, outcome: Outcome, text: Text = "", version: int | None = None) -> CaseDone:
    """Closes a case and its alerts. One of safeguarding is judged before, unless it is a false alarm.

    Raises `RecordRefused`, `RecordChanged`, `NoSuchRecord`.
    """
    ended = CaseOutcome(outcome)
    cases.refuse_unjudged(await _for_work(work, number, version), ended)
    values = {"outcome": ended, "is_false_alert": ended is CaseOutcome.false_alarm}
    what = f"closed: {outcome}"
    kept = await _stepped(work, number, version, "case.close", what, text, values, state=cases.CLOSED)
    closed_as = cases.alert_outcome(kept.fields, ended)

    def end(held: AlertStore, alert: int) -> None:
        if held.get(alert).state != "closed":
            held.close_alert(alert, closed_as, work.actor.name, f"case {number}", work.now)

    return CaseDone(case_shown(work, kept), await _with_alerts(work, kept.fields.alerts, end))


@records("case.send")
async def send(
    work: Work, number: int, webhook: Annotated[str, Field(max_length=200)] = "",
    post: Annotated[str, Field(max_length=200)] = "", version: int | None = None,
) -> CaseDone:  # fmt: skip
    """Sends a case to a case system, or passes it to a post of the escalation.

    A case system gets it by a webhook of the settings, signed as alerts are, without device and site. A post gets a
    message with the number alone.

    Raises `RecordRefused` where the settings have no such webhook or post, `RecordChanged`, `NoSuchRecord`.
    """
    from schoolgate.operations.governance.notice_mails import put_message

    recipient = recipient_of(work, await _for_work(work, number, version), webhook, post)
    what = f"{PASSED_TO}{recipient.name}" if recipient.kind == "post" else f"sent to the case system {recipient.name}"
    # On record first: nothing of a case leaves without a line that says so.
    kept = await _stepped(work, number, version, "case.send", what, "", {})
    is_put = await put_message(work, list(recipient.addresses), message_to(work, kept, recipient))
    return CaseDone(
        case_shown(work, kept), "" if is_put else "it could not be laid out to be sent; see `schoolgate status`"
    )


async def _matter(work: Work, numbers: Collection[int], ticket: int | None, text: str, theme: str) -> _Matter:
    """Raises `NotPermitted` or `NoSuchRecord` where it is not the caller's to follow up."""
    if numbers:
        return await asyncio.to_thread(_of_alerts, work, numbers)
    concern: cases.Concern = "safeguarding" if cases.works_on("safeguarding", work.actor.roles) else "technical"
    if ticket is not None:
        return await _of_ticket(work, ticket, concern, theme)
    if not text.strip():
        raise RecordRefused("name the alerts, or say what it is about")
    return _Matter(concern, "person", text.strip()[:1_000], theme, "warning", "", "")


def _of_alerts(work: Work, numbers: Collection[int]) -> _Matter:
    threats = threats_of(work)
    with alerts_of(work) as store:
        found = [store.get(number) for number in numbers]
        for one in found:
            if not is_theirs(work, one, threats):
                raise alert_access.not_for_it(one.id)
        seen = [line["who"] for one in found for line in store.history(one.id) if line["what"] == "acknowledged"]
    worst = max(found, key=lambda one: SEVERITIES.index(one.severity))
    is_technical = all(one.is_technical(threats) for one in found)
    groups = {one.segment for one in found}
    return _Matter(
        "technical" if is_technical else "safeguarding", "alert", worst.sentence[:1_000], _theme(worst),
        cast(Severity, worst.severity), groups.pop() if len(groups) == 1 else "", seen[0] if seen else "",
    )  # fmt: skip


def _theme(alert: Alert) -> str:
    return cases.ILLEGAL if alert.detector == "sealed" else alert.category or alert.detector


async def _of_ticket(work: Work, number: int, concern: cases.Concern, theme: str) -> _Matter:
    from schoolgate.governance import record_store

    store = await work.store()
    async with store.reading() as connection:
        found = await record_store.get(connection, store.site_id, Ticket, number)
    if not tickets.is_for(found.fields.kind, work.actor.roles):
        raise not_for_it(number)
    fields = found.fields
    sentence = (fields.text or fields.site or fields.word)[:1_000]
    return _Matter(concern, "report", sentence, theme or fields.kind.value, "warning", fields.group[:253], "")


async def _with_alerts(work: Work, numbers: Collection[int], do: Callable[[AlertStore, int], None]) -> str:
    """Changes the alerts of a case that is kept already; why that could not be done, else ""."""

    def all_of_them() -> str:
        said = []
        try:
            with alerts_of(work) as held:
                for number in numbers:
                    try:
                        do(held, number)
                    except AlertRefused as error:
                        said.append(str(error))
        except AlertsUnavailable as error:
            said.append(f"its alerts stay as they are: {error}")
        return "; ".join(said)

    return await asyncio.to_thread(all_of_them) if numbers else ""


async def _for_work(work: Work, number: int, version: int | None) -> Record[Case]:
    """Raises `NoSuchRecord` to who does not work on it, `RecordChanged` where another version was looked at."""
    found = await case_of(work, number)
    if not cases.works_on(found.fields.concern, work.actor.roles):
        raise not_for_it(number)
    if version not in (None, found.version):
        raise RecordChanged(f"case {number} was changed in the meantime; read it again")
    return found


async def _stepped(
    work: Work, number: int, version: int | None, operation: str, what: str, text: str, values: dict[str, Any],
    *, state: str | None = None,
) -> Record[Case]:  # fmt: skip
    from schoolgate.governance import record_store

    found = await _for_work(work, number, version)
    step = _step(work, what, text)
    # The first judgement too: without it the case cannot be closed.
    is_needed = state == cases.CLOSED or ("judgement" in values and not found.fields.judgement)
    steps = followed(found, found.fields.steps, step, is_needed=is_needed)
    after = cases.open_case(found).model_copy(update={**values, "steps": steps})
    why = record_store.written(operation, work.actor.id, work.now_us, {"actor_name": work.actor.name}, step=step.digest)
    store = await work.store()
    async with store.change() as change:
        due = None if state == cases.CLOSED else found.due_us
        return await record_store.update(change, found, after, why, state=state, due_us=due)


def _step(work: Work, what: str, text: str) -> Step:
    return Step(at_us=work.now_us, who=work.actor.id, name=work.actor.name, what=what, note=noted(text))
