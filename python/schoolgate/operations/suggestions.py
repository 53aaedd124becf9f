"""The review queue of suggestions: names the school asked that look like something a list should know. No device is
in it, and it blocks nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from schoolgate.operations.registry import Personal, changes, looks
from schoolgate.operations.work import Work
from schoolgate.storage import state_dir
from schoolgate.suggestions.looking import look as look_through
from schoolgate.suggestions.queue import Queue, Row


@dataclass(frozen=True)
class Looked:
    """How many names were found, and how many of them are new in the queue."""

    found: int
    new: int

    def about(self) -> dict[str, int]:
        """For the audit log."""
        return {"found": self.found, "new": self.new}


@looks("suggestions.list")
def list_suggestions(work: Work, is_all: bool = False) -> tuple[Row, ...]:
    """The queue, most asked first; with `is_all` those that were decided too."""
    return tuple(_queue(work).rows(None if is_all else "open"))


@changes("suggestions.look")
def look(work: Work, days: Annotated[int, Field(ge=1, le=90)] = 1) -> Looked:
    """Looks through the query log of the last days now."""
    _queue(work)
    found, new = look_through(work.settings, work.now - dt.timedelta(days=days), work.now)
    return Looked(len(found), new)


@changes("suggestions.accept")
def accept(work: Work, name: str) -> Row:
    """Takes a name out of the queue, to be added to a policy; writes nothing there. Raises `NoSuchSuggestion`."""
    return _queue(work).decide(name, "accepted", work.actor.name, "", work.now)


@changes("suggestions.dismiss")
def dismiss(work: Work, name: str, reason: Annotated[str, Personal]) -> Row:
    """Takes a name out of the queue for good. Raises `NoSuchSuggestion`."""
    return _queue(work).decide(name, "dismissed", work.actor.name, reason, work.now)


def _queue(work: Work) -> Queue:
    folder = work.settings.server.state_dir
    state_dir.refuse_strangers(folder)
    return Queue(folder)
