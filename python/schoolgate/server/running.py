"""The running server as the status report and the control commands see it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Protocol

from schoolgate._core import Plane
from schoolgate.config import SocketAddress
from schoolgate.privacy.pseudonyms import PseudonymKey
from schoolgate.server.active_state import ActiveState
from schoolgate.server.protection import Protection

Change = Callable[[ActiveState, dt.datetime], ActiveState]


class _Listening(Protocol):
    @property
    def listening(self) -> Any: ...


class _Door(Protocol):
    @property
    def listening(self) -> Any: ...
    def stats(self) -> dict[str, int]: ...


class _Resolver(Protocol):
    def health(self) -> list[dict[str, Any]]: ...
    def stats(self) -> dict[str, Any]: ...


class RunningServer(Protocol):
    """What the event loop knows of itself. Attributes are current when they are read."""

    @property
    def active(self) -> ActiveState: ...
    @property
    def plane(self) -> Plane: ...
    @property
    def listening(self) -> tuple[SocketAddress, ...]: ...
    @property
    def door(self) -> _Door: ...
    @property
    def resolver(self) -> _Resolver: ...
    @property
    def servers(self) -> tuple[SocketAddress, ...]: ...
    @property
    def started_at(self) -> dt.datetime: ...
    @property
    def pseudonym_key(self) -> PseudonymKey | None: ...
    @property
    def metrics(self) -> _Listening | None: ...
    @property
    def metrics_problem(self) -> str | None: ...
    @property
    def compile_error(self) -> str | None: ...
    @property
    def policy_error(self) -> str | None: ...
    @property
    def settings_not_kept(self) -> str | None: ...
    @property
    def protection(self) -> Protection | None: ...
    @property
    def last_reload(self) -> dict[str, Any] | None: ...
    @property
    def waits_for_restart(self) -> tuple[str, ...]: ...

    async def change(self, change: Change) -> ActiveState:
        """Makes a new state in a thread and installs it. When `change` raises, nothing has happened."""

    async def reload(self, *, is_loss_accepted: bool = False) -> dict[str, Any]:
        """Reads configuration, policy and lists again. Raises a `SchoolgateError`; then all stays as it is."""
