"""Answers as server-sent events (WHATWG HTML, section 9.2): progress and result of long work, and the live log.

    event: progress | result | problem | rows | gap
    data: JSON

A comment is sent every 15 seconds. A reader who does not take an event within 30 seconds is left. A client that leaves
ends its stream; work that was begun goes on in `control`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import orjson
from aiohttp import web

from schoolgate.console.api import problem_details
from schoolgate.console.api.problem_details import ProblemFound
from schoolgate.console.operations_client import Caller, OperationsClient
from schoolgate.operations.socket_messages import OperationRefused

CONTENT_TYPE: Final = "text/event-stream"
HEARTBEAT_S: Final = 15.0
TAKEN_WITHIN_S: Final = 30.0
POLL_S: Final = 0.5
# Steps that wait for a slow reader; the oldest goes.
MOST_STEPS: Final = 100
# Each call of long work holds a connection to the control process, of 24.
MOST_LIVE, MOST_WORK, MOST_OF_A_TOKEN = 40, 8, 3

_HEARTBEAT: Final = b": still here\n\n"


class OpenStreams:
    """How many streams of a kind are open, by token (its hash)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[str, int] = {}

    @contextlib.contextmanager
    def place(self, token: str) -> Any:
        """A place for one stream. Raises `ProblemFound` where there is none."""
        if self._open.get(token, 0) >= MOST_OF_A_TOKEN or sum(self._open.values()) >= self._most:
            raise ProblemFound(
                "too-many", "too many event streams are open; close one", headers=problem_details.retry_after(5)
            )
        self._open[token] = self._open.get(token, 0) + 1
        try:
            yield
        finally:
            self._open[token] -= 1
            if not self._open[token]:
                del self._open[token]


def event(name: str, value: Any, identity: str = "") -> bytes:
    """One event. JSON of one line holds no line break, so no value can begin another event."""
    id_line = f"id: {identity}\n".encode() if identity else b""
    return id_line + f"event: {name}\ndata: ".encode() + orjson.dumps(value, default=str) + b"\n\n"


async def send(request: web.Request, events: AsyncIterator[bytes]) -> web.StreamResponse:
    """Sends events until there are no more, or the client leaves."""
    response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE, "X-Accel-Buffering": "no"})
    response.force_close()
    await response.prepare(request)
    try:
        with contextlib.suppress(ConnectionError, TimeoutError):
            async for one in events:
                if request.transport is None or request.transport.is_closing():
                    break
                async with asyncio.timeout(TAKEN_WITHIN_S):
                    await response.write(one)
            await response.write_eof()
    finally:
        await events.aclose()  # type: ignore[attr-defined]
    return response


async def work(calling: asyncio.Task[Any], steps: asyncio.Queue[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    """The steps of a call that was begun, then its result or its problem."""
    while not calling.done():
        step = asyncio.create_task(steps.get())
        try:
            await asyncio.wait({step, calling}, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            said = step.result() if step.done() and not step.cancelled() else None
            step.cancel()
        if said is not None:
            yield event("progress", said)
        elif not calling.done():
            yield _HEARTBEAT
    while not steps.empty():
        yield event("progress", steps.get_nowait())
    try:
        yield event("result", calling.result())
    except Exception as error:
        yield event("problem", problem_details.content(problem_details.found_of(error)))


def put_step(steps: asyncio.Queue[Mapping[str, Any]], step: Mapping[str, Any]) -> None:
    """Adds a step; the oldest goes where the reader is slow."""
    if steps.full():
        steps.get_nowait()
    steps.put_nowait(step)


async def live_log(
    client: OperationsClient, caller: Caller, arguments: Mapping[str, Any], after: str
) -> AsyncIterator[bytes]:
    """Rows as they come; the identity of an event is the cursor after it. The token is looked at for each batch.

    A view that is over is opened again, which is on record; between the two, rows may be missing: event `gap`.
    """
    silent_s = 0.0
    most = {"most": arguments["most"]} if "most" in arguments else {}
    try:
        while True:
            batch, is_new = await _batch(client, caller, arguments, after, most)
            if is_new and after:
                yield event("gap", {"detail": "the view was opened again; rows may be missing or come twice"})
            after = str(batch["after"])
            if is_new or batch["rows"] or batch["sealed"] or batch["left_out"] or batch["may_miss"]:
                silent_s = 0.0
                yield event("rows", batch, after)
            elif silent_s >= HEARTBEAT_S:
                silent_s = 0.0
                yield f"id: {after}\n".encode() + _HEARTBEAT
            await asyncio.sleep(POLL_S)
            silent_s += POLL_S
    except Exception as error:
        yield event("problem", problem_details.content(problem_details.found_of(error)))


async def _batch(
    client: OperationsClient, caller: Caller, arguments: Mapping[str, Any], after: str, most: Mapping[str, Any]
) -> tuple[Mapping[str, Any], bool]:
    """Rows after a cursor, or of a new view; and whether it is new."""
    if after:
        try:
            return await client.call(caller, "log.live_next", {"after": after, **most}), False
        except OperationRefused as error:
            if error.kind != "ViewEnded":
                raise
    return await client.call(caller, "log.live", arguments), True
