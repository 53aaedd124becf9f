"""`schoolgate serve`, from nothing to the first answer, and on until the end.

A school without DNS is a school without internet, so whatever no answer needs comes after the plane answers: the
event loop, and all that runs in it. Sealed lists, lists and policy come before: nothing is answered unfiltered. TCP is
answered when UDP is; what comes to the encrypted doors waits in the kernel for their certificate.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import resource
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from schoolgate._core import Doors, Plane
from schoolgate.config import InputRefused, Settings, on_this_machine
from schoolgate.doors.open_doors import open_doors
from schoolgate.errors import SchoolgateError
from schoolgate.privacy.pseudonyms import PseudonymKey
from schoolgate.sealed.memory import keep_private
from schoolgate.server import active_state as in_force
from schoolgate.server import log_setup as recording
from schoolgate.server import policy_clock as policy_clock
from schoolgate.server.active_state import ActiveState
from schoolgate.storage import state_dir
from schoolgate.storage.applied_settings import FoundSettings, fall_back_from, find_settings
from schoolgate.telemetry import Logger, ServiceManager

if TYPE_CHECKING:
    import asyncio

    from schoolgate.server.service import Service

MOST_DESCRIPTORS = 65536
# On a core that both want, the plane's threads go first: they need no other thread, what waits for us waits anyway.
LOOP_NICENESS = 5

_log = Logger("schoolgate")


def serve(
    config: Path | None,
    on_ready: Callable[[Service], None] = lambda _: None,
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT; `beside` goes on as long. Raises a `SchoolgateError` when it cannot start; then
    nothing is left running."""
    found = _on_this_machine(find_settings(config))
    settings = found.settings
    # Until we can reload, a reload must not end us.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    state_dir.prepare(settings.server.state_dir)
    with state_dir.held(settings.server.state_dir):
        _keep_memory_private_and_descriptors_many()
        now = policy_clock.now()
        whole = _whole(config, found, now)
        key = recording.pseudonym_key(whole.settings, now)
        plane = _plane(whole, key)
        end = _noted_until_the_loop_handles_them()
        with _answering(plane, whole.settings) as doors:
            service = _service(whole, plane, doors, key, beside)
            # What is in force will be another; this function, which does not end, must not keep the first in memory.
            del whole
            _run(service, on_ready, end.is_set)


def _lists_are_built(step: str) -> None:
    """Called step by step where a start finds no lists that it can read. The service manager is to be patient."""
    _log.info("lists", step=step)
    with contextlib.closing(ServiceManager()) as manager:
        manager.starting_takes_long()


def _whole(config: Path | None, found: FoundSettings, now: dt.datetime) -> ActiveState:
    """What the settings lead to; what those of last time lead to, where these name what cannot be used."""
    try:
        return _started(config, found, now)
    except InputRefused as error:
        last = fall_back_from(found, config, error)
        if last is None:
            raise
        try:
            return _started(config, _on_this_machine(last), now)
        except SchoolgateError:
            raise error from None


def _started(config: Path | None, found: FoundSettings, now: dt.datetime) -> ActiveState:
    whole = in_force.at_start(config, found.settings, now, _lists_are_built)
    if found.problem is not None:
        _log.error("settings_not_usable", problem=found.problem)
    return replace(whole, settings_text=found.text, settings_problem=found.problem)


def _on_this_machine(found: FoundSettings) -> FoundSettings:
    settings = on_this_machine(found.settings)
    if settings is not found.settings:
        _log.warning("this machine has no IPv6; queries are answered over IPv4 only")
    return replace(found, settings=settings)


def _keep_memory_private_and_descriptors_many() -> None:
    """Memory holds who asked for what: no core file. Each TCP client and each question under way is a descriptor."""
    keep_private()
    with contextlib.suppress(OSError, ValueError):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _plane(whole: ActiveState, key: PseudonymKey | None) -> Plane:
    server, cache = whole.settings.server, whole.settings.cache
    crash_dir = server.state_dir / "crashes"
    with contextlib.suppress(OSError):  # only packets that made a worker panic would be missing
        crash_dir.mkdir(mode=0o700, exist_ok=True)
    settings = {
        "listen": [str(one) for one in server.listen],
        "workers": server.workers,
        "door_threads": whole.settings.doors.threads,
        "has_encrypted_doors": _has_encrypted_doors(whole),
        "cache_octets": cache.size_mib << 20,
        "min_ttl_s": cache.min_ttl_s,
        "max_ttl_s": cache.max_ttl_s,
        "max_negative_ttl_s": cache.max_negative_ttl_s,
        "stale_for_s": cache.stale_for_s,
        "prefetch": cache.prefetch,
        "crash_dir": os.fspath(crash_dir),
        "query_log": recording.query_log(whole.settings, key),
    }
    sealed = whole.sealed.sealed if whole.sealed is not None else None
    return Plane(orjson.dumps(settings), whole.lists.snapshot, whole.policy.table, sealed)


def _has_encrypted_doors(whole: ActiveState) -> bool:
    return bool(whole.settings.dot_addresses or whole.settings.doh_addresses)


@contextmanager
def _answering(plane: Plane, settings: Settings) -> Iterator[Doors]:
    """The plane answers UDP, its doors TCP. What has to be asked of a forwarder waits for the loop, which alone knows
    whom to ask. Given the settings alone: this function goes on as long as the process, and would keep the first lists
    in memory."""
    doors = open_doors(plane, settings)
    plane.start()
    try:
        # The threads of the doors give way to the plane's too: clients by TCP cannot make those by UDP wait.
        _yield_to_workers()
        doors.start()
        yield doors
    finally:
        doors.stop()
        plane.stop()


def _noted_until_the_loop_handles_them() -> threading.Event:
    """What the plane has recorded must not be lost, so nothing ends by an exception between two instructions: one
    raised in the middle of an import or of a lock may be swallowed, and then the process goes on."""
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: end.set())
    return end


def _yield_to_workers() -> None:
    """Makes this thread, and those it starts, give way to the plane's, which run already. Linux means the calling
    thread by both calls; a sandbox that forbids them costs waiting time, nothing else."""
    with contextlib.suppress(OSError):
        os.nice(LOOP_NICENESS)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _service(
    whole: ActiveState,
    plane: Plane,
    doors: Doors,
    key: PseudonymKey | None,
    beside: Callable[[], Coroutine[Any, Any, None]] | None,
) -> Service:
    """Everything around the plane. Loaded only here: no answer waits for it."""
    from schoolgate.server.service import Service

    return Service(whole, plane, doors, key, beside)


def _run(service: Service, on_ready: Callable[[Service], None], is_to_end: Callable[[], bool]) -> None:
    import asyncio

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(service.run(on_ready, is_to_end))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        from asyncio import new_event_loop

        return new_event_loop
    return uvloop.new_event_loop
