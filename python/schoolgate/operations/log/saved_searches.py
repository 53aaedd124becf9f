"""A person's own searches of the query log, by name: keep one, list them, remove one."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qsl

from pydantic import Field

from schoolgate.governance.errors import NoSuchRecord, RecordRefused
from schoolgate.governance.saved_search import KEPT, MOST_SAVED, REMOVED, SavedSearch
from schoolgate.operations.governance.record_entry import Number, entry_of
from schoolgate.operations.registry import looks, records
from schoolgate.operations.work import Work

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncConnection

    from schoolgate.governance.record_store import Record
    from schoolgate.storage.store import Store

Name = Annotated[str, Field(max_length=80)]
Query = Annotated[str, Field(max_length=2000)]


@dataclass(frozen=True)
class SearchSaved:
    """`query`: the address of the search, behind its question mark."""

    number: int
    name: str
    query: str


@looks("log.saved")
async def saved(work: Work) -> tuple[SearchSaved, ...]:
    """The caller's own searches, by name."""
    store = await work.store()
    async with store.reading() as connection:
        found = await _own(connection, store, work)
    return tuple(sorted((_shown(one) for one in found), key=lambda one: one.name.casefold()))


@records("log.save_search")
async def save_search(work: Work, name: Name, query: Query = "") -> SearchSaved:
    """Keeps a search under a name; another one of that name is replaced.

    Raises `RecordRefused`: it has no name, or as many are kept as a person may have.
    """
    from schoolgate.governance import record_store

    wanted = " ".join(name.split())
    if not wanted:
        raise RecordRefused("give the search a name, such as: games on Fridays")
    fields = SavedSearch(name=wanted, query=query)
    store = await work.store()
    async with store.change() as change:
        own = await _own(change.connection, store, work)
        same = next((one for one in own if one.fields.name.casefold() == wanted.casefold()), None)
        entry = entry_of(work, "log.save_search")
        if same is not None:
            return _shown(await record_store.update(change, same, fields, entry))
        if len(own) >= MOST_SAVED:
            raise RecordRefused(f"you keep {MOST_SAVED} searches already; remove one first")
        return _shown(await record_store.add(change, fields, entry, state=KEPT, subject=work.actor.id))


@records("log.remove_search")
async def remove_search(work: Work, number: Number) -> SearchSaved:
    """Removes a search of the caller's own; what it asked for is kept no longer. Raises `NoSuchRecord`."""
    from schoolgate.governance import record_store

    store = await work.store()
    async with store.change() as change:
        own = await _own(change.connection, store, work)
        found = next((one for one in own if one.number == number), None)
        if found is None:
            raise NoSuchRecord(f"you keep no search {number}")
        await record_store.update(change, found, SavedSearch(), entry_of(work, "log.remove_search"), state=REMOVED)
    return _shown(found)


async def erase_from_searches(work: Work, texts: Collection[str]) -> int:
    """Removes the searches of all people that name a client by one of these texts; how many there were."""
    from schoolgate.governance import record_store

    store, wanted = await work.store(), set(texts)
    async with store.reading() as connection:
        if not await _naming(connection, store.site_id, wanted):
            return 0
    async with store.change() as change:
        found = await _naming(change.connection, store.site_id, wanted)
        for one in found:
            await record_store.update(change, one, SavedSearch(), entry_of(work, "log.erase"), state=REMOVED)
    return len(found)


async def _naming(connection: AsyncConnection, site_id: UUID, texts: set[str]) -> list[Record[SavedSearch]]:
    from schoolgate.governance import record_store

    most = await record_store.count(connection, site_id, SavedSearch, states=(KEPT,))
    kept = await record_store.listed(connection, site_id, SavedSearch, states=(KEPT,), most=most)
    return [one for one in kept if _names(one.fields, texts)]


def _names(fields: SavedSearch, texts: set[str]) -> bool:
    """Whether its address has one as a value, or its name as a word."""
    values = [value for _, value in parse_qsl(fields.query)]
    return any(_canonical(one) in texts for one in (*values, *fields.name.split()))


def _canonical(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return text.strip()


async def _own(connection: AsyncConnection, store: Store, work: Work) -> list[Record[SavedSearch]]:
    from schoolgate.governance import record_store

    return await record_store.listed(
        connection, store.site_id, SavedSearch, states=(KEPT,), subject=work.actor.id, most=MOST_SAVED
    )


def _shown(one: Record[SavedSearch]) -> SearchSaved:
    return SearchSaved(one.number, one.fields.name, one.fields.query)
