"""The log as it grows, for a view on a screen: opened once, then asked again and again for what is newer.

Who looks at one device is on record when the view is opened; a view ends by itself, so that a long look is on record
more than once. Names of sealed lists are counted and never shown.
"""

from __future__ import annotations

import datetime as dt
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from schoolgate.operations import rights
from schoolgate.operations.errors import OperationProblem
from schoolgate.operations.log.log_rows import LogFilters, opened, query_of, without_identities
from schoolgate.operations.registry import Personal, looks, sees
from schoolgate.operations.self_test_marks import marked
from schoolgate.operations.work import Work
from schoolgate.querylog import Query, Row
from schoolgate.querylog.check_rows import check_rows
from schoolgate.querylog.layout import Class, LogFolder
from schoolgate.querylog.tail import ROWS_AT_ONCE, Tail, matches
from schoolgate.storage import state_dir

VIEW_LASTS = dt.timedelta(minutes=15)
# A view is a few hundred octets; the oldest goes.
MOST_VIEWS = 500
MOST_ROWS = 500
# A file of the log is put away a minute after it was begun, and later: who asks more often has read it before.
ASKED_OFTEN = dt.timedelta(seconds=30)
SEALED = "sealed"
_ALL = LogFilters()

Most = Annotated[int, Field(ge=1, le=MOST_ROWS)]


class ViewEnded(OperationProblem):
    """The live view is over, or is another's: open one again."""


@dataclass(frozen=True)
class LiveRows:
    """Rows oldest first. `after` gets what is newer. `sealed`: so many hits of sealed lists are not shown. `left_out`:
    so many older ones did not fit. `may_miss`: the log went on faster than the view was asked, so rows may be missing.
    `ends`: ISO 8601, UTC; then the view is opened again."""

    rows: tuple[Row, ...]
    after: str
    sealed: int
    left_out: int
    may_miss: bool
    ends: str

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"rows": len(self.rows)}


@dataclass
class _View:
    """`places`: how far it has read, by the part of a cursor that names it: the last two, as an answer may be lost."""

    actor: str
    query: Query
    clients: tuple[str, ...]
    sees_identities: bool
    ends: dt.datetime
    tail: Tail
    asked_at: dt.datetime
    places: dict[int, dict[Class, tuple[int, int]]] = field(default_factory=dict)
    turn: threading.Lock = field(default_factory=threading.Lock)


_views: OrderedDict[str, _View] = OrderedDict()
_views_lock = threading.Lock()


@sees("log.live")
def live(
    work: Work, filters: LogFilters = _ALL, client: Annotated[str | None, Personal] = None, most: Most = 100
) -> LiveRows:
    """Opens a view: the newest rows of the last minute or so. Of one device, it is on record. Raises `BadQuery`."""
    with opened(work) as log:
        query = log.as_logged(query_of(work, log, "log.live", filters, client))
        clients = () if client is None else tuple(log.known_as(client))
    tail = Tail(LogFolder(work.settings.server.state_dir / "log"), recent=ROWS_AT_ONCE)
    sees_identities = rights.sees_identities(work.actor.roles, "log.live")
    view = _View(work.actor.id, query, clients, sees_identities, work.now + VIEW_LASTS, tail, work.now, {0: tail.place})
    name = secrets.token_hex(8)
    with _views_lock:
        _views[name] = view
        while len(_views) > MOST_VIEWS:
            _views.popitem(last=False)
    rows, view.tail.recent = view.tail.recent, []
    return _shown(work.settings.server.state_dir, view, rows, f"{name}.0", most, may_miss=False)


@looks("log.live_next")
def live_next(work: Work, after: str, most: Most = 100) -> LiveRows:
    """What came since. The same cursor again gives the same rows. Raises `ViewEnded`."""
    state_dir.refuse_strangers(work.settings.server.state_dir)
    name, _, step = after.partition(".")
    with _views_lock:
        view = _views.get(name)
    if view is None or view.actor != work.actor.id or work.now >= view.ends or not step.isdecimal():
        raise ViewEnded("this live view is over; open it again")
    with view.turn:
        place = view.places.get(number := int(step))
        if place is None:
            raise ViewEnded("this live view has gone on without you; open it again")
        view.tail.go_to(place)
        may_miss = work.now - view.asked_at > ASKED_OFTEN and _is_gone(work, place)
        view.asked_at = work.now
        rows = view.tail.new_rows()
        view.places = {number: place, number + 1: view.tail.place}
    # Asked again since: what each viewer may see is decided anew for each batch.
    view.sees_identities = rights.sees_identities(work.actor.roles, "log.live")
    return _shown(work.settings.server.state_dir, view, rows, f"{name}.{number + 1}", most, may_miss=may_miss)


def _shown(folder: Path, view: _View, found: Iterable[Row], after: str, most: int, *, may_miss: bool) -> LiveRows:
    own = check_rows(folder)
    rows = [row for row in found if matches(view.query, view.clients, row, own)]
    shown = [row for row in rows if row.layer != SEALED]
    newest = list(marked(folder, shown[-most:]))
    if not view.sees_identities:
        newest = list(map(without_identities, newest))
    sealed, left_out = len(rows) - len(shown), len(shown) - len(newest)
    return LiveRows(tuple(newest), after, sealed, left_out, may_miss, view.ends.isoformat())


def _is_gone(work: Work, place: dict[Class, tuple[int, int]]) -> bool:
    """Whether a file in which the view stood was put away: what was written to it since is not shown."""
    there = {(wal.class_, wal.number) for wal in LogFolder(work.settings.server.state_dir / "log").list().wals}
    return any((class_, number) not in there for class_, (number, _) in place.items())
