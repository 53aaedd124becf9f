"""What the accounts library refuses, by name."""

from __future__ import annotations

from schoolgate.errors import SchoolgateError


class AccountProblem(SchoolgateError):
    """The root of what is refused about accounts."""


class AccountRefused(AccountProblem):
    """An account cannot be made or changed as asked."""


class NoSuchAccount(AccountProblem):
    """No account has this name or identifier."""


class PasswordRefused(AccountProblem):
    """A password breaks a rule. `reasons`: each one in plain words, all at once."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__(f"the password cannot be used: {'; '.join(reasons)}")
        self.reasons = reasons


class BreachFileUnusable(AccountProblem):
    """The file of breached passwords cannot be read or written."""


class SignInRefused(AccountProblem):
    """A sign-in failed. One message for every reason, so that no name is found out.

    `retry_after_us`: how long to wait before another attempt counts; 0 where none is needed.
    """

    def __init__(self, retry_after_us: int = 0) -> None:
        super().__init__(
            "the name, the password or the code is wrong, or there were too many attempts; try again later"
        )
        self.retry_after_us = retry_after_us


class FactorRefused(AccountProblem):
    """A second factor cannot be set up, changed or used as asked."""


class SessionEnded(AccountProblem):
    """The session is over; its holder signs in again. `why`: idle, too old, signed out, disabled, ..."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the session has ended ({why}); sign in again")
        self.why = why


class GrantRefused(AccountProblem):
    """A role cannot be granted, approved or ended as asked."""


class ApprovalRefused(AccountProblem):
    """This account may not approve this request, now or ever."""


class TokenRefused(AccountProblem):
    """A token, link or code is unknown, used up or too old."""


class ApiTokenRefused(TokenRefused):
    """The API token of a request is unknown, revoked or too old, or its account is disabled."""


class ScopeMissing(TokenRefused):
    """The API token of a request is good, and not for this operation."""


class SecretKeyUnusable(AccountProblem):
    """The file of the key that encrypts TOTP secrets is missing, readable by others or damaged."""


class ProviderRefused(AccountProblem):
    """An identity provider gave an answer that is not trusted."""


class DirectoryUnusable(AccountProblem):
    """A directory's list of people is not whole, so no account is disabled by it."""
