"""What other processes of this machine may have the running service do or say, over the control socket.

Nothing here waits for a file or a compile on the event loop; a change that fails has changed nothing.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson

from schoolgate._core import log_pseudonym
from schoolgate.control.server import Arguments, Handler
from schoolgate.errors import SchoolgateError
from schoolgate.sealed.selftest import SelfTestFailed, clients_of, from_each_segment
from schoolgate.sealed.selftest_rows import AnnouncedRow, announce
from schoolgate.server import active_state as reading
from schoolgate.server.running import RunningServer
from schoolgate.server.status import status
from schoolgate.telemetry import LEVELS, Logger, set_level

_log = Logger("schoolgate")


class NoSuchLevel(SchoolgateError):
    """Logs have no such level."""


class QuestionUnreadable(SchoolgateError):
    """What `explain` was asked is no question."""


def handlers(service: RunningServer) -> dict[str, Handler]:
    """By command."""
    return {command: partial(handler, service) for command, handler in _HANDLERS.items()}


async def _status(service: RunningServer, _arguments: Arguments) -> dict[str, Any]:
    return status(service)


async def _reload(service: RunningServer, arguments: Arguments) -> dict[str, Any]:
    return await service.reload(is_loss_accepted=arguments.get("accept") is True)


async def _policy_changed(service: RunningServer, _arguments: Arguments) -> dict[str, Any]:
    whole = await service.change(reading.with_policy)
    _log.info("policy in force", revision=whole.revision.number, who=whole.revision.who, why=whole.revision.why)
    return {"policy_revision": whole.revision.number, "in_force": whole.policy.policies_in_force()}


async def _lists_changed(service: RunningServer, _arguments: Arguments) -> dict[str, Any]:
    whole = await service.change(reading.with_lists)
    _log.info("lists in force", serial=whole.lists.snapshot.serial, names=whole.lists.snapshot.entries)
    return {"lists_serial": whole.lists.snapshot.serial}


async def _sealed_changed(service: RunningServer, _arguments: Arguments) -> dict[str, Any]:
    whole = await service.change(reading.with_sealed)
    serials = whole.sealed.serials if whole.sealed is not None else {}
    _log.info("sealed lists in force", serials=serials)
    return {"serials": serials}


async def _sealed_selftest(service: RunningServer, _arguments: Arguments) -> dict[str, Any]:
    segments = orjson.loads(service.active.policy.compiled.description)["segments"]
    sealed, own, asked = service.active.sealed, service.listening[0], []
    if sealed is not None:
        # Asked as a device would ask, so it stands in the query log: announced, or people would get an alarm.
        await asyncio.to_thread(_announce, service, clients_of(service.plane, segments, own))
        asked = from_each_segment(service.plane, segments, own)
    return {
        "serials": sealed.serials if sealed is not None else {},
        "segments": asked,
        "listening": [str(one) for one in service.listening],
    }


def _announce(service: RunningServer, clients: list[str]) -> None:
    key, now_us = service.pseudonym_key, time.time_ns() // 1000
    texts = [client if key is None else log_pseudonym(key.key, client) for client in clients]
    rows = [AnnouncedRow(secrets.token_hex(8), (text,), "tcp", now_us) for text in texts]
    try:
        announce(service.active.settings.server.state_dir, rows)
    except OSError as error:
        raise SelfTestFailed(f"the self-test cannot be announced ({error.strerror}); nothing was asked") from error


async def _explain(service: RunningServer, arguments: Arguments) -> Any:
    listening = service.listening[0]
    try:
        explained = service.plane.explain(
            str(arguments["name"]),
            int(arguments.get("type", 1)),
            str(arguments.get("client", "127.0.0.1")),
            str(arguments.get("local", listening.host)),
            int(arguments.get("local_port", listening.port)),
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise QuestionUnreadable(f"{error}; ask for a name, a type's number and IP addresses") from error
    return orjson.loads(explained) | {
        "policy_revision": service.active.revision.number,
        "lists_serial": service.active.lists.snapshot.serial,
    }


async def _log_level(service: RunningServer, arguments: Arguments) -> dict[str, str]:
    level = arguments.get("level")
    if level not in LEVELS:
        raise NoSuchLevel(f"there is no level {level!r}; use one of: {', '.join(LEVELS)}")
    set_level(str(level))
    return {"level": str(level)}


_HANDLERS: dict[str, Callable[[RunningServer, Arguments], Awaitable[Any]]] = {
    "status": _status,
    "explain": _explain,
    "reload": _reload,
    "policy-changed": _policy_changed,
    "lists-changed": _lists_changed,
    "sealed-changed": _sealed_changed,
    "sealed-selftest": _sealed_selftest,
    "log-level": _log_level,
}
