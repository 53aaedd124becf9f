"""What is to be checked, what is due, and what to try on a device: the plan, its matrix, and the table of probes."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field

from schoolgate.checks.probes import Expected, ProbeTable
from schoolgate.config import config_label
from schoolgate.control.client import CommandRefused, ControlUnreachable, call
from schoolgate.governance import check_coverage, record_store
from schoolgate.governance.check_fields import BY_PERSON, Check, CheckPlan
from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.record_store import Record, written
from schoolgate.operations.governance.check_records import zone_of
from schoolgate.operations.recorder import ACTOR_NAME
from schoolgate.operations.registry import Personal, looks, records
from schoolgate.operations.work import Work
from schoolgate.policy.active_policy import active_or_first, read_ground, read_policy
from schoolgate.reports.period import Kind, period_of
from schoolgate.sealed import SealedStore
from schoolgate.storage.store import Store

# Checks that are looked at for the matrix: several years of a large school.
MOST_LOOKED_AT: Final = 5_000
FIRST_PLACES: Final = ("On site", "Off site")
_PLAN: Final = "plan"

Named = tuple[Annotated[str, Field(min_length=1, max_length=300)], ...]


@dataclass(frozen=True)
class CoverageShown:
    """The matrix. `is_first`: no plan was made yet, so the places are examples and the groups are the segments.
    `due`: how many cells have to be checked now. Times: checks since `since` count until `until`."""

    cells: tuple[check_coverage.Cell, ...]
    due: int
    since: dt.datetime
    until: dt.datetime
    places: tuple[str, ...]
    groups: tuple[str, ...]
    lines: tuple[str, ...]
    every_days: int | None
    is_first: bool


@dataclass(frozen=True)
class ProbeRow:
    """A name to try on a device. `decided`: what the server would do for the address that asks; "" where it is not
    known. That is a decision, and no check: what the device gets is what counts."""

    name: str
    about: str
    expected: Expected
    decided: str = ""


@dataclass(frozen=True)
class ProbesShown:
    """What to try in a segment. `segment`, `policy`: what the server takes the address for; None where it is in no
    segment or no server runs, then `problem` says why."""

    address: str
    segment: str | None
    policy: str | None
    probes: tuple[ProbeRow, ...]
    problem: str | None


@looks("checks.coverage")
async def coverage(work: Work) -> CoverageShown:
    """Which kinds of device were checked at which place for whom, which internet lines, and what is due."""
    store = await work.store()
    async with store.reading() as connection:
        plan = await _plan(connection, store)
        found = await record_store.listed(connection, store.site_id, Check, subject=BY_PERSON, most=MOST_LOOKED_AT)
    fields = plan.fields if plan is not None else CheckPlan()
    zone = await asyncio.to_thread(zone_of, work)
    if not fields.places or not fields.groups:
        groups = fields.groups or await asyncio.to_thread(_segments, work)
        fields = fields.model_copy(update={"places": fields.places or FIRST_PLACES, "groups": groups})
    since, until = _span(work, fields, zone)
    made = check_coverage.coverage(fields, found, int(since.timestamp() * 1e6), int(until.timestamp() * 1e6))
    return CoverageShown(
        made.cells, len(made.due), since, until, fields.places, fields.groups, fields.lines, fields.every_days,
        plan is None,
    )  # fmt: skip


@records("checks.plan")
async def plan(
    work: Work,
    places: Named = (),
    groups: Named = (),
    lines: Named = (),
    every_days: Annotated[int, Field(ge=1, le=366)] | None = None,
) -> int:
    """Says what is to be checked, and how often; returns the version of the plan.

    `lines`: internet lines, the backup line too. `every_days` None: once a term. Raises `RecordRefused`.
    """
    for words in (places, groups, lines):
        if len({one.strip().casefold() for one in words}) != len(words):
            raise RecordRefused("the same place, group or line is there twice; leave it out once")
    fields = CheckPlan(
        places=_stripped(places), groups=_stripped(groups), lines=_stripped(lines), every_days=every_days
    )
    store = await work.store()
    why = written(
        "checks.plan", work.actor.id, work.now_us, {ACTOR_NAME: work.actor.name}, places=len(places),
        groups=len(groups), lines=len(lines), every_days=every_days or 0,
    )  # fmt: skip
    async with store.change() as change:
        before = await _plan(change.connection, store)
        if before is None:
            made = await record_store.add(change, fields, why, state="current", subject=_PLAN)
        else:
            made = await record_store.update(change, before, fields, why)
    return made.version


@looks("checks.probes")
def probes(work: Work, client: Annotated[str, Personal] | None = None) -> ProbesShown:
    """Names to try on a device, for what the server takes its address for; of `client`, else of who asks.

    Raises `RecordRefused` for what is no address.
    """
    address = client if client is not None else work.caller.address
    try:
        address = str(ipaddress.ip_address(address)) if address else ""
    except ValueError:
        raise RecordRefused(f"{address!r} is no address; write one such as 192.0.2.10") from None
    segment, policy, problem = _known_as(work, address)
    ground = read_ground(work.settings, config_label(work.config))
    _, text, file = active_or_first(work.settings)
    checked = read_policy(text, file, ground)
    sealed = work.settings.sealed.required or SealedStore(work.settings.server.state_dir).open_all(work.settings)
    table = ProbeTable(work.settings.lists.dir, ground.catalogue, has_sealed=bool(sealed))
    chosen = policy if policy in checked.document.policies else checked.document.strictest
    rows = table.of(checked, chosen, work.now).probes
    decided = _decisions(work, [one.name for one in rows], address) if problem is None and address else {}
    shown = tuple(ProbeRow(one.name, one.about, one.expected, decided.get(one.name, "")) for one in rows)
    return ProbesShown(address, segment, policy, shown, problem)


def _known_as(work: Work, address: str) -> tuple[str | None, str | None, str | None]:
    """Segment and policy of an address by the running server; or why that is not known."""
    if not address:
        return None, None, "the address of this device is not known; give one"
    try:
        found = call(work.settings.server.control_socket, "explain", name="example.com", client=address)
    except (ControlUnreachable, CommandRefused) as error:
        return None, None, str(error)
    return found.get("segment"), (found.get("decision") or {}).get("policy"), None


def _decisions(work: Work, names: list[str], address: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        try:
            said = call(work.settings.server.control_socket, "explain", name=name, client=address)["decision"]
        except (ControlUnreachable, CommandRefused, KeyError):
            break
        found[name] = str(said["effect"])
    return found


async def _plan(connection: Any, store: Store) -> Record[CheckPlan] | None:
    found = await record_store.listed(connection, store.site_id, CheckPlan, subject=_PLAN, most=1)
    return found[0] if found else None


def _segments(work: Work) -> tuple[str, ...]:
    _, text, file = active_or_first(work.settings)
    document = read_policy(text, file, read_ground(work.settings, config_label(work.config))).document
    return tuple(document.segments)[:50]


def _span(work: Work, plan: CheckPlan, zone: Any) -> tuple[dt.datetime, dt.datetime]:
    if plan.every_days is not None:
        length = dt.timedelta(days=plan.every_days)
        return work.now - length, work.now + length
    term = period_of(Kind.termly, work.now.astimezone(zone).date(), zone, work.settings.reports.term_starts)
    return term.since, term.until


def _stripped(words: Named) -> tuple[str, ...]:
    return tuple(one.strip() for one in words)
