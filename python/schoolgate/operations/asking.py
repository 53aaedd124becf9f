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
from schoolgate.operations.caller import Credentials
from schoolgate.operations.hosting import HeldByAnother, hosted
from schoolgate.operations.socket_client import call
from schoolgate.operations.system_clock import SystemClock
from schoolgate.operations.work import Said

# Another command of this machine has the store for the time of one operation; a control process that starts, for less.
PATIENCE_S = 20.0
_AGAIN_S = 0.1


def ask(
    config: Path | None, name: str, say: Callable[[Said], None], /, *, as_session: str | None = None, **arguments: Any
) -> Any:
    """The result of an operation. `as_session`: of a person who signed in, "" for the steps of a sign-in; None: for the
    user of this machine. Raises `OperationRefused` or what the operation raises, and `HeldByAnother`."""
    settings = load(config)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return call(settings.server.operations_socket, name, arguments, say, as_session)
        except NotRunning:
            pass
        try:
            return asyncio.run(_here(config, settings, name, arguments, say, as_session))
        except HeldByAnother:
            if time.monotonic() > deadline:
                raise
        time.sleep(_AGAIN_S)


async def _here(
    config: Path | None, settings: Settings, name: str, arguments: Mapping[str, Any], say: Callable[[Said], None],
    session: str | None,
) -> Any:  # fmt: skip
    async with hosted(config, settings, SystemClock()) as operations:
        if session is not None:
            return await operations.call_for(Credentials(session=session), name, arguments, say)
        return await operations.call(this_user(map(Role, settings.operations.local_roles)), name, arguments, say)
