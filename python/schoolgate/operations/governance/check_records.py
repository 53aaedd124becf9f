"""Checks that people make: recorded with who, when, what was tested and what follows; listed, shown, followed up."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from pydantic import AwareDatetime, Field

from schoolgate.governance import record_store
from schoolgate.governance.check_fields import (
    BY_MACHINE,
    BY_PERSON,
    Check,
    CheckAction,
    CheckAnswer,
    Result,
    open_actions,
    state_of,
)
from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.record_store import Attached, Record, written
from schoolgate.operations import rights
from schoolgate.operations.recorder import ACTOR_NAME
from schoolgate.operations.registry import Bulk, Personal, looks, records
from schoolgate.operations.work import Work
from schoolgate.policy import parse
from schoolgate.policy.active_policy import active_or_first

# A clock of a phone may be a little ahead.
AHEAD: Final = dt.timedelta(minutes=10)
MOST_SHOWN: Final = 500
# Of one person, who checks a room of devices one after another.
MOST_A_DAY: Final = 200

Kind = Literal["owned", "personal", "guest"]
Line = Annotated[str, Field(max_length=300)]
Long = Annotated[str, Field(max_length=5_000)]


@dataclass(frozen=True)
class ActionGiven:
    """What is to be done, by whom, until which day."""

    what: Annotated[str, Field(min_length=1, max_length=1_000)]
    owner: Annotated[str, Field(min_length=1, max_length=200)]
    due: dt.date


@dataclass(frozen=True)
class AnswerGiven:
    """One name that was tried, what should come, and what came."""

    name: Line
    expected: Line
    came: Line
    is_well: bool
    about: Line = ""


@dataclass(frozen=True)
class AnswerShown(AnswerGiven):
    """As it was kept; of an automatic check with the network that it came from, and over what."""

    network: str = ""
    transport: str = ""


@dataclass(frozen=True)
class NetworkShown:
    """A network of an automatic check. `asked`: how many questions."""

    segment: str
    network: str
    state: str
    reason: str
    asked: int


@dataclass(frozen=True)
class ActionShown(ActionGiven):
    """`done_us`: when it was done, microseconds since 1970; None while it is not."""

    done_us: int | None = None
    done_by: str = ""
    note: str = ""


@dataclass(frozen=True)
class CheckRow:
    """One check without its table. `state`: `open` while an action is to be done, else the result. `due`: the day of
    the next action."""

    number: int
    version: int
    state: str
    at: dt.datetime
    who: str
    is_automatic: bool
    result: Result
    tested: str
    device_kind: str
    system: str
    is_on_site: bool
    place: str
    group: str
    line: str
    findings: str
    actions: tuple[ActionShown, ...]
    due: dt.date | None


@dataclass(frozen=True)
class CheckShown:
    """One check. `answers`: what was tried; of an automatic check what was wrong. `files`: such as certificates."""

    row: CheckRow
    answers: tuple[AnswerShown, ...]
    networks: tuple[NetworkShown, ...]
    table_sha256: str
    policy_revision: int | None
    files: tuple[Attached, ...]


@dataclass(frozen=True)
class CheckPage:
    """Newest first. `before`: what gets the next page; None where there is none."""

    checks: tuple[CheckRow, ...]
    before: int | None


@records("checks.add")
async def add(
    work: Work,
    result: Result,
    tested: Annotated[str, Field(min_length=1, max_length=5_000)],
    device_kind: Kind,
    system: Line = "",
    is_on_site: bool = True,
    place: Line = "",
    group: Line = "",
    line: Line = "",
    findings: Long = "",
    actions: tuple[ActionGiven, ...] = (),
    answers: tuple[AnswerGiven, ...] = (),
    at: AwareDatetime | None = None,
) -> CheckRow:
    """Records a check that a person made. Without `at` it was made now. Raises `RecordRefused`."""
    moment = work.now if at is None else at
    if moment > work.now + AHEAD:
        raise RecordRefused("this check would be made in the future; say when it was made")
    if not (place.strip() and group.strip()) and not line.strip():
        raise RecordRefused("say at which place and for which group it was, or which internet line was checked")
    table = tuple(CheckAnswer(**one.__dict__) for one in answers)
    digest = hashlib.sha256(orjson.dumps([one.model_dump() for one in table])).hexdigest() if table else ""
    check = Check(
        at_us=_us(moment), who=work.actor.name[:300], result=result, tested=tested.strip(), device_kind=device_kind,
        system=system.strip(), is_on_site=is_on_site, place=place.strip(), group=group.strip(), line=line.strip(),
        findings=findings.strip(), answers=table, table_sha256=digest,
        actions=tuple(CheckAction(what=one.what, owner=one.owner, due=one.due) for one in actions),
    )  # fmt: skip
    store = await work.store()
    due_us = _due_us(work, check)
    async with store.change() as change:
        day_ago = work.now_us - record_store.DAY_US
        await record_store.refuse_more_than(
            change.connection, change.site_id, Check, work.actor.id, day_ago, MOST_A_DAY
        )
        why = _why(work, "checks.add", result=result, device_kind=device_kind, table=digest)
        made = await record_store.add(change, check, why, state=state_of(check), subject=BY_PERSON, due_us=due_us)
    return row_of(made)


@records("checks.finish")
async def finish(
    work: Work, number: int, action: Annotated[int, Field(ge=1)], note: Annotated[str, Personal] = ""
) -> CheckRow:
    """Says that an action of a check is done; `action` counts from 1. Raises `RecordRefused`."""
    store = await work.store()
    async with store.change() as change:
        found = await record_store.get(change.connection, change.site_id, Check, number)
        actions = list(found.fields.actions)
        if action > len(actions):
            raise RecordRefused(f"check {number} has no action {action}; it has {len(actions)}")
        if actions[action - 1].done_us is not None:
            raise RecordRefused(f"action {action} of check {number} is done already")
        done = {"done_us": work.now_us, "done_by": work.actor.name[:300], "note": note[:1_000]}
        actions[action - 1] = actions[action - 1].model_copy(update=done)
        fields = found.fields.model_copy(update={"actions": tuple(actions)})
        made = await record_store.update(
            change, found, fields, _why(work, "checks.finish", action=action), state=state_of(fields),
            due_us=_due_us(work, fields),
        )  # fmt: skip
    return row_of(made)


@records("checks.attach")
async def attach(
    work: Work,
    number: int,
    name: Annotated[str, Field(min_length=1, max_length=200)],
    content: Annotated[str, Bulk],
    media_type: Annotated[str, Field(max_length=100)] = "application/octet-stream",
) -> Attached:
    """Keeps a file with a check, such as the certificate of an external tester. `content`: base64.

    Raises `RecordRefused`.
    """
    try:
        octets = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RecordRefused(f"the file is not sent as base64 ({error})") from None
    if not octets:
        raise RecordRefused("the file is empty")
    store = await work.store()
    async with store.change() as change:
        found = await record_store.get(change.connection, change.site_id, Check, number)
        return await record_store.attach(change, found, name, media_type, octets, _why(work, "checks.attach"))


@looks("checks.attachment")
async def attachment(work: Work, file: UUID) -> str:
    """A file of a check, as base64. Raises `NoSuchRecord`."""
    store = await work.store()
    async with store.reading() as connection:
        return base64.b64encode(await record_store.attachment_octets(connection, store.site_id, Check, file)).decode()


@looks("checks.list")
async def list_checks(
    work: Work,
    is_automatic: bool | None = None,
    states: tuple[Literal["open", "passed", "failed"], ...] = (),
    before: int | None = None,
    most: Annotated[int, Field(ge=1, le=MOST_SHOWN)] = 50,
) -> CheckPage:
    """Recorded checks, newest first. `is_automatic`: only those of the machine, or only those of people."""
    subject = None if is_automatic is None else BY_MACHINE if is_automatic else BY_PERSON
    store = await work.store()
    async with store.reading() as connection:
        found = await record_store.listed(
            connection, store.site_id, Check, subject=subject, states=states, before=before, most=most + 1
        )
    shown = found[:most]
    rows = tuple(_seen(work, row_of(one)) for one in shown)
    return CheckPage(rows, shown[-1].number if len(found) > most else None)


@looks("checks.show")
async def show(work: Work, number: int) -> CheckShown:
    """One check with its table and files. Raises `NoSuchRecord`."""
    store = await work.store()
    async with store.reading() as connection:
        found = await record_store.get(connection, store.site_id, Check, number)
        files = await record_store.attachments(connection, found)
    check = found.fields
    return CheckShown(
        _seen(work, row_of(found)),
        tuple(AnswerShown(**one.model_dump()) for one in check.answers),
        tuple(NetworkShown(**one.model_dump()) for one in check.networks),
        check.table_sha256,
        check.policy_revision,
        tuple(files),
    )


def _seen(work: Work, row: CheckRow) -> CheckRow:
    """Without names of persons for who sees no identities."""
    if rights.sees_identities(work.actor.roles, "checks.show"):
        return row
    return replace(row, who="", actions=tuple(replace(one, owner="", done_by="") for one in row.actions))


def row_of(found: Record[Check]) -> CheckRow:
    """A record as a row of a table."""
    check = found.fields
    todo = open_actions(check)
    at = dt.datetime.fromtimestamp(check.at_us / 1e6, dt.UTC)
    return CheckRow(
        found.number, found.version, found.state, at, check.who, check.is_automatic, check.result, check.tested,
        check.device_kind, check.system, check.is_on_site, check.place, check.group, check.line, check.findings,
        tuple(ActionShown(**one.model_dump()) for one in check.actions), todo[0].due if todo else None,
    )  # fmt: skip


def zone_of(work: Work) -> ZoneInfo:
    """The school's own time zone, by the policy in force."""
    _, text, label = active_or_first(work.settings)
    return ZoneInfo(parse(text, label).document.time_zone)


def _due_us(work: Work, check: Check) -> int | None:
    """The end of the day of the next action, on the school's clock."""
    todo = open_actions(check)
    if not todo:
        return None
    end = dt.datetime.combine(todo[0].due + dt.timedelta(days=1), dt.time.min, zone_of(work))
    return _us(end)


def _us(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def _why(work: Work, operation: str, **detail: Any) -> record_store.Written:
    return written(operation, work.actor.id, work.now_us, {ACTOR_NAME: work.actor.name}, **detail)
