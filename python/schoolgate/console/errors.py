"""Why a page cannot be shown as it was asked for."""

from __future__ import annotations

from schoolgate.errors import SchoolgateError
from schoolgate.operations.socket_messages import OperationRefused


class ConsoleProblem(SchoolgateError):
    """The root of the console's own problems."""


class ConsoleUnusable(ConsoleProblem):
    """The console cannot start: its address, its certificate or its assets."""


class ControlNotRunning(ConsoleProblem):
    """No control process answers on the operations socket."""


class ControlBusy(ConsoleProblem):
    """More calls wait for the control process than may wait."""


class SessionEnded(OperationRefused):
    """The session is unknown, signed out, or too old."""


class FactorNeeded(OperationRefused):
    """The operation needs a second factor that was given within five minutes."""


class RightMissing(OperationRefused):
    """None of the account's roles has the right."""


_KINDS: dict[str, type[OperationRefused]] = {
    "SessionEnded": SessionEnded,
    "FactorNeeded": FactorNeeded,
    "NotPermitted": RightMissing,
}


# What a page of its own answers: a screen that shows refusals beside its form lets these through.
NOT_OF_THE_FORM = (SessionEnded, FactorNeeded, RightMissing)


def refusal(message: str, kind: str, exit_code: int) -> OperationRefused:
    """The refusal of the control process as an error of its kind."""
    return _KINDS.get(kind, OperationRefused)(message, kind, exit_code)
