"""The live log for many viewers: those who see the same share one poll of `log.live`, each has a bounded queue.

A view of one device is never shared: who looks is on record by name. A viewer who does not keep up loses the oldest
rows, and is shown how many.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from schoolgate.console.errors import ConsoleProblem, RightMissing, SessionEnded
from schoolgate.console.log_words import key_of
from schoolgate.console.operations_client import Caller, OperationsClient
from schoolgate.operations.socket_messages import OperationRefused

POLL_S: Final = 0.5
MOST_VIEWERS: Final = 100
CANNOT_BE_READ: Final = "The live log cannot be read now. Filtering goes on."
# Rows that wait for one viewer; a screen shows fewer.
MOST_WAITING: Final = 200
# Rows that a viewer who joins late, or again, can still be shown.
_KEPT: Final = 100
_REMEMBERED: Final = 1_000
_TRIES: Final = 5

_log = logging.getLogger(__name__)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Shown:
    """What two viewers must have in common to share a poll. `whose`: the account, where a device is named; else ""."""

    whose: str
    sees_devices: bool
    device: str
    filters: tuple[tuple[str, str], ...]


@dataclass
class Batch:
    """What came for one viewer, oldest row first. `dropped`: rows that did not fit its queue, or the view. `ended`: why
    there is no more, or ""."""

    rows: list[Row] = field(default_factory=list)
    dropped: int = 0
    sealed: int = 0
    may_miss: bool = False
    ended: str = ""


class LiveViewer:
    """One viewer's queue."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self._rows: deque[Row] = deque()
        self._rest = Batch()
        self._is_new = asyncio.Event()

    def put(self, rows: Sequence[Row], *, dropped: int = 0, sealed: int = 0, may_miss: bool = False) -> None:
        """Adds rows; the oldest go where there are too many."""
        self._rows.extend(rows)
        while len(self._rows) > MOST_WAITING:
            self._rows.popleft()
            dropped += 1
        self._rest.dropped += dropped
        self._rest.sealed += sealed
        self._rest.may_miss |= may_miss
        if rows or dropped or sealed or may_miss:
            self._is_new.set()

    def end(self, why: str) -> None:
        """The viewer gets what is there, and then nothing more."""
        self._rest.ended = why
        self._is_new.set()

    async def next(self, within_s: float) -> Batch | None:
        """What came since; None where nothing did within so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._is_new.wait()
        if not self._is_new.is_set():
            return None
        self._is_new.clear()
        batch, self._rest = self._rest, Batch(ended=self._rest.ended)
        batch.rows = list(self._rows)
        self._rows.clear()
        return batch


class _Poll:
    """One poll, as long as it has viewers; it asks in the name of the first of them."""

    def __init__(self, client: OperationsClient, arguments: Mapping[str, Any]) -> None:
        self.client = client
        self.arguments = arguments
        self.viewers: list[LiveViewer] = []
        self.kept: deque[Row] = deque(maxlen=_KEPT)
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._after = ""

    async def run(self) -> None:
        tries = 0
        while self.viewers and tries < _TRIES:
            try:
                await self._ask(self.viewers[0].caller)
                tries = 0
            except (SessionEnded, RightMissing):
                self._after = ""
                self.viewers.pop(0).end("Your session has ended.")
            except OperationRefused as error:
                # The view is over, or the control process was started anew: it is opened again.
                self._after, tries = "", tries + (error.kind != "ViewEnded")
            except ConsoleProblem as error:
                self._after, tries = "", tries + 1
                _log.warning("the live log waits: %s", error)
            await asyncio.sleep(POLL_S)
        for one in self.viewers:
            one.end(CANNOT_BE_READ)

    async def _ask(self, caller: Caller) -> None:
        if self._after:
            batch = await self.client.call(caller, "log.live_next", {"after": self._after})
        else:
            batch = await self.client.call(caller, "log.live", self.arguments)
        self._after = str(batch["after"])
        rows = [one for one in batch["rows"] if self._is_first(one)]
        self.kept.extend(rows)
        for one in self.viewers:
            one.put(rows, dropped=batch["left_out"], sealed=batch["sealed"], may_miss=batch["may_miss"])

    def _is_first(self, row: Row) -> bool:
        """Whether it was not shown before: a view that is opened again begins with the last minute."""
        identity = (str(row["time"]), key_of(row))
        is_first = identity not in self._seen
        self._seen[identity] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return is_first


class LiveViews:
    """Every live view of this console. Belongs to one event loop."""

    def __init__(self, client: OperationsClient) -> None:
        self._client = client
        self._polls: dict[Shown, tuple[_Poll, asyncio.Task[None]]] = {}

    @property
    def viewers(self) -> int:
        """How many look."""
        return sum(len(poll.viewers) for poll, _ in self._polls.values())

    @property
    def polls(self) -> int:
        """How many questions to the control process they share."""
        return len(self._polls)

    def join(
        self, shown: Shown, caller: Caller, arguments: Mapping[str, Any], since: dt.datetime | None
    ) -> LiveViewer | None:
        """A viewer of these rows, with those after `since` that are kept; None where there are too many viewers."""
        if self.viewers >= MOST_VIEWERS:
            return None
        viewer = LiveViewer(caller)
        if shown in self._polls and not self._polls[shown][1].done():
            poll = self._polls[shown][0]
            viewer.put([one for one in poll.kept if since is None or _time(one) > since])
        else:
            poll = _Poll(self._client, arguments)
            self._polls[shown] = (poll, asyncio.create_task(poll.run()))
        poll.viewers.append(viewer)
        return viewer

    def leave(self, shown: Shown, viewer: LiveViewer) -> None:
        """Takes a viewer out; the last one ends the poll."""
        poll, task = self._polls.get(shown, (None, None))
        if poll is None or task is None:
            return
        if viewer in poll.viewers:
            poll.viewers.remove(viewer)
        if not poll.viewers:
            del self._polls[shown]
            task.cancel()

    async def close(self) -> None:
        """Ends every view."""
        for poll, task in list(self._polls.values()):
            for one in poll.viewers:
                one.end("The console is being stopped.")
            poll.viewers.clear()  # without one it ends, also where a call under way swallows the cancellation
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _time(row: Row) -> dt.datetime:
    return dt.datetime.fromisoformat(str(row["time"]))
