"""Why an operation was not done."""

from __future__ import annotations

from schoolgate.errors import SchoolgateError


class OperationProblem(SchoolgateError):
    """The root of these."""


class NotPermitted(OperationProblem):
    """None of the actor's roles has the right."""


class FactorNeeded(OperationProblem):
    """It needs a second factor that was given within five minutes."""


class SignInUnfinished(OperationProblem):
    """The session may only take the next step of its sign-in."""


class NoSuchOperation(OperationProblem):
    """No operation has this name."""


class ArgumentsRefused(OperationProblem):
    """Arguments are missing, unknown, or of another kind. `reasons`: each mistake."""

    exit_code = 2

    def __init__(self, message: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.reasons = reasons


class NotRecorded(OperationProblem):
    """The audit log takes no entry, so nothing was done."""


class DoneNotRecorded(OperationProblem):
    """It was done, and only its begin is in the audit log."""
