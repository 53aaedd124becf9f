"""The automatic check of every segment: run it, keep its result, and record it where it says something new.

Each hour `schoolgate control` runs it too. Of those runs a record is kept when the result is another, and once a day,
so that a year of them can be read.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from schoolgate.accounts.roles import Role
from schoolgate.checks.record import CheckRecord, moment_of
from schoolgate.checks.segment_check import NetworkChecked, SegmentsChecked, check_segments
from schoolgate.checks.segment_record import keep_segments, segments_alone
from schoolgate.config import Settings
from schoolgate.governance import record_store
from schoolgate.governance.check_fields import BY_MACHINE, MOST_ANSWERS, Check, CheckAnswer, CheckedNetwork
from schoolgate.governance.record_store import written
from schoolgate.operations.actor import Actor
from schoolgate.operations.governance.service_report import note_check
from schoolgate.operations.registry import records
from schoolgate.operations.work import Progress, Work
from schoolgate.storage import state_dir
from schoolgate.storage.store import Store

if TYPE_CHECKING:
    from schoolgate.operations.operations import Operations

JOB: Final = Actor("job:checks", "schoolgate", frozenset({Role.network_manager}))
HOURLY: Final = dt.timedelta(minutes=58)
# After a failure, so that its end is seen soon.
AGAIN: Final = dt.timedelta(minutes=9)
_DAILY_US: Final = 23 * 3600 * 1_000_000


@dataclass(frozen=True)
class SegmentsRun:
    """`found`: the state of each network, and every answer. `number`: the record that was kept; None: the same as
    before. `not_kept`: why the result is not on the disk."""

    found: SegmentsChecked
    number: int | None
    not_kept: str | None = None


@records("checks.run")
async def run(work: Work) -> SegmentsRun:
    """Asks from inside each segment for test names of every list, safe modes, ways round the filter and open names."""
    settings = work.settings
    state_dir.refuse_strangers(settings.server.state_dir)
    found = await asyncio.to_thread(_checked, work)
    not_kept = None
    try:
        await asyncio.to_thread(keep_segments, settings.server.state_dir, found)
        if found.state != "not covered":
            await asyncio.to_thread(note_check, settings, work.now, is_well=found.state == "good")
    except OSError as error:
        not_kept = f"the result was not kept: {error.strerror}"
    return SegmentsRun(found, await _record(work, found), not_kept)


async def run_if_due(operations: Operations, settings: Settings, now: dt.datetime) -> bool:
    """The hourly run, for the control process; whether it ran. Raises what the check raises."""
    last = await asyncio.to_thread(CheckRecord(settings.server.state_dir).last, "segments")
    if not is_due(last, now):
        return False
    await operations.call(JOB, "checks.run", {})
    return True


def is_due(last: dict[str, Any] | None, now: dt.datetime) -> bool:
    """Each hour; soon after a failure; at once when the clock was set back."""
    at = None if last is None else moment_of(last)
    if last is None or at is None or at > now:
        return True
    return now - at >= (AGAIN if last.get("state") == "failed" else HOURLY)


def _checked(work: Work) -> SegmentsChecked:
    def done(number: int, of: int) -> None:
        work.say(Progress(f"{number} of {of} networks are checked", number, of))

    with segments_alone(work.settings.server.state_dir):
        return check_segments(work.config, work.settings, work.now, done)


async def _record(work: Work, found: SegmentsChecked) -> int | None:
    store = await work.store()
    if work.actor.id == JOB.id and not await _is_news(store, found, work.now_us):
        return None
    result = "failed" if found.state == "failed" else "passed"
    check = Check(
        at_us=work.now_us, who=work.actor.name, is_automatic=True, result=result, tested=_tested(found),
        device_kind="server", networks=tuple(map(_network, found.networks)), answers=_wrong(found.networks),
        table_sha256=found.digest, policy_revision=found.policy_revision,
    )  # fmt: skip
    why = written("checks.run", work.actor.id, work.now_us, result=result, table=found.digest)
    async with store.change() as change:
        return (await record_store.add(change, check, why, state=result, subject=BY_MACHINE)).number


async def _is_news(store: Store, found: SegmentsChecked, now_us: int) -> bool:
    async with store.reading() as connection:
        last = await record_store.listed(connection, store.site_id, Check, subject=BY_MACHINE, most=1)
    if not last:
        return True
    return last[0].fields.table_sha256 != found.digest or now_us - last[0].fields.at_us >= _DAILY_US


def _tested(found: SegmentsChecked) -> str:
    asked = sum(len(one.answers) for one in found.networks)
    inside = sum(one.state != "not covered" for one in found.networks)
    return (
        f"{asked} questions from inside {inside} of {len(found.networks)} networks: test names of the lists,"
        " safe modes, ways round the filter, names that must be open"
    )


def _network(one: NetworkChecked) -> CheckedNetwork:
    return CheckedNetwork(
        segment=one.segment[:300], network=one.network[:300], state=one.state, reason=one.reason[:1_000],
        asked=len(one.answers),
    )  # fmt: skip


def _wrong(networks: tuple[NetworkChecked, ...]) -> tuple[CheckAnswer, ...]:
    return tuple(
        CheckAnswer(
            name=two.name, about=two.about[:300], expected=two.expected, came=two.came, is_well=False,
            network=f"{one.segment} {one.network}"[:300], transport=two.transport,
        )
        for one in networks
        for two in one.wrong
    )[:MOST_ANSWERS]  # fmt: skip
