"""What the audit log says of a change of a record, and how records are written by an operation."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from schoolgate.governance.record_store import Written, written
from schoolgate.operations.recorder import ACTOR_NAME
from schoolgate.operations.work import Work

# Of a record, or of one of its versions: what every database counts.
Number = Annotated[int, Field(ge=0, le=2**53)]


def entry_of(work: Work, operation: str, **detail: Any) -> Written:
    """Who did it and when; the name of the person can be erased. `detail` takes no name of a person."""
    return written(operation, work.actor.id, work.now_us, {ACTOR_NAME: work.actor.name}, **detail)
