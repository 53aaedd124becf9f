"""What an operation is given besides its arguments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from schoolgate.config import Settings
from schoolgate.config.diagnostics import Diagnostic
from schoolgate.operations.actor import Actor
from schoolgate.operations.caller import Caller

if TYPE_CHECKING:
    from schoolgate.accounts.administration import Administration
    from schoolgate.accounts.sessions import Session
    from schoolgate.operations.accounts.account_services import AccountServices
    from schoolgate.storage.store import Store


@dataclass(frozen=True)
class Progress:
    """A step of long work. `done` of `whole`, in the unit of the sentence, such as octets while a list is fetched;
    `whole` is 0 where it is not known. `subject`: what it is about, such as a feed; `step`: a word for programs."""

    sentence: str
    done: int = 0
    whole: int = 0
    subject: str | None = None
    step: str | None = None


Said = Progress | Diagnostic


@dataclass(frozen=True)
class Work:
    """One call. `say` takes what the caller is to see before the result; it never blocks. `store` gives the open store,
    and `accounts` what acts on accounts, to operations that are coroutines. `asks_first`: operations that the caller
    has the right to, and asks for by a change request all the same (openings.py)."""

    caller: Caller
    settings: Settings
    config: Path | None
    now: dt.datetime
    say: Callable[[Said], None]
    store: Callable[[], Awaitable[Store]]
    accounts: Callable[[], Awaitable[AccountServices]]
    asks_first: frozenset[str] = frozenset()

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return self.caller.actor

    @property
    def session(self) -> Session | None:
        """The session of the person who acts; None for a user of this machine and for an API token."""
        return self.caller.session

    @property
    def now_us(self) -> int:
        """`now` in microseconds since 1970."""
        return int(self.now.timestamp() * 1_000_000)

    async def administration(self) -> Administration:
        """What the caller does with accounts of others."""
        return (await self.accounts()).administration(self.actor, self.now_us)
