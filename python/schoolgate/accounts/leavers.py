"""People who left: read from the directory each night, and their accounts disabled here.

A list that is not whole, or empty, disables no account; neither does one that would disable many at once, until a
person accepted it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import aiohttp
from sqlalchemy import select
from yarl import URL

from schoolgate.accounts import account_state
from schoolgate.accounts.errors import DirectoryUnusable, ProviderRefused
from schoolgate.accounts.provider_http import Reply, get_json
from schoolgate.storage.schema import account, oidc_identity
from schoolgate.storage.store import Store

ACTOR = "job:leavers"
# More than these at once wait for a person: a filter of the directory was changed, rather than a school closed.
MOST_AT_ONCE, MOST_PERCENT = 5, 20
MOST_PAGES = 2000
MOST_TRIES, LONGEST_WAIT_S = 5, 60.0

Sleep = Callable[[float], Awaitable[None]]


class Directory(Protocol):
    """Where people are listed. `issuer`: whose identities its identifiers belong to."""

    @property
    def issuer(self) -> str: ...

    async def active_people(self) -> frozenset[str]:
        """The identifiers of everybody who may sign in. Raises `DirectoryUnusable` where the list is not whole."""


@dataclass(frozen=True)
class _Paged:
    """A list in pages over HTTP; `sleep` waits between two tries."""

    http: aiohttp.ClientSession
    token: str
    issuer: str
    base: str
    sleep: Sleep

    async def page(self, address: URL) -> dict[str, Any]:
        """One page; a provider that is busy is asked again, five times. Raises `DirectoryUnusable`."""
        if address.origin() != URL(self.base).origin():
            raise DirectoryUnusable(f"the directory leads to another server ({address.host}); the list was not read on")
        try:
            for _ in range(MOST_TRIES):
                reply = await get_json(self.http, str(address), {"Authorization": f"Bearer {self.token}"})
                if reply.status not in (429, 503):
                    return _page(reply)
                await self.sleep(_wait_s(reply))
        except ProviderRefused as error:
            raise DirectoryUnusable(f"the directory was not read whole: {error}") from error
        raise DirectoryUnusable("the directory was busy for too long; the list was not read whole")


@dataclass(frozen=True)
class GraphDirectory(_Paged):
    """Microsoft Graph: `GET /v1.0/users`, pages by `@odata.nextLink`."""

    async def active_people(self) -> frozenset[str]:
        """Users whose `accountEnabled` is true, by object identifier."""
        address, found = URL(self.base) / "v1.0/users" % {"$select": "id,accountEnabled", "$top": "999"}, set[str]()
        for _ in range(MOST_PAGES):
            page = await self.page(address)
            found |= {_text(one, "id") for one in _people(page, "value") if _flag(one, "accountEnabled")}
            if "@odata.nextLink" not in page:
                return frozenset(found)
            address = URL(_text(page, "@odata.nextLink"), encoded=True)
        raise DirectoryUnusable(f"the directory has more than {MOST_PAGES} pages")


@dataclass(frozen=True)
class GoogleDirectory(_Paged):
    """Google's Admin SDK: `GET /admin/directory/v1/users`, pages by `nextPageToken`."""

    async def active_people(self) -> frozenset[str]:
        """Users who are not `suspended`, by identifier."""
        first = URL(self.base) / "admin/directory/v1/users" % {"customer": "my_customer", "maxResults": "500"}
        address, found = first, set[str]()
        for _ in range(MOST_PAGES):
            page = await self.page(address)
            found |= {_text(one, "id") for one in _people(page, "users") if not _flag(one, "suspended")}
            if "nextPageToken" not in page:
                return frozenset(found)
            address = first.update_query(pageToken=_text(page, "nextPageToken"))
        raise DirectoryUnusable(f"the directory has more than {MOST_PAGES} pages")


async def disable_leavers(store: Store, directory: Directory, *, now_us: int, accepts_many: bool = False) -> list[UUID]:
    """Disables the active accounts whose identity the directory no longer has as active; returns them.

    Raises `DirectoryUnusable`: then no account was changed.
    """
    people = await directory.active_people()
    if not people:
        raise DirectoryUnusable(
            "the directory lists no active person at all; no account was disabled: check its rights"
        )
    rows = oidc_identity.c
    linked = (
        select(rows.account_id, rows.directory_id)
        .join(account, account.c.id == rows.account_id)
        .where(rows.site_id == store.site_id, rows.issuer == directory.issuer, account.c.state == "active")
        .where(rows.directory_id.is_not(None))
    )
    async with store.reading() as connection:
        known = (await connection.execute(linked)).all()
    left = sorted({UUID(str(one.account_id)) for one in known if one.directory_id not in people})
    if len(left) > max(MOST_AT_ONCE, len(known) * MOST_PERCENT // 100) and not accepts_many:
        raise DirectoryUnusable(
            f"the directory lacks {len(left)} of {len(known)} accounts; none was disabled: check it, then accept them"
        )
    if left:
        async with store.change() as change:
            for one in left:
                await account_state.disable(change, one, actor=ACTOR, now_us=now_us, why="left the directory")
    return left


def _page(reply: Reply) -> dict[str, Any]:
    if reply.status != 200 or not isinstance(reply.json, dict) or "error" in reply.json:
        raise DirectoryUnusable(f"the directory refused or broke off (status {reply.status}); the list is not whole")
    return reply.json


def _people(page: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    listed = page.get(name, [] if name == "users" else None)
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise DirectoryUnusable(f"a page of the directory has no list of people ({name}); the list is not whole")
    yield from listed


def _text(one: dict[str, Any], name: str) -> str:
    value = one.get(name)
    if not isinstance(value, str) or not value:
        raise DirectoryUnusable(f"a row of the directory has no {name}; the list is not whole")
    return value


def _flag(one: dict[str, Any], name: str) -> bool:
    value = one.get(name)
    if not isinstance(value, bool):
        raise DirectoryUnusable(f"a row of the directory does not say {name}; ask for it, or give the right to read it")
    return value


def _wait_s(reply: Reply) -> float:
    try:
        return min(LONGEST_WAIT_S, max(0.0, float(reply.retry_after)))
    except ValueError:
        return 5.0
