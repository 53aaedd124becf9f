"""Steps of a record: who did what about it and when, each with the entry of the audit log that proves it.

An entry's number is known once it is written. So a step learns its number with the next one, and the newest step's
entry is that of the record itself. The entry holds the digest of its step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.record_store import Record

LONGEST_NOTE = 4_000
# A record with more of these is a conversation, which belongs elsewhere.
MOST_STEPS = 200
# Of its notes together, so that a judgement and an answer still fit into the record.
MOST_NOTED_OCTETS = 128 * 1024


@dataclass(frozen=True)
class Step:
    """One step. `at_us`: microseconds since 1970, UTC. `who`: an actor, such as `account:UUID`; `name`: for people.
    `entry`: epoch and number in the audit log, None while it is the newest."""

    at_us: int
    who: str
    name: str
    what: str
    note: str = ""
    entry: tuple[int, int] | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the step without its entry, in hexadecimal digits."""
        held = orjson.dumps(replace(self, entry=None), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(held).hexdigest()


def followed(found: Record[Any], steps: Sequence[Step], step: Step, *, is_needed: bool = False) -> tuple[Step, ...]:
    """The steps of the next version of `found`. Raises `RecordRefused` where there are too many, unless the step is one
    without which the record never ends."""
    is_full = len(steps) >= MOST_STEPS or sum(len(one.note.encode()) for one in steps) > MOST_NOTED_OCTETS
    if is_full and not is_needed:
        raise RecordRefused("it has as many steps as a record may have; close it, and open another one")
    return (*with_entries(found, steps), step)


def with_entries(found: Record[Any], steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps with the entry of each, the newest too."""
    if not steps:
        return ()
    return (*steps[:-1], replace(steps[-1], entry=(found.audit_epoch, found.audit_number)))


def noted(text: str) -> str:
    """A note as it is kept. Raises `RecordRefused` where it is too long: a cut one would say something else."""
    text = text.strip()
    if len(text) > LONGEST_NOTE:
        raise RecordRefused(f"a note may have {LONGEST_NOTE:,} characters; this one has {len(text):,}")
    return text
