"""What keeps every revision. Publishing, comparing and repairing know a store by this alone, whatever lies beneath."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from schoolgate.policy.revision import Revision, Tail


class PolicyStore(Protocol):
    """An append-only chain of revisions; `RevisionStore` says what each method does and raises."""

    @property
    def path(self) -> Path:
        """What messages name."""

    def tail(self, since: int | None = None) -> Tail | None:
        """The revisions from a number on; None where there is none."""

    def show(self, number: int) -> Revision: ...

    def log(self) -> tuple[Revision, ...]: ...

    def verify(self) -> int: ...

    def identify(self, installation: str | None = None) -> str:
        """The identity of the installation; gives it one where it has none."""

    def start_with(self, text: str, *, who: str, why: str, now: dt.datetime) -> Revision: ...

    def apply(self, text: str, *, who: str, why: str, now: dt.datetime, follows: int | None = None) -> Revision: ...

    def rollback(self, number: int, *, who: str, why: str, now: dt.datetime) -> Revision: ...

    def rebuild(
        self, installation: str, before: str, revisions: Iterable[Revision], make_way: Callable[[], None]
    ) -> None: ...

    def files(self) -> tuple[Path, ...]:
        """Every file it consists of."""
