"""Why a page cannot be shown as it was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schoolgate.errors import SchoolgateError
from schoolgate.operations.socket_messages import OperationRefused


class ConsoleProblem(SchoolgateError):
    """The root of the console's own problems."""


class ConsoleUnusable(ConsoleProblem):
    """The console cannot start: its address, its certificate or its assets."""


class ControlNotRunning(ConsoleProblem):
    """No control process answers on the operations socket."""


class ControlWentAway(ControlNotRunning):
    """The control process took the call and gave no answer: whether it was done is in the audit log."""


class ControlBusy(ConsoleProblem):
    """More calls wait for the control process than may wait."""


class SessionEnded(OperationRefused):
    """The session is unknown, signed out, or too old."""


class FactorNeeded(OperationRefused):
    """The operation needs a second factor that was given within five minutes."""


class SignInUnfinished(OperationRefused):
    """The sign-in waits for its next step."""


class RightMissing(OperationRefused):
    """None of the account's roles has the right."""


class FormRefused(OperationRefused):
    """What a screen can say beside its form; the refusals above are no matter of a form and have pages of their own."""


class AttemptRefused(FormRefused):
    """A name, a password, a code or a token is wrong, or there were too many attempts; which is not said."""


class PasswordUnfit(FormRefused):
    """A new password breaks rules; `reasons` names each."""

    reasons: tuple[str, ...] = ()


_KINDS: dict[str, type[OperationRefused]] = {
    "SessionEnded": SessionEnded,
    "FactorNeeded": FactorNeeded,
    "NotPermitted": RightMissing,
    "SignInUnfinished": SignInUnfinished,
    "SignInRefused": AttemptRefused,
    "TokenRefused": AttemptRefused,
    "ApiTokenRefused": AttemptRefused,
    "ScopeMissing": AttemptRefused,
    "FactorRefused": AttemptRefused,
    "PasswordRefused": PasswordUnfit,
}


def refusal(error: Mapping[str, Any]) -> OperationRefused:
    """The refusal of the control process as an error of its kind."""
    kind = str(error["type"])
    found = _KINDS.get(kind, FormRefused)(str(error["message"]), kind, int(error["exit_code"]))
    if isinstance(found, PasswordUnfit):
        found.reasons = tuple(map(str, error.get("reasons", ()))) or (str(error["message"]),)
    else:
        found.mistakes = tuple(map(str, error.get("reasons", ())))
    found.retry_after_us = int(error.get("retry_after_us", 0))
    return found
