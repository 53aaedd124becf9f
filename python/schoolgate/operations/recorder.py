"""Begin and end of an operation in the audit log.

The begin is committed before anything is done: what the log does not take does not happen. An operation that was
killed has a begin without an end, and the next start of the process says so by an entry of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from schoolgate.audit.errors import AuditProblem
from schoolgate.audit.event import Event, Outcome
from schoolgate.operations.actor import Actor
from schoolgate.operations.errors import NotRecorded
from schoolgate.operations.registry import Bulk, Operation, Personal
from schoolgate.storage import audit_reading
from schoolgate.storage.audit_log import append
from schoolgate.storage.errors import StoreProblem
from schoolgate.storage.failed_attempts import Attempts
from schoolgate.storage.store import Store

# Of an argument that is not marked: a reason, a name, a number. A longer one is kept as its digest.
LONGEST_KEPT = 2_000
LONGEST_WHY = 500
# Operations of the last process are among so many newest entries.
MOST_LOOKED_AT = 200
INTERRUPTED = "operation.interrupted"
STARTS = "job:start"
# The personal value that names the actor.
ACTOR_NAME = "actor_name"


class Recorder:
    """Writes to the audit log of one store. Close it before the store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.attempts = Attempts(store)

    async def begin(self, operation: Operation, actor: Actor, arguments: Mapping[str, Any], at_us: int) -> int:
        """The number of the entry. Raises `NotRecorded`."""
        detail, personal = _split(operation, arguments)
        event = Event(at_us, actor.id, operation.name, "", Outcome.begun, detail, {ACTOR_NAME: actor.name, **personal})
        try:
            async with self.store.change() as change:
                return (await append(change, event)).number
        except (StoreProblem, AuditProblem) as error:
            raise NotRecorded(f"nothing was done, because the audit log takes no entry: {error}") from error

    async def end(
        self, operation: Operation, actor: Actor, begun: int, outcome: Outcome, detail: Mapping[str, Any], at_us: int,
        why: str = "",
    ) -> None:  # fmt: skip
        """Raises a `StoreProblem`: then it was done, and its begin alone is on record."""
        kept, personal = {"begun": begun, **_plain(detail)}, dict[str, str]()
        if why:
            # A refusal repeats what was given: where that may name a person, so may it.
            (personal if Personal in operation.marks.values() else kept)["why"] = why[:LONGEST_WHY]
        async with self.store.change() as change:
            await append(change, Event(at_us, actor.id, operation.name, "", outcome, kept, personal))

    async def seen(
        self, operation: Operation, actor: Actor, arguments: Mapping[str, Any], outcome: Outcome,
        about: Mapping[str, Any], at_us: int,
    ) -> None:  # fmt: skip
        """One entry for a look at what a person did. Raises `NotRecorded`."""
        detail, personal = _split(operation, arguments)
        names = {ACTOR_NAME: actor.name, **personal}
        event = Event(at_us, actor.id, operation.name, "", outcome, {**detail, **_plain(about)}, names)
        try:
            async with self.store.change() as change:
                await append(change, event)
        except (StoreProblem, AuditProblem) as error:
            raise NotRecorded(f"nothing is shown, because the audit log takes no entry: {error}") from error

    async def say_interrupted(self, at_us: int) -> int:
        """One entry for the operations of a process that was killed: begun, and never ended. Returns how many."""
        entries = await audit_reading.newest(self.store, MOST_LOOKED_AT)
        # A restore begins a new epoch, whose numbers begin anew: what came before it was said then.
        entries = [one for one in entries if one.epoch == entries[0].epoch]
        ended = {one.fields["detail"].get("begun") for one in entries}
        ended |= {number for one in entries for number in one.fields["detail"].get("entries", ())}
        begun = {one.number for one in entries if one.fields["outcome"] == Outcome.begun}
        left = sorted(begun - ended)
        if left:
            async with self.store.change() as change:
                await append(change, Event(at_us, STARTS, INTERRUPTED, "", Outcome.failed, {"entries": left}))
        return len(left)

    async def refused(self, name: str, actor: Actor, at_us: int) -> None:
        """An attempt without the right; many of a minute become one entry."""
        await self.attempts.record(Event(at_us, actor.id, name, outcome=Outcome.refused))

    async def flush(self) -> None:
        """Writes the attempts that were only counted until now. Call it each minute."""
        await self.attempts.flush()


def _split(operation: Operation, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    detail: dict[str, Any] = {}
    personal: dict[str, str] = {}
    for name, value in arguments.items():
        mark = operation.marks.get(name)
        if value is None:
            continue
        if mark is Personal:
            personal[name] = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
        elif mark is Bulk or (isinstance(value, str) and len(value) > LONGEST_KEPT):
            octets = str(value).encode()
            detail[name] = {"sha256": hashlib.sha256(octets).hexdigest(), "octets": len(octets)}
        else:
            detail[name] = value
    return _plain(detail), personal


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """What canonical JSON takes: a number that is not whole becomes text."""
    read: dict[str, Any] = orjson.loads(orjson.dumps(value, default=str))
    return {name: _without_floats(one) for name, one in read.items()}


def _without_floats(value: Any) -> Any:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        return [_without_floats(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_floats(one) for name, one in value.items()}
    return value
