"""Does operations for actors: reads the arguments, checks the right, records the begin, does it, records the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schoolgate.accounts.errors import SessionEnded, TokenRefused
from schoolgate.audit.event import Outcome
from schoolgate.config import load
from schoolgate.errors import SchoolgateError
from schoolgate.operations import openings
from schoolgate.operations.actor import Actor
from schoolgate.operations.caller import UNKNOWN, Caller, Credentials
from schoolgate.operations.errors import DoneNotRecorded, NotPermitted
from schoolgate.operations.permission import refuse_without
from schoolgate.operations.registry import Operation, find
from schoolgate.operations.staff_names import shown_to
from schoolgate.operations.system_clock import Clock
from schoolgate.operations.work import Said, Work

if TYPE_CHECKING:
    from schoolgate.operations.accounts.account_keeper import AccountKeeper
    from schoolgate.operations.accounts.account_services import AccountServices
    from schoolgate.operations.recorder import Recorder
    from schoolgate.storage.store import Store


class Operations:
    """`recorder` opens the store where that was not done yet: what only looks never waits for it."""

    def __init__(self, config: Path | None, recorder: Callable[[], Awaitable[Recorder]], clock: Clock) -> None:
        self._config = config
        self._recorder = recorder
        self._clock = clock
        self._keeper: AccountKeeper | None = None
        # Changes of one noun stand in one line: each reads what the one before has written.
        self._turns: dict[str, asyncio.Lock] = {}

    async def call(
        self, actor: Actor, name: str, arguments: Mapping[str, Any], say: Callable[[Said], None] = lambda _: None
    ) -> Any:
        """The result of an operation for a user of this machine or a job; see `call_as`."""
        return await self.call_as(Caller(actor), name, arguments, say)

    async def call_for(
        self, given: Credentials, name: str, arguments: Mapping[str, Any], say: Callable[[Said], None] = lambda _: None
    ) -> Any:
        """The result of an operation for a person; see `call_as`. Raises `SessionEnded`, `TokenRefused`, too."""
        find(name)
        return await self.call_as(await self._caller(given, name), name, arguments, say)

    async def call_as(
        self, caller: Caller, name: str, arguments: Mapping[str, Any], say: Callable[[Said], None] = lambda _: None
    ) -> Any:
        """The result of an operation. Raises `NoSuchOperation`, `ArgumentsRefused`, `NotPermitted`, `FactorNeeded`,
        `SignInUnfinished`, `NotRecorded` and what the operation raises. `say` is called in a thread."""
        operation = find(name)
        try:
            refuse_without(caller, name, self._clock.now_us())
        except NotPermitted:
            await (await self._recorder()).refused(name, caller.actor, self._clock.now_us())
            raise
        given = operation.read(arguments)
        settings = await asyncio.to_thread(load, self._config)

        async def accounts() -> AccountServices:
            return await (await self._kept()).services(settings)

        work = Work(caller, settings, self._config, self._clock.now(), say, self._store, accounts)
        try:
            work = await openings.with_asks(work, operation, given)
        except NotPermitted:
            await (await self._recorder()).refused(name, caller.actor, self._clock.now_us())
            raise
        if operation.records_itself:
            return await self._recording_itself(operation, work, given)
        if operation.is_change:
            async with self._turns.setdefault(operation.noun, asyncio.Lock()):
                return await self._changed(operation, work, given)
        if operation.names_a_person(given):
            return await self._seen(operation, work, given)
        return await _done(operation, work, given)

    async def close(self) -> None:
        """Closes what sign-ins keep open."""
        if self._keeper is not None:
            await self._keeper.close()

    async def _kept(self) -> AccountKeeper:
        from schoolgate.operations.accounts.account_keeper import AccountKeeper

        recorder = await self._recorder()
        if self._keeper is None:
            self._keeper = AccountKeeper(recorder.store, recorder.attempts)
        return self._keeper

    async def _caller(self, given: Credentials, name: str) -> Caller:
        """Who is behind a session or a token now. A session that no one has is an attempt, which is on record."""
        from schoolgate.operations import known_callers

        settings = await asyncio.to_thread(load, self._config)
        recorder, now_us = await self._recorder(), self._clock.now_us()
        try:
            return await known_callers.caller_of(given, recorder.store, settings.accounts.school, name, now_us)
        except (SessionEnded, TokenRefused) as error:
            if known_callers.is_forged(error):
                await recorder.refused(name, UNKNOWN, now_us)
            raise

    async def _recording_itself(self, operation: Operation, work: Work, given: Mapping[str, Any]) -> Any:
        """The result. A change that is refused has appended nothing, so the attempt is recorded here."""
        try:
            return await _done(operation, work, given)
        except SchoolgateError:
            if operation.is_change:
                await (await self._recorder()).refused(operation.name, work.actor, self._clock.now_us())
            raise

    async def _store(self) -> Store:
        return (await self._recorder()).store

    async def _seen(self, operation: Operation, work: Work, given: Mapping[str, Any]) -> Any:
        """The result, once it is on record who sees it."""
        recorder = await self._recorder()
        try:
            result = await _done(operation, work, given)
        except SchoolgateError as error:
            what = {"error": type(error).__name__}
            await recorder.seen(operation, work.actor, given, Outcome.refused, what, self._clock.now_us())
            raise
        await recorder.seen(operation, work.actor, given, Outcome.done, _about(result), self._clock.now_us())
        return result

    async def _changed(self, operation: Operation, work: Work, given: Mapping[str, Any]) -> Any:
        recorder = await self._recorder()
        begun = await recorder.begin(operation, work.actor, given, self._clock.now_us())

        async def ended(outcome: Outcome, detail: Mapping[str, Any], why: str = "") -> None:
            await recorder.end(operation, work.actor, begun, outcome, detail, self._clock.now_us(), why)

        # A process that must end here writes no end: whether the thread goes on, nothing knows.
        try:
            result = await _done(operation, work, given)
        except SchoolgateError as error:
            await ended(Outcome.refused, {"error": type(error).__name__}, str(error))
            raise
        except Exception as error:
            await ended(Outcome.failed, {"error": type(error).__name__})
            raise
        try:
            await ended(Outcome.done, _about(result))
        except SchoolgateError as error:
            raise DoneNotRecorded(
                f"{operation.name} is done, but the audit log did not take its end: {error}"
            ) from error
        return result


async def _done(operation: Operation, work: Work, given: Mapping[str, Any]) -> Any:
    """The result, without names of staff for who sees none."""
    return await shown_to(work, operation, await operation.do(work, given))


def _about(result: Any) -> dict[str, Any]:
    """What the audit log keeps of a result; nothing where it says nothing."""
    about = getattr(result, "about", None)
    return dict(about()) if about is not None else {}
