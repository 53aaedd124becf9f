"""Who called an operation, and by what it is known: the kernel, a session, or an API token."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from schoolgate.operations.actor import Actor

if TYPE_CHECKING:
    from schoolgate.accounts.sessions import Session

# The actor of a request without a session that is known: the sign-in page asks so.
UNKNOWN = Actor("unknown", "not signed in", frozenset())


class Known(StrEnum):
    """By what a caller is known."""

    machine = "machine"
    session = "session"
    api_token = "api_token"
    setup_token = "setup_token"
    unknown = "unknown"


@dataclass(frozen=True)
class Credentials:
    """What a request brings for a person. None: not given. `session` is empty where that person is not signed in.
    `setup_token`: of the first run, before there is any account.

    `address`, `user_agent`: where the person is, as the console says. They decide no right.
    """

    session: str | None = field(default=None, repr=False)
    api_token: str | None = field(default=None, repr=False)
    address: str = ""
    user_agent: str = ""
    setup_token: str | None = field(default=None, repr=False)

    @property
    def are_given(self) -> bool:
        """Whether the request is for a person, so that the roles of the calling user do not count."""
        return any(one is not None for one in (self.session, self.api_token, self.setup_token))


@dataclass(frozen=True)
class Caller:
    """An actor with what it is known by. `token`: of the session. `subjects`: for which an API token was made."""

    actor: Actor
    known: Known = Known.machine
    session: Session | None = None
    token: str = field(default="", repr=False)
    address: str = ""
    user_agent: str = ""
    subjects: frozenset[str] = frozenset()

    @property
    def is_person(self) -> bool:
        """Whether an account acts, by a session or a token."""
        return self.known in (Known.session, Known.api_token)
