"""Opens stores for tests, at a fixed time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from schoolgate.audit.event import Event
from schoolgate.storage.audit_log import append
from schoolgate.storage.store import Store

NOON_US = 1_800_000_000_000_000


async def opened(where: Path | str, patience_s: float = 10.0) -> Store:
    """The store, made where there is none."""
    return await Store.open(where, now_us=NOON_US, is_owner=True, patience_s=patience_s)


def event(at_us: int = NOON_US, actor: str = "local:root", operation: str = "policy.apply", **detail: int) -> Event:
    return Event(at_us, actor, operation, detail=detail)


async def fill(store: Store, entries: int) -> None:
    """Appends entries, many in one transaction."""
    async with store.change() as change:
        for at in range(entries):
            await append(change, event(NOON_US + at, at=at))


def sql(path: Path, *statements: str) -> None:
    """What root can do to the file."""
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
