"""What the school calls a device: its name, its groups, whether it is lost. Written by people, kept until forgotten.

A name can say who has the device ("iPad of Ada"): such a record says so of itself, and the name then stands beside no
row of the log without a reveal.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.governance import record_store
from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.record_store import Fields, Record

KNOWN, FORGOTTEN = "known", "forgotten"
MOST_DEVICES = 50_000
MOST_GROUPS = 10
_MOST_ONE_BY_ONE = 50
# Nothing that ends a line or turns text round; markup is shown as text everywhere.
_SHOWN = r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]*$"
DeviceName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=80, pattern=_SHOWN)]
GroupName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40, pattern=_SHOWN)]


class DeviceRecord(Fields):
    """`key`: what tells the device from others (`identity/device_key.py`); "" once it was forgotten."""

    KIND: ClassVar[str] = "device"
    key: str = Field(max_length=300)
    name: DeviceName = ""
    groups: Annotated[tuple[GroupName, ...], Field(max_length=MOST_GROUPS)] = ()
    is_lost: bool = False
    names_person: bool = False


async def every_device(connection: AsyncConnection, site_id: UUID) -> dict[str, Record[DeviceRecord]]:
    """Those that are known, by key."""
    found = await record_store.listed(connection, site_id, DeviceRecord, states=[KNOWN], most=MOST_DEVICES)
    return {one.fields.key: one for one in found}


async def devices_of(
    connection: AsyncConnection, site_id: UUID, keys: Collection[str]
) -> dict[str, Record[DeviceRecord]]:  # fmt: skip
    """Those of some keys: a few are looked up one by one, so that a page takes no longer with more devices."""
    if len(keys) > _MOST_ONE_BY_ONE:
        return await every_device(connection, site_id)
    found = [await device_of(connection, site_id, key) for key in sorted(keys)]
    return {one.fields.key: one for one in found if one is not None}


async def device_of(connection: AsyncConnection, site_id: UUID, key: str) -> Record[DeviceRecord] | None:
    """The record of a device, if it has one."""
    found = await record_store.listed(connection, site_id, DeviceRecord, states=[KNOWN], subject=key, most=1)
    return found[0] if found else None


async def refuse_full(connection: AsyncConnection, site_id: UUID) -> None:
    """Raises `RecordRefused`."""
    if await record_store.count(connection, site_id, DeviceRecord, states=[KNOWN]) >= MOST_DEVICES:
        raise RecordRefused(f"{MOST_DEVICES:,} devices have a name here, which is the most; forget some that are gone")
