"""The running server: everything around a plane that answers already, started and stopped in order.

The plane and its doors answer what policy and cache can answer, in their own threads. This event loop brings what the
network knows, takes commands, and swaps what is in force: built aside, then one pointer, so that no query is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gc
import signal
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from schoolgate._core import Doors, Plane
from schoolgate.config import Settings, SocketAddress, changes, load, on_this_machine
from schoolgate.control.server import ControlServer
from schoolgate.doors.encrypted_doors import LOOK_EVERY_S as LOOK_AT_CERTIFICATE_EVERY_S
from schoolgate.doors.encrypted_doors import EncryptedDoors
from schoolgate.doors.open_doors import door_settings
from schoolgate.doors.tcp_door import TcpDoor
from schoolgate.errors import SchoolgateError
from schoolgate.policy.calendar_file import CalendarFile
from schoolgate.privacy.pseudonyms import PseudonymKey
from schoolgate.resolver import forwarding
from schoolgate.resolver.forwarder_directory import ForwarderDirectory
from schoolgate.resolver.resolver_service import ResolverService
from schoolgate.server import active_state as reading
from schoolgate.server import policy_clock as policy_clock
from schoolgate.server import status
from schoolgate.server.active_state import ActiveState
from schoolgate.server.control_commands import handlers
from schoolgate.server.device_groups import LOOK_EVERY_S as LOOK_AT_GROUPS_EVERY_S
from schoolgate.server.device_groups import DeviceGroups
from schoolgate.server.log_setup import pseudonym_key
from schoolgate.server.policy_clock import PolicyClock, seconds_until
from schoolgate.server.protection import Protection, load_checks, look
from schoolgate.server.running import Change
from schoolgate.storage.applied_settings import write_applied
from schoolgate.telemetry import Logger, ServiceManager

if TYPE_CHECKING:
    from schoolgate.metrics.endpoint import MetricsEndpoint

# Modules that could not be read for want of descriptors.
LOAD_CHECKS_AGAIN_S = 2.0
TICK_S = 1.0
# After a compile that failed, which only a defect or a full machine can cause.
COMPILE_AGAIN_AFTER_S = 10.0
# A laptop changes networks, a server gets its lease late.
LOOK_FOR_RESOLVERS_EVERY_S = 5.0
# The policy's files are looked at; where none has changed this reads nothing.
COMPARE_POLICY_EVERY_S = 60.0
# A key of pseudonyms is replaced within this long after its last day.
LOOK_AT_PSEUDONYM_KEY_EVERY_S = 3600.0
# Objects made while starting live as long as the process: looking at them at every collection is time lost.
GC_THRESHOLDS = (20_000, 20, 50)

_log = Logger("schoolgate")


class Service:
    """One running resolver, around a plane that answers already, by UDP and TCP. `await run()` once."""

    def __init__(
        self,
        whole: ActiveState,
        plane: Plane,
        doors: Doors,
        key: PseudonymKey | None,
        beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self.active = whole
        self.plane = plane
        self.pseudonym_key = key
        self._core_doors = doors
        self._beside = beside
        self.started_at = policy_clock.now()
        self.calendar_file = CalendarFile(whole.settings.server.state_dir)
        self.device_groups = DeviceGroups(plane, whole.settings.server.state_dir)
        self.resolver: ResolverService
        self.door = TcpDoor(doors)
        self.doors = EncryptedDoors(plane, doors, whole.settings)
        self.servers: tuple[SocketAddress, ...] = ()
        self.last_reload: dict[str, Any] | None = None
        self.waits_for_restart: tuple[str, ...] = ()
        self.compile_error: str | None = None
        self.policy_error: str | None = None
        self.settings_not_kept: str | None = None
        self.protection: Protection | None = None
        self.metrics: MetricsEndpoint | None = None
        self.metrics_problem: str | None = None
        self._manager = ServiceManager()
        self._changing = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def listening(self) -> tuple[SocketAddress, ...]:
        """Where it answers, with the real port where 0 was asked for."""
        return tuple(SocketAddress(host, port) for host, port in self.plane.listening())

    # -- start and stop -------------------------------------------------------------------------------------------

    async def run(
        self, on_ready: Callable[[Service], None] = lambda _: None, is_to_end: Callable[[], bool] = lambda: False
    ) -> None:
        """Starts everything, serves until SIGTERM or SIGINT, and ends in the order that lets open questions be
        answered. `is_to_end`: whether one of them came before this could handle it."""
        loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._manager.close)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._stopping.set)
            if is_to_end():
                self._stopping.set()
            await self._start(stack, loop)
            loop.add_signal_handler(signal.SIGHUP, self._reload_by_signal)
            gc.collect()
            gc.freeze()
            gc.set_threshold(*GC_THRESHOLDS)
            gc.enable()
            self._say_ready()
            on_ready(self)
            self._look_at_protection()
            await self._stopping.wait()
            _log.info("stopping")
            self._manager.stopping()
        _log.info("stopped")

    async def _start(self, stack: contextlib.AsyncExitStack, loop: asyncio.AbstractEventLoop) -> None:
        """Pushed in this order so that the doors close first: answers still open there need resolver and plane."""
        settings = self.active.settings
        stack.push_async_callback(asyncio.to_thread, self.plane.stop)
        self._directory = ForwarderDirectory(own={(one.host, one.port) for one in self.listening})
        self.servers = forwarding.default_servers(settings, self.listening)
        routes = forwarding.routes(settings, self.servers, self._directory)
        self.resolver = ResolverService(self.plane, routes, loop, patience=forwarding.patience(settings))
        stack.callback(self.resolver.close)
        stack.push_async_callback(asyncio.to_thread, self._core_doors.stop)
        self.resolver.start()
        # After it: reading a certificate takes time that a question by plain DNS need not wait.
        await self.doors.start(policy_clock.now())
        control = ControlServer(settings.server.control_socket, handlers(self))
        await control.start()
        stack.push_async_callback(control.stop)
        stack.push_async_callback(self._end_tasks)
        await self._start_metrics(stack)
        await self.compare_policy()
        if self.active.settings_problem is None:
            await self._keep_settings()
        self._keep(self._keep_time())
        self._keep(self._keep_policy_compared())
        self._keep(self._keep_forwarders())
        self._keep(self._keep_pseudonym_key())
        self._keep(self._keep_certificate())
        self._keep(self._keep_device_groups())
        self._keep(self._feed_watchdog())
        if self._beside is not None:
            self._keep(self._beside())

    async def _start_metrics(self, stack: contextlib.AsyncExitStack) -> None:
        """A port that cannot be had costs the metrics, not the DNS."""
        address = self.active.settings.metrics.address
        if address is None:
            return
        from schoolgate.metrics.endpoint import MetricsEndpoint, MetricsPortUnusable

        endpoint = MetricsEndpoint(address, lambda: status.status(self), time.monotonic)
        try:
            await endpoint.start()
        except MetricsPortUnusable as error:
            self.metrics_problem = str(error)
            return
        self.metrics = endpoint
        stack.push_async_callback(endpoint.stop)

    def _keep(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(_report_defect)
        return task

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _say_ready(self) -> None:
        whole = self.active
        where = ", ".join(map(str, self.listening))
        self._manager.ready(
            f"answering on {where}; policy {whole.revision.number}, lists {whole.lists.snapshot.serial}"
        )
        _log.info(
            "ready",
            listening=where,
            policy_revision=whole.revision.number,
            lists_serial=whole.lists.snapshot.serial,
            names=whole.lists.snapshot.entries,
            forwarders=", ".join(map(str, self.servers)) or "none",
        )
        for problem in status.problems(self):
            _log.warning("look at this", problem=problem)
        for warning in (*whole.ground.warnings, *whole.policy.compiled.warnings):
            _log.warning("policy", warning=str(warning))

    # -- changes --------------------------------------------------------------------------------------------------

    async def change(self, change: Change) -> ActiveState:
        """Makes the new whole in a thread, then puts it in force. When `change` raises, nothing has happened."""
        async with self._changing:
            old = self.active
            new = await asyncio.to_thread(change, old, policy_clock.now())
            snapshot = new.lists.snapshot if new.lists is not old.lists else None
            table = new.policy.table if new.policy is not old.policy else None
            sealed = new.sealed.sealed if new.sealed is not None and not _same_sealed(new, old) else None
            if snapshot is not None or table is not None or sealed is not None:
                await asyncio.to_thread(self.plane.install, snapshot, table, sealed)
            self.active = new
            if new.settings is not old.settings:
                self._install_settings(new.settings)
            if not _protects_alike(new, old):
                self._look_at_protection()
            return new

    async def _keep_settings(self) -> None:
        """What a later start falls back on."""
        whole = self.active
        state_dir = whole.settings.server.state_dir
        try:
            await asyncio.to_thread(write_applied, state_dir, whole.config, whole.settings_text, policy_clock.now())
            self.settings_not_kept = None
        except OSError as error:
            self.settings_not_kept = f"the settings in force cannot be kept in {state_dir}: {error.strerror}"

    def _install_settings(self, settings: Settings) -> None:
        self.servers = forwarding.default_servers(settings, self.listening)
        self._install_routes(settings)
        self._core_doors.install_limits(door_settings(settings, ()))

    def _install_routes(self, settings: Settings) -> None:
        routes = forwarding.routes(settings, self.servers, self._directory)
        self.resolver.install(routes, forwarding.patience(settings))

    async def reload(self, *, is_loss_accepted: bool = False) -> dict[str, Any]:
        """Reads configuration, policy and lists anew. What is broken keeps all of what is in force, and so does a
        configuration that lost sections, unless `is_loss_accepted`."""
        self._manager.reloading()
        outcome: dict[str, Any] = {"at": policy_clock.now().isoformat(timespec="seconds"), "ok": True, "error": None}
        try:
            before = self.active.settings
            whole = await self.change(partial(reading.read_anew, is_loss_accepted=is_loss_accepted))
            await self._keep_settings()
            await self.doors.install(whole.settings, policy_clock.now())
            outcome |= await asyncio.to_thread(self._what_changed, before, whole)
        except SchoolgateError as error:
            outcome |= {"ok": False, "error": str(error)}
            _log.error("reload refused; everything stays as it was", error=str(error))
            raise
        finally:
            self.last_reload = outcome
            if not self._stopping.is_set():
                self._say_ready()
        return outcome

    def _what_changed(self, before: Settings, whole: ActiveState) -> dict[str, Any]:
        found = changes(before, on_this_machine(load(whole.config)))
        self.waits_for_restart = tuple(path for path, restart in found if restart and not path.startswith("policy."))
        return {
            "changed": [path for path, restart in found if not restart],
            "waits_for_restart": list(self.waits_for_restart),
            "policy_revision": whole.revision.number,
            "lists_serial": whole.lists.snapshot.serial,
            "warnings": [str(one) for one in (*whole.ground.warnings, *whole.policy.compiled.warnings)],
            "problems": list(whole.problems),
        }

    def _look_at_protection(self) -> None:
        """Afterwards and beside: DNS waits for none of it. What is new is logged."""

        async def look_and_say() -> None:
            await self._load_checks()
            whole = self.active
            found = await asyncio.to_thread(look, whole, policy_clock.now())
            if not _protects_alike(whole, self.active):
                return  # a later look is under way
            known = self.protection.diagnostics if self.protection is not None else ()
            self.protection = found
            for problem in found.diagnostics:
                if problem not in known:
                    _log.warning("look at this", problem=str(problem))

        task = self._keep(look_and_say())
        task.add_done_callback(self._tasks.discard)

    async def _load_checks(self) -> None:
        """Tries until it can: a module cannot be read while there are no descriptors."""
        while True:
            try:
                async with self._changing:  # reading a change loads modules too
                    return await asyncio.to_thread(load_checks)
            except OSError as error:
                _log.warning("what lists protect is not known yet", problem=str(error))
            await asyncio.sleep(LOAD_CHECKS_AGAIN_S)

    def _reload_by_signal(self) -> None:
        async def quietly() -> None:
            with contextlib.suppress(SchoolgateError):  # logged, and in `status`
                await self.reload()

        task = self._keep(quietly())
        task.add_done_callback(self._tasks.discard)

    # -- what goes on by itself -----------------------------------------------------------------------------------

    async def _keep_time(self) -> None:
        """Puts the policy of the hour in force. The hot path never looks at the clock."""
        clock = PolicyClock(policy_clock.now(), time.monotonic())
        again_at_s = 0.0
        while True:
            await asyncio.sleep(seconds_until(policy_clock.now(), self.active.policy.next_boundary, TICK_S))
            reason = clock.reason_to_compile(policy_clock.now(), time.monotonic(), self.active.policy.next_boundary)
            change = reading.at_instant
            if self.calendar_file.current() != self.active.ground.calendar:
                reason, change = "the school's calendar changed", reading.with_calendar
            if reason is None and self.compile_error is not None:
                reason = "the last compile failed"
            if reason is None or time.monotonic() < again_at_s:
                continue
            try:
                # Bound to no name: until the next hour this would keep lists in memory that were replaced.
                await self.change(change)
                self.compile_error = None
                clock.compiled(time.monotonic())
                in_force = self.active.policy.policies_in_force()
                _log.info("policies of the hour", reason=reason, in_force=in_force)
            except SchoolgateError as error:
                self.compile_error = str(error)
                again_at_s = time.monotonic() + COMPILE_AGAIN_AFTER_S
                _log.error("policies of the hour not compiled; those in force stay", error=str(error))

    async def _keep_policy_compared(self) -> None:
        while True:
            await asyncio.sleep(COMPARE_POLICY_EVERY_S)
            await self.compare_policy()

    async def compare_policy(self) -> None:
        """Compares the policy in force with the active file and the database, and mends what can be mended."""
        before = self.active
        try:
            whole = await self.change(reading.with_policy_compared)
            self.policy_error = None
        except SchoolgateError as error:
            if self.policy_error is None:
                _log.error("policy_not_usable", error=str(error))
            self.policy_error = str(error)
            return
        for problem in whole.problems:
            if problem not in before.problems:
                _log.error("policy_files", problem=problem)
        if whole.revision.number != before.revision.number:
            _log.info("policy in force", revision=whole.revision.number, who=whole.revision.who, why=whole.revision.why)

    async def _keep_forwarders(self) -> None:
        """Follows the machine's own resolvers, where the settings ask for them."""
        while True:
            await asyncio.sleep(LOOK_FOR_RESOLVERS_EVERY_S)
            if "system" not in self.active.settings.forwarders.servers:
                continue
            servers = forwarding.default_servers(self.active.settings, self.listening)
            if servers != self.servers:
                self.servers = servers
                self._install_routes(self.active.settings)
                _log.info("the machine's resolvers changed", forwarders=", ".join(map(str, servers)) or "none")

    async def _keep_pseudonym_key(self) -> None:
        """A new key when the days of the old one are over; that one is kept for the rows under it."""
        while True:
            await asyncio.sleep(LOOK_AT_PSEUDONYM_KEY_EVERY_S)
            await self.renew_pseudonym_key(policy_clock.now())

    async def _keep_certificate(self) -> None:
        """Follows the files of the certificate, and the calendar."""
        while True:
            await asyncio.sleep(LOOK_AT_CERTIFICATE_EVERY_S)
            await self.doors.look(policy_clock.now())

    async def _keep_device_groups(self) -> None:
        """Follows which device has an address, and which group it is in."""
        said: str | None = None
        while True:
            await asyncio.to_thread(self.device_groups.look, self.active.policy, time.time_ns() // 1000)
            if self.device_groups.problem not in (None, said):
                _log.warning("look at this", problem=self.device_groups.problem)
            said = self.device_groups.problem
            await asyncio.sleep(LOOK_AT_GROUPS_EVERY_S)

    async def renew_pseudonym_key(self, now: dt.datetime) -> None:
        """Puts the key of `now` in force, if it is another one than before."""
        found = await asyncio.to_thread(pseudonym_key, self.active.settings, now, self.pseudonym_key)
        if found is None:
            return
        if self.pseudonym_key is None or found.key != self.pseudonym_key.key:
            self.plane.set_pseudonym_key(found.key)
            _log.info("a new key for pseudonyms", key=found.identity)
        self.pseudonym_key = found

    async def _feed_watchdog(self) -> None:
        """A dead worker or a task that ended is for the service manager to mend: no watchdog message goes out then."""
        all_alive = True
        while True:
            counted = orjson.loads(self.plane.stats())
            workers_live = counted["workers_alive"] == counted["workers"] and self.door.is_alive
            if all_alive and not workers_live:
                _log.error("a worker died", alive=counted["workers_alive"], workers=counted["workers"])
            all_alive = workers_live
            if workers_live and not any(task.done() for task in self._tasks):
                self._manager.alive()
            await asyncio.sleep(self._manager.feed_every_s or TICK_S)


def _protects_alike(one: ActiveState, other: ActiveState) -> bool:
    return one.settings is other.settings and one.lists is other.lists and one.revision is other.revision


def _same_sealed(new: ActiveState, old: ActiveState) -> bool:
    return old.sealed is not None and new.sealed is not None and new.sealed.sealed is old.sealed.sealed


def _report_defect(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("a task ended by a defect", exc_info=error)
