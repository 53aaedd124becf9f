"""Drift: what is set up here was changed, and no operation did it. Found by digests, named by part, ended by a person.

What an operation changed is in the audit log, with who and why: then the new state is the agreed one. Settings, the
program and the shipped lists are changed by no operation: each such change waits for someone who answers for it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field

from schoolgate.checks import fingerprint
from schoolgate.checks.record import CheckRecord
from schoolgate.config import Settings
from schoolgate.governance import record_store
from schoolgate.governance.errors import RecordChanged, RecordRefused
from schoolgate.governance.record_store import Record, Written, written
from schoolgate.governance.setup_fields import ChangedPart, Drift, Setup
from schoolgate.operations.recorder import ACTOR_NAME
from schoolgate.operations.registry import Personal, records
from schoolgate.operations.work import Work
from schoolgate.policy.active_policy import active_or_first
from schoolgate.storage import audit_reading, state_dir
from schoolgate.storage.store import Change, Store

JOB: Final = "job:checks"
_SETUP: Final = "setup"
# An operation of the time since the last look is among so many newest entries; a look is made every few minutes.
MOST_ENTRIES: Final = 500
_LONGEST_US: Final = 600 * 1_000_000
# Nouns of operations, and the parts that they may change.
_CHANGES: Final[Mapping[str, frozenset[str]]] = {
    "policy": frozenset({fingerprint.POLICY, fingerprint.DETECTORS}),
    "services": frozenset({fingerprint.POLICY}),
    "exceptions": frozenset({fingerprint.POLICY, fingerprint.CHOSEN}),
    "feeds": frozenset({fingerprint.CHOSEN}),
    "words": frozenset({fingerprint.WORDS}),
    "suggestions": frozenset({fingerprint.POLICY, fingerprint.WORDS}),
    "request": frozenset({fingerprint.POLICY, fingerprint.DETECTORS}),
    "ticket": frozenset({fingerprint.POLICY}),
    "exam": frozenset({fingerprint.POLICY}),
    "lesson": frozenset({fingerprint.POLICY}),
    "setup": frozenset({fingerprint.POLICY, fingerprint.DETECTORS, fingerprint.CHOSEN, fingerprint.FIREWALL})
    | {f"{fingerprint.SETTINGS}{name}" for name in ("server", "forwarders", "mail", "backup")},
    "backup": frozenset(),
}


@dataclass(frozen=True)
class DriftShown:
    """`number`, `version`: of the open record; None: nothing was changed outside an operation. `changed`: parts, by
    name."""

    number: int | None
    changed: tuple[str, ...]
    since: dt.datetime | None
    at: dt.datetime
    version: int | None = None

    def whole(self) -> dict[str, Any]:
        """As JSON values."""
        since = None if self.since is None else self.since.isoformat(timespec="seconds")
        at = self.at.isoformat(timespec="seconds")
        return {"at": at, "since": since, "changed": list(self.changed), "number": self.number, "version": self.version}


@records("checks.drift")
async def drift(work: Work) -> DriftShown:
    """Compares what is set up now with what was agreed: settings, policy, lists, detectors, firewall rules, version."""
    state_dir.refuse_strangers(work.settings.server.state_dir)
    return await look(await work.store(), work.settings, work.now)


@records("checks.accept_drift")
async def accept_drift(
    work: Work, number: int, reason: Annotated[str, Personal, Field(min_length=1, max_length=1_000)],
    version: int | None = None,
) -> DriftShown:  # fmt: skip
    """Answers for a change outside an operation: it is the agreed state from now on. `version`: the one that was read.

    Raises `RecordRefused`, and `RecordChanged` where more was changed meanwhile.
    """
    store = await work.store()
    async with store.change() as change:
        await agree(work, change, number, version, reason, "checks.accept_drift")
    return await look(store, work.settings, work.now)


async def agree(
    work: Work, change: Change, number: int, version: int | None, reason: str, operation: str
) -> tuple[str, ...]:
    """Agrees to an open drift in the caller's name, within a change; the names of its parts.

    Raises `NoSuchRecord`, `RecordRefused`, and `RecordChanged` where `version` is not its newest.
    """
    found = await record_store.get(change.connection, change.site_id, Drift, number)
    if found.state != "open":
        raise RecordRefused(f"drift {number} is {found.state} already")
    names = tuple(one.name for one in found.fields.parts)
    if version not in (None, found.version):
        raise RecordChanged(f"more was changed since: {', '.join(names)}")
    setup = await _newest(change.connection, change.site_id)
    personal = {ACTOR_NAME: work.actor.name, "reason": reason}
    why = written(operation, work.actor.id, work.now_us, personal)
    accepted = {"accepted_by": work.actor.name[:300], "reason": reason[:1_000]}
    await record_store.update(change, found, found.fields.model_copy(update=accepted), why, state="accepted")
    if setup is not None:
        parts = _with(setup.fields.parts, found.fields.parts)
        await record_store.update(change, setup, _agreed(setup, parts, work.now_us), why)
    return names


async def look(store: Store, settings: Settings, now: dt.datetime) -> DriftShown:
    """Compares, records what is new, and writes it down for the monitor, which sends the alert."""
    now_us = int(now.timestamp() * 1_000_000)
    parts = await asyncio.to_thread(fingerprint.fingerprint, settings)
    async with store.reading() as connection:
        setup, opened = await _newest(connection, store.site_id), await _opened(connection, store)
    if setup is None or not setup.fields.parts:
        await _begin(store, setup, parts, now_us)
        return await _kept(settings, DriftShown(None, (), None, now))
    changed = fingerprint.changed_parts(setup.fields.parts, parts)
    by_operation, under_way = await _explained(store, settings, changed, setup.fields.at_us, now_us)
    by_operation |= {one for one in changed if setup.fields.coming.get(one) == parts.get(one, "")}
    unexplained = tuple(
        ChangedPart(name=one, before=setup.fields.parts.get(one, ""), now=parts.get(one, ""))
        for one in changed
        if one not in by_operation and one not in under_way
    )
    opened = await _follow(store, setup, opened, unexplained, [one for one in changed if one in by_operation], parts,
                           now_us)  # fmt: skip
    if opened is None:
        return await _kept(settings, DriftShown(None, (), None, now))
    since = dt.datetime.fromtimestamp(opened.fields.since_us / 1e6, dt.UTC)
    names = tuple(one.name for one in opened.fields.parts)
    return await _kept(settings, DriftShown(opened.number, names, since, now, opened.version))


async def _follow(
    store: Store, setup: Record[Setup], opened: Record[Drift] | None, unexplained: tuple[ChangedPart, ...],
    agreed: Sequence[str], parts: Mapping[str, str], now_us: int,
) -> Record[Drift] | None:  # fmt: skip
    """Keeps what is new: parts that an operation changed, a drift that begins, grows, or went back."""
    is_same = opened is not None and opened.fields.parts == unexplained
    if not agreed and (is_same or (opened is None and not unexplained)):
        return opened
    async with store.change() as change:
        if agreed:
            made = {name: parts.get(name, "") for name in agreed}
            new = {name: digest for name, digest in {**setup.fields.parts, **made}.items() if digest}
            why = _why("checks.setup", now_us, parts=sorted(agreed))
            await record_store.update(change, setup, _agreed(setup, new, now_us), why)
        if is_same or (opened is None and not unexplained):
            return opened
        why = _why("checks.drift", now_us, parts=[one.name for one in unexplained])
        if opened is None:
            return await record_store.add(change, Drift(parts=unexplained, since_us=now_us), why, state="open")
        if not unexplained:
            await record_store.update(change, opened, opened.fields, why, state="undone")
            return None
        fields = Drift(parts=unexplained, since_us=now_us)
        return await record_store.update(change, opened, fields, why)


async def _explained(
    store: Store, settings: Settings, changed: Sequence[str], since_us: int, now_us: int
) -> tuple[frozenset[str], frozenset[str]]:
    """Of the changed parts those that an operation changed since, and those that one under way may be changing."""
    if not changed:
        return frozenset(), frozenset()
    number = (await asyncio.to_thread(active_or_first, settings))[0]
    found = [one for one in await audit_reading.newest(store, MOST_ENTRIES) if one.fields.get("at_us", 0) >= since_us]
    ended = {one.fields["detail"].get("begun") for one in found if one.fields["outcome"] != "begun"}
    done: set[str] = set()
    under_way: set[str] = set()
    for one in found:
        parts = _CHANGES.get(str(one.fields["operation"]).partition(".")[0], frozenset())
        if one.fields["outcome"] == "begun":
            # One that was killed has no end; it may not hide a change for ever.
            is_new = now_us - one.fields["at_us"] < _LONGEST_US
            under_way |= parts if is_new and one.number not in ended else frozenset()
        elif one.fields["outcome"] == "done":
            # A revision that an operation made says so; another one was put there.
            detail = one.fields["detail"]
            is_it = number in (detail.get("revision"), detail.get("after"))
            done |= parts if is_it else parts - {fingerprint.POLICY, fingerprint.DETECTORS}
    return frozenset(done & set(changed)), frozenset((under_way - done) & set(changed))


async def agree_ahead(work: Work, before: Settings, after: Settings) -> None:
    """A setup is about to write `after` in place of `before`: what a start finds by them, now or later, is agreed.

    A service that began without a settings file, or whose file waits to be put in place, has other settings until then.
    """
    was, will_be = await asyncio.gather(*(asyncio.to_thread(fingerprint.fingerprint, one) for one in (before, after)))
    coming = {one: will_be[one] for one in _CHANGES["setup"] if will_be.get(one) != was.get(one)}
    if not coming:
        return
    store = await work.store()
    async with store.change() as change:
        setup = await _newest(change.connection, store.site_id)
        why = written("checks.setup", work.actor.id, work.now_us, {ACTOR_NAME: work.actor.name}, parts=sorted(coming))
        if setup is None:
            fields = Setup(parts={}, at_us=work.now_us, coming=coming)
            await record_store.add(change, fields, why, state="current", subject=_SETUP)
        else:
            fields = setup.fields.model_copy(update={"coming": {**setup.fields.coming, **coming}})
            await record_store.update(change, setup, fields, why)


async def _begin(store: Store, setup: Record[Setup] | None, parts: Mapping[str, str], now_us: int) -> None:
    """What is there at the first look is what was agreed: nothing is known of before."""
    async with store.change() as change:
        why = _why("checks.setup", now_us, parts=sorted(parts))
        if setup is not None:
            await record_store.update(change, setup, _agreed(setup, parts, now_us), why)
            return
        await record_store.add(change, Setup(parts=dict(parts), at_us=now_us), why, state="current", subject=_SETUP)


def _agreed(setup: Record[Setup], parts: Mapping[str, str], now_us: int) -> Setup:
    """With these parts; what came is awaited no longer."""
    coming = {name: digest for name, digest in setup.fields.coming.items() if parts.get(name) != digest}
    return Setup(parts=dict(parts), at_us=now_us, coming=coming)


async def _newest(connection: Any, site_id: UUID) -> Record[Setup] | None:
    found = await record_store.listed(connection, site_id, Setup, subject=_SETUP, most=1)
    return found[0] if found else None


async def _opened(connection: Any, store: Store) -> Record[Drift] | None:
    found = await record_store.listed(connection, store.site_id, Drift, states=("open",), most=1)
    return found[0] if found else None


async def _kept(settings: Settings, shown: DriftShown) -> DriftShown:
    await asyncio.to_thread(CheckRecord(settings.server.state_dir).keep, "drift", shown.whole())
    return shown


def _with(parts: Mapping[str, str], changed: Sequence[ChangedPart]) -> dict[str, str]:
    merged = {**parts, **{one.name: one.now for one in changed}}
    return {name: digest for name, digest in merged.items() if digest}


def _why(operation: str, now_us: int, **detail: Any) -> Written:
    return written(operation, JOB, now_us, **detail)
