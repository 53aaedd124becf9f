"""The routes of the API: what each request passes, in this order.

a token, and not in the address -> this caller may send one more -> the operation and its arguments -> `control`
decides and does it -> its result
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from aiohttp import web

from schoolgate.config.console import Console
from schoolgate.console.api import entity_tags, event_stream, problem_details, request_limits
from schoolgate.console.api.bearer_token import refuse_token_in_address, token_of
from schoolgate.console.api.done_requests import LONGEST_KEY, DoneRequests, Key
from schoolgate.console.api.event_stream import OpenStreams
from schoolgate.console.api.json_body import arguments_in_body
from schoolgate.console.api.operation_table import PREFIX, ApiOperation, OperationTable
from schoolgate.console.api.problem_details import ProblemFound
from schoolgate.console.api.request_limits import AcceptedTokens, RequestLimit
from schoolgate.console.client_address import client_address
from schoolgate.console.errors import ControlWentAway
from schoolgate.console.operations_client import Caller, OperationsClient, Say
from schoolgate.console.screen import CLIENT
from schoolgate.operations.socket_messages import OperationRefused

LIVE_LOG: Final = "log.live"
# After these, it was done or may have been.
_MAY_BE_DONE: Final = frozenset({"DoneNotRecorded", "Defect"})
_log = logging.getLogger(__name__)


def add_api(app: web.Application, console: Console) -> None:
    """Adds the API to an application."""
    api = Api(console, OperationTable.load())
    app.router.add_get(PREFIX + "openapi.json", api.document, allow_head=False)
    app.router.add_get(problem_details.PATH, api.problems, allow_head=False)
    app.router.add_get(PREFIX + "{noun}/{verb}", api.look, allow_head=False)
    app.router.add_post(PREFIX + "{noun}/{verb}", api.do)
    app.on_shutdown.append(api.stop)


def is_for_api(request: web.BaseRequest) -> bool:
    """Whether an address is of the API, which has its own rules."""
    return request.path.startswith(PREFIX)


@dataclass(frozen=True)
class _Call:
    """One request that was read: `token` is the hash of its API token."""

    request: web.Request
    operation: ApiOperation
    arguments: Mapping[str, Any]
    caller: Caller
    token: str
    has_match: bool = False

    @property
    def client(self) -> OperationsClient:
        return self.request.app[CLIENT]

    async def result(self, say: Say | None = None) -> Any:
        return await self.client.call(self.caller, self.operation.name, self.arguments, say)


class Api:
    """What the API keeps in memory: counts of requests, what was done, which streams are open."""

    def __init__(self, console: Console, table: OperationTable) -> None:
        self._console = console
        self._table = table
        self._requests = RequestLimit(request_limits.TOKEN_BURST, request_limits.TOKEN_A_SECOND)
        self._guesses = RequestLimit(request_limits.GUESS_BURST, request_limits.GUESSES_A_SECOND)
        self._accepted = AcceptedTokens()
        self._done = DoneRequests()
        self._live, self._work = OpenStreams(event_stream.MOST_LIVE), OpenStreams(event_stream.MOST_WORK)
        self._streams: set[asyncio.Task[Any]] = set()
        # Calls that go on when the client has left.
        self._calls: set[asyncio.Task[Any]] = set()

    async def document(self, request: web.Request) -> web.Response:
        """The OpenAPI document; it needs no token and says nothing of this school."""
        return entity_tags.answer(request, self._table.document, self._table.etag)

    async def problems(self, _request: web.Request) -> web.Response:
        """Every kind of problem."""
        return web.json_response(
            {one.name: {"status": one.status, "title": one.title} for one in problem_details.KINDS.values()}
        )

    async def look(self, request: web.Request) -> web.StreamResponse:
        """GET: arguments are in the address."""
        caller, token = self._caller(request)
        operation = self._operation(request)
        if operation.is_change:
            raise ProblemFound(
                "method", f"{operation.name} changes something: send it by POST", headers={"Allow": "POST"}
            )
        return await self._answer(_Call(request, operation, operation.arguments_of(request.query), caller, token))

    async def do(self, request: web.Request) -> web.StreamResponse:
        """POST: arguments are a JSON object in the body."""
        caller, token = self._caller(request)
        operation = self._operation(request)
        if request.query:
            raise ProblemFound("arguments", f"{operation.name}: by POST, arguments are in the body, not in the address")
        arguments = arguments_in_body(request, await request.read())
        has_match = "If-Match" in request.headers
        if has_match:
            arguments = entity_tags.with_expected(request.headers.getall("If-Match"), operation, arguments)
        return await self._answer(_Call(request, operation, arguments, caller, token, has_match))

    async def stop(self, _app: web.Application) -> None:
        """Ends every stream, so that the console need not wait for them."""
        for one in (*self._streams, *self._calls):
            one.cancel()

    def _caller(self, request: web.Request) -> tuple[Caller, str]:
        """Who asks, and the hash of the token."""
        refuse_token_in_address(request)
        address = self._address(request)
        secret = token_of(request)
        token = hashlib.sha256(secret.encode()).hexdigest()
        if token not in self._accepted:
            self._refuse_too_many(self._guesses, address)
        self._refuse_too_many(self._requests, token)
        self._requests.take(token)
        return Caller("", address, request.headers.get("User-Agent", "")[:300], secret), token

    def _refuse_too_many(self, limit: RequestLimit, caller: str) -> None:
        wait = limit.wait_s(caller)
        if not wait:
            return
        if limit.refused % 1000 == 1:
            _log.warning("the API refuses requests, for there are too many: %d so far", limit.refused)
        raise ProblemFound("too-many", "send fewer requests", headers=problem_details.retry_after(wait))

    def _address(self, request: web.Request) -> str:
        forwarded = request.headers.getall("X-Forwarded-For", [])
        return client_address(request.remote or "", forwarded, self._console.trusted_proxies)

    def _operation(self, request: web.Request) -> ApiOperation:
        found = self._table.operations.get(f"{request.match_info['noun']}/{request.match_info['verb']}")
        if found is None:
            raise ProblemFound("unknown-operation", f"{PREFIX}openapi.json lists the operations")
        return found

    async def _answer(self, call: _Call) -> web.StreamResponse:
        try:
            if _wants_events(call.request):
                return await self._stream(call)
            status, body, result = 200, b"", None
            if call.operation.is_change and "Idempotency-Key" in call.request.headers:
                status, body = await self._once(call)
            else:
                result = await call.result()
                body = orjson.dumps(result)
            etag = entity_tags.etag_of(call.operation.name, call.arguments, result)
            self._accepted.add(call.token)
            return entity_tags.answer(call.request, body, etag, status)
        except OperationRefused as error:
            if error.kind == "ApiTokenRefused":
                self._accepted.remove(call.token)
                self._guesses.take(call.caller.address)
            raise (_matched(error) if call.has_match else error) from None

    async def _once(self, call: _Call) -> tuple[int, bytes]:
        """Does a change, or answers as the first time. The token is good for the operation each time."""
        key = _key_of(call)
        fingerprint = hashlib.sha256(orjson.dumps([call.operation.name, call.arguments], option=orjson.OPT_SORT_KEYS))
        earlier = self._done.begin(key, fingerprint.digest())
        if earlier is not None and earlier.answer is not None:
            await _refuse_without_right(call)
            return earlier.answer
        return await asyncio.shield(self._keep_going(self._first(call, key)))

    async def _first(self, call: _Call, key: Key) -> tuple[int, bytes]:
        """Does it and keeps what came of it, also where the client has left."""
        is_kept = False
        try:
            body = orjson.dumps(await call.result())
            self._done.end(key, 200, body)
            is_kept = True
            return 200, body
        except (ControlWentAway, OperationRefused) as error:
            is_kept = isinstance(error, ControlWentAway) or error.kind in _MAY_BE_DONE
            if is_kept:
                self._done.end(key, *problem_details.as_kept(problem_details.found_of(error)))
            raise
        finally:
            if not is_kept:
                self._done.forget(key)

    async def _stream(self, call: _Call) -> web.StreamResponse:
        if "Idempotency-Key" in call.request.headers:
            raise ProblemFound("not-acceptable", "an event stream is not kept: leave Idempotency-Key or Accept out")
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        try:
            if call.operation.name == LIVE_LOG:
                return await self._stream_log(call)
            return await self._stream_work(call)
        finally:
            self._streams.discard(task)

    async def _stream_log(self, call: _Call) -> web.StreamResponse:
        after = call.request.headers.get("Last-Event-ID", "")[:100]
        with self._live.place(call.token):
            rows = event_stream.live_log(call.client, call.caller, call.arguments, after)
            return await event_stream.send(call.request, rows)

    async def _stream_work(self, call: _Call) -> web.StreamResponse:
        """The place is held until the call ends, also where the client has left before."""
        steps: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue(event_stream.MOST_STEPS)
        with contextlib.ExitStack() as place:
            place.enter_context(self._work.place(call.token))
            calling = self._keep_going(call.result(lambda step: event_stream.put_step(steps, step)))
            left = place.pop_all()
            calling.add_done_callback(lambda _: left.close())
        return await event_stream.send(call.request, event_stream.work(calling, steps))

    def _keep_going(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._calls.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._calls.discard(task)
        if not task.cancelled():
            task.exception()  # seen: its waiter answers it, where there is one still


async def _refuse_without_right(call: _Call) -> None:
    """Raises where the token or the right is gone since. Arguments are read after both, and these do nothing."""
    probe = replace(call, arguments={"": ""})
    try:
        await probe.result()
    except OperationRefused as error:
        if error.kind != "ArgumentsRefused":
            raise


def _wants_events(request: web.Request) -> bool:
    accept = request.headers.get("Accept", "*/*").lower()
    if event_stream.CONTENT_TYPE in accept:
        return True
    if not any(one in accept for one in ("*/*", "application/*", "application/json")):
        raise ProblemFound("not-acceptable", "ask for application/json or text/event-stream")
    return False


def _key_of(call: _Call) -> Key:
    keys = call.request.headers.getall("Idempotency-Key")
    if len(keys) != 1 or not (1 <= len(keys[0]) <= LONGEST_KEY and keys[0].isascii() and keys[0].isprintable()):
        raise ProblemFound("unreadable", f"an Idempotency-Key is 1 to {LONGEST_KEY} printable ASCII characters")
    return call.token, keys[0]


def _matched(error: OperationRefused) -> Exception:
    return ProblemFound("stale-match", str(error)) if error.kind == "StalePolicy" else error
