"""An operation for the command line: by the control process where one runs, else in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from schoolgate.accounts.roles import Role
from schoolgate.config import Settings, load
from schoolgate.control.client import NotRunning
from schoolgate.operations.actor import this_user
from schoolgate.operations.hosting import HeldByAnother, hosted
from schoolgate.operations.socket_client import call
from schoolgate.operations.system_clock import SystemClock
from schoolgate.operations.work import Said

# Another command of this machine has the store for the time of one operation; a control process that starts, for less.
PATIENCE_S = 20.0
_AGAIN_S = 0.1


def ask(config: Path | None, name: str, say: Callable[[Said], None], /, **arguments: Any) -> Any:
    """The result of an operation. Raises `OperationRefused` or what the operation raises, and `HeldByAnother`."""
    settings = load(config)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return call(settings.server.operations_socket, name, arguments, say)
        except NotRunning:
            pass
        try:
            return asyncio.run(_here(config, settings, name, arguments, say))
        except HeldByAnother:
            if time.monotonic() > deadline:
                raise
        time.sleep(_AGAIN_S)


async def _here(
    config: Path | None, settings: Settings, name: str, arguments: Mapping[str, Any], say: Callable[[Said], None]
) -> Any:
    actor = this_user(map(Role, settings.operations.local_roles))
    async with hosted(config, settings, SystemClock()) as operations:
        return await operations.call(actor, name, arguments, say)
