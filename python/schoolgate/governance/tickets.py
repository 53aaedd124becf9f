"""Tickets: what staff report about the filter, to whom each kind goes, and what came of it.

The kinds are those that a school's policy tells all staff to report. Who has none of a kind's roles sees a ticket of
it only where they filed it, and then without what others noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, ClassVar, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts.roles import Role
from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.record_store import Fields, Record
from schoolgate.governance.steps import Step
from schoolgate.storage.schema import governance_record

DAY_US: Final = 86_400 * 1_000_000
# A person reports a few things a day; a script reports thousands.
MOST_A_DAY: Final = 30
LONGEST_TEXT: Final = 4_000


class TicketKind(StrEnum):
    """What is reported."""

    accessed = "accessed"
    accessible = "accessible"
    failure = "failure"
    restriction = "restriction"
    wording = "wording"
    security = "security"


class TicketOutcome(StrEnum):
    """What came of a ticket."""

    changed = "changed"
    stays = "stays"
    known = "known"
    passed_on = "passed-on"
    not_found = "not-found"


_LEADERS = frozenset({Role.safeguarding_lead, Role.head})
_TECHNICAL = frozenset({Role.network_manager, Role.provider})
# What was accessed may tell of a child: it is for leaders alone.
ROUTES: Final[Mapping[TicketKind, frozenset[Role]]] = MappingProxyType(
    {
        TicketKind.accessed: _LEADERS,
        TicketKind.accessible: _LEADERS | {Role.network_manager, Role.trust_director},
        TicketKind.failure: _TECHNICAL | {Role.head, Role.trust_director},
        TicketKind.restriction: frozenset({Role.head, Role.network_manager, Role.trust_director}),
        TicketKind.wording: _TECHNICAL | {Role.safeguarding_lead},
        TicketKind.security: frozenset(
            {Role.head, Role.network_manager, Role.trust_director, Role.data_protection_officer}
        ),
    }
)
# Days until someone should have answered.
_DAYS: Final[Mapping[TicketKind, int]] = MappingProxyType(
    {TicketKind.accessed: 1, TicketKind.accessible: 1, TicketKind.security: 1}
)
DAYS_OF_OTHERS: Final = 5

OPEN, CLOSED = "open", "closed"
# Steps that the person sees who filed it.
FILED, ANSWERED, BLOCKED = "filed", "closed", "blocked for now"


class Ticket(Fields):
    """What a member of staff reported. `site`: its name alone; `address`: as it was written, where that is more."""

    KIND: ClassVar[str] = "ticket"

    kind: TicketKind
    text: Annotated[str, Field(max_length=LONGEST_TEXT)]
    site: str = ""
    address: str = ""
    word: str = ""
    group: str = ""
    reporter: str = ""
    outcome: TicketOutcome | None = None
    answer: str = ""
    blocked_until_us: int | None = None
    steps: tuple[Step, ...] = ()


def is_for(kind: TicketKind, roles: Iterable[Role]) -> bool:
    """Whether one of the roles works on tickets of a kind."""
    return not ROUTES[kind].isdisjoint(roles)


def due_us(kind: TicketKind, filed_us: int) -> int:
    """When it should have been answered."""
    return filed_us + _DAYS.get(kind, DAYS_OF_OTHERS) * DAY_US


def open_of(found: Record[Ticket]) -> Ticket:
    """Its fields. Raises `RecordRefused` where it is closed."""
    if found.state == CLOSED:
        raise RecordRefused(f"report {found.number} is closed already; file another one")
    return found.fields


async def refuse_too_many(connection: AsyncConnection, site_id: UUID, actor: str, now_us: int) -> None:
    """Raises `RecordRefused` for who filed as many as a day may have."""
    rows = governance_record.c
    filed = select(func.count()).where(
        rows.site_id == site_id,
        rows.kind == Ticket.KIND,
        rows.created_by == actor,
        rows.created_us > now_us - DAY_US,
    )
    if (await connection.execute(filed)).scalar_one() >= MOST_A_DAY:
        raise RecordRefused(
            f"you filed {MOST_A_DAY} reports within a day; if it is urgent, speak to your network manager or"
            " safeguarding lead now"
        )


async def filed_by(connection: AsyncConnection, site_id: UUID, actor: str, before: int | None, most: int) -> list[int]:
    """Numbers of the tickets that an actor filed, newest first."""
    rows = governance_record.c
    wanted = select(rows.number).where(rows.site_id == site_id, rows.kind == Ticket.KIND, rows.created_by == actor)
    if before is not None:
        wanted = wanted.where(rows.number < before)
    return list((await connection.execute(wanted.order_by(rows.number.desc()).limit(most))).scalars())
