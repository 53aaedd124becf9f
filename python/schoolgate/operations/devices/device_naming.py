"""What people write about devices: name, groups, lost; and forgetting one with all the addresses it had."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from pydantic import Field

from schoolgate.alerts.alert_store import AlertRefused, told_held
from schoolgate.config import Settings
from schoolgate.governance.device_record import (
    FORGOTTEN,
    KNOWN,
    MOST_GROUPS,
    DeviceName,
    DeviceRecord,
    GroupName,
    device_of,
    refuse_full,
)
from schoolgate.identity.attribution import Attribution
from schoolgate.identity.binding_table import EMPTY
from schoolgate.operations.devices.device_book import (
    Device,
    KnownDevice,
    key_of,
    known_devices,
    read_records,
    seen_and_bound,
    written_key,
)
from schoolgate.operations.devices.published_groups import publish
from schoolgate.operations.governance.record_entry import entry_of
from schoolgate.operations.log.log_access import alerts_of, require_reason
from schoolgate.operations.registry import Personal, records
from schoolgate.operations.work import Work

Reason = Annotated[str, Field(max_length=2_000)]


@records("device.name")
async def name_it(
    work: Work,
    device: Annotated[Device, Personal],
    name: Annotated[DeviceName, Personal],
    names_person: bool = False,
) -> KnownDevice:
    """Gives a device a name; an empty one takes it away. `names_person`: the name says who has it.

    A device that was not seen yet is named by its hardware address. Raises `NoSuchDevice`, `RecordRefused`."""
    return await _changed(work, "device.name", device, name=name, names_person=names_person and bool(name))


@records("device.group")
async def group_it(
    work: Work,
    device: Annotated[Device, Personal],
    groups: Annotated[tuple[GroupName, ...], Field(max_length=MOST_GROUPS)] = (),
) -> KnownDevice:
    """Says which groups a device is in, such as a trolley or a year: these alone.

    A group that has a policy may tighten that of the network. Raises as `device.name`."""
    known = await _changed(work, "device.group", device, groups=tuple(dict.fromkeys(groups)))
    await publish(await work.store(), work.settings.server.state_dir)
    return known


@records("device.lose")
async def lose(work: Work, device: Annotated[Device, Personal], is_lost: bool = True) -> KnownDevice:
    """Marks a device as lost, or as found again.

    A lost device is in the group `lost`, which may have a policy. Raises as `device.name`."""
    known = await _changed(work, "device.lose", device, is_lost=is_lost)
    await publish(await work.store(), work.settings.server.state_dir)
    return known


@records("device.forget")
async def forget(work: Work, device: Annotated[Device, Personal], reason: Annotated[Reason, Personal]) -> int:
    """Removes what is known of a device: name, groups, and which addresses it had up to now. How many of these.

    Rows of the log stay, and then name no device. Raises `NoSuchDevice`, `BadQuery`; `AlertRefused` where an alert of
    one of its addresses is held."""
    require_reason(reason)
    from schoolgate.governance import record_store

    key = await _key_of(work, device)
    await asyncio.to_thread(_refuse_held, work.settings, key)
    store = await work.store()
    why = _why(work, "device.forget", key, reason=reason)
    async with store.change() as change:
        found = await device_of(change.connection, store.site_id, key)
        if found is None:
            # That it was done is on record all the same.
            await record_store.add(change, DeviceRecord(key=""), why, state=FORGOTTEN)
        else:
            await record_store.update(change, found, DeviceRecord(key=""), why, state=FORGOTTEN, subject="")
    await publish(store, work.settings.server.state_dir)
    return await asyncio.to_thread(_erase, work.settings, key, work.now_us)


async def _changed(work: Work, operation: str, device: str, **fields: Any) -> KnownDevice:
    from schoolgate.governance import record_store

    key = await _key_of(work, device)
    store = await work.store()
    async with store.change() as change:
        found = await device_of(change.connection, store.site_id, key)
        why = _why(work, operation, key)
        if found is None:
            await refuse_full(change.connection, store.site_id)
            made = await record_store.add(change, DeviceRecord(key=key, **fields), why, state=KNOWN, subject=key)
        else:
            new = DeviceRecord.model_validate(found.fields.model_dump() | fields)
            made = await record_store.update(change, found, new, why)
    seen, table, _ = await asyncio.to_thread(seen_and_bound, work.settings)
    return next(one for one in known_devices({key: made}, seen, table) if one.device == key)


async def _key_of(work: Work, device: str) -> str:
    """Of a device that is known; or a hardware address as it is. Raises `NoSuchDevice`."""
    if (key := written_key(device)) is not None:
        return key
    # A name is of a record.
    return key_of(device, known_devices(await read_records(work), {}, EMPTY))


def _why(work: Work, operation: str, key: str, **personal: str) -> Any:
    from schoolgate.governance.record_store import written

    base = entry_of(work, operation)
    return written(operation, base.actor, base.at_us, {**base.personal, "device": key, **personal})


def _refuse_held(settings: Settings, key: str) -> None:
    """Raises `AlertRefused`."""
    attribution = Attribution.existing(settings.server.state_dir)
    if attribution is None:
        return
    with attribution:
        texts = attribution.clients_of_device(key)
    if held := [(one.id, one.hold) for one in alerts_of(settings, texts) if one.hold is not None]:
        raise AlertRefused(told_held(held))


def _erase(settings: Settings, key: str, now_us: int) -> int:
    attribution = Attribution.existing(settings.server.state_dir)
    if attribution is None:
        return 0
    with attribution:
        return attribution.erase_device(key, now_us)
