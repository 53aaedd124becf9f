"""The book of devices: those with a name, those that were seen, and what is known of one of them.

It says which devices there are, and nothing of what they asked for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from schoolgate.config import Settings
from schoolgate.governance.device_record import DeviceRecord, devices_of, every_device
from schoolgate.governance.record_store import Record
from schoolgate.identity.attribution import Attribution, SeenDevice, Span
from schoolgate.identity.binding import Binding
from schoolgate.identity.binding_table import EMPTY, BindingTable
from schoolgate.identity.bindings_file import read_bindings, read_status
from schoolgate.identity.device_key import MAC, duid_key, is_key, is_randomised, mac_key
from schoolgate.operations import rights
from schoolgate.operations.errors import OperationProblem
from schoolgate.operations.registry import Personal, looks, sees
from schoolgate.operations.work import Work
from schoolgate.storage.checked_file import CheckedFileDamaged

Which = Literal["all", "named", "unnamed", "here", "lost"]
MOST_A_PAGE = 500
MOST_SPANS = 200
LONGEST_TEXT = 300
Device = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
_NUMBERS = re.compile(r"(\d+)")


class NoSuchDevice(OperationProblem):
    """No device is known by these words, or several are."""


@dataclass(frozen=True)
class KnownDevice:
    """One device. `device` is its key; `addresses`: those of now, with the source that says so and since when. Times in
    microseconds since 1970. `is_randomised`: it made its hardware address up, and may have another one tomorrow."""

    device: str
    name: str
    host_name: str | None
    groups: tuple[str, ...]
    is_lost: bool
    names_person: bool
    is_randomised: bool
    addresses: tuple[str, ...]
    source: str | None
    since_us: int | None
    last_us: int | None


@dataclass(frozen=True)
class DeviceBook:
    """A page; `matching`: on all pages. `groups`: of all devices. `problems`: why devices may be missing."""

    devices: tuple[KnownDevice, ...]
    matching: int
    named: int
    unnamed: int
    groups: tuple[str, ...]
    has_sources: bool
    problems: tuple[str, ...]

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"devices": len(self.devices)}


@dataclass(frozen=True)
class SourceNow:
    """How a source of device names is. `read_us`: when it was read last."""

    name: str
    kind: str
    read_us: int | None
    leases: int
    odd: int
    problem: str | None


@dataclass(frozen=True)
class Sources:
    """What says which device has an address. `disputed`: addresses that two devices claim; `crowded`: devices with too
    many addresses to be one."""

    is_wanted: bool
    is_alive: bool
    sources: tuple[SourceNow, ...]
    bindings: int
    disputed: int
    crowded: int
    problems: tuple[str, ...]


@dataclass(frozen=True)
class DeviceEntry:
    """One device, and when it had which address, as the log knows it, newest first; none for who sees no identities.

    `needs_reason`: the name says who has it, so these are said for a reason alone."""

    known: KnownDevice
    spans: tuple[Span, ...]
    needs_reason: bool = False

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"spans": len(self.spans)}


@sees("device.book")
async def book(
    work: Work,
    text: Annotated[str, Field(max_length=LONGEST_TEXT), Personal] = "",
    group: Annotated[str, Field(max_length=40)] = "",
    which: Which = "all",
    most: Annotated[int, Field(ge=1, le=MOST_A_PAGE)] = 25,
    skip: Annotated[int, Field(ge=0, le=1_000_000)] = 0,
) -> DeviceBook:
    """Devices that have a name or were seen, by name. `text`: a part of a name, of a hardware or a present address."""
    records = await read_records(work)
    # Thousands are put in order: not in the loop that answers everybody.
    return await asyncio.to_thread(_page, work.settings, records, text, group, which, most, skip)


def _page(
    settings: Settings, records: Mapping[str, Record[DeviceRecord]], text: str, group: str, which: Which, most: int,
    skip: int,
) -> DeviceBook:  # fmt: skip
    seen, table, problems = seen_and_bound(settings)
    devices = known_devices(records, seen, table)
    wanted = text.strip().casefold()
    found = sorted(
        (one for one in devices if _is_of(one, which) and (not group or group in one.groups) and _has(one, wanted)),
        key=_order,
    )
    named = sum(1 for one in devices if one.name)
    groups = sorted({name for one in devices for name in one.groups}, key=str.casefold)
    return DeviceBook(
        tuple(found[skip : skip + most]), len(found), named, len(devices) - named, tuple(groups),
        bool(settings.identity.sources), problems,
    )  # fmt: skip


@sees("device.entry")
async def entry(
    work: Work,
    device: Annotated[Device, Personal],
    reason: Annotated[str, Field(max_length=2_000), Personal] = "",
) -> DeviceEntry:
    """One device by its hardware address or its name, with the addresses it had. Raises `NoSuchDevice`.

    `reason`: why these are needed, where the name says who has the device."""
    written = written_key(device)
    records = await read_records(work, None if written is None else [written])
    seen, table, _ = await asyncio.to_thread(seen_and_bound, work.settings)
    devices = {one.device: one for one in known_devices(records, seen, table)}
    known = devices[key_of(device, devices.values())]
    if not rights.sees_identities(work.actor.roles, "device.entry"):
        return DeviceEntry(known, ())
    if known.names_person and not reason.strip():
        return DeviceEntry(known, (), needs_reason=True)
    return DeviceEntry(known, await asyncio.to_thread(_spans, work.settings, known.device))


@looks("device.sources")
def sources(work: Work) -> Sources:
    """Whether what says which device has an address works."""
    status = read_status(work.settings.server.state_dir)
    is_wanted, is_alive = bool(work.settings.identity.sources), status.is_alive(work.now_us)
    problems = list(status.problems) if is_wanted else []
    if is_wanted and not is_alive:
        problems.append("nothing reads which device has an address; start `schoolgate identity`")
    shown = tuple(SourceNow(o.name, o.kind, o.read_us, o.leases, o.odd, o.problem) for o in status.sources)
    return Sources(
        is_wanted, is_alive, shown, status.bindings, status.disputed, status.crowded, tuple(problems)
    )  # fmt: skip


def key_of(text: str, devices: Iterable[KnownDevice]) -> str:
    """The key of the one device of this hardware address or name. Raises `NoSuchDevice`."""
    words, written = text.strip(), written_key(text)
    every = list(devices)
    if written is not None and any(one.device == written for one in every):
        return written
    found = [one.device for one in every if one.name and one.name.casefold() == words.casefold()]
    if len(found) > 1:
        raise NoSuchDevice(f"{len(found)} devices have this name; write the hardware address of one: {found[0]}")
    if not found:
        raise NoSuchDevice("no device is known by these words; write its hardware address, or its whole name")
    return found[0]


def written_key(text: str) -> str | None:
    """The key that a text is, in any notation; None where it is none, and may be a name."""
    words = text.strip()
    return words if is_key(words) else mac_key(words) or duid_key(words.removeprefix("duid:"))


def known_devices(
    records: Mapping[str, Record[DeviceRecord]], seen: Mapping[str, SeenDevice], table: BindingTable
) -> list[KnownDevice]:
    """Each device once: of the records, of the past, of now."""
    now: dict[str, list[Binding]] = {}
    for binding in table.bindings.values():
        now.setdefault(binding.device, []).append(binding)
    return [_known(key, records.get(key), seen.get(key), now.get(key, [])) for key in {*records, *seen, *now}]


def seen_and_bound(settings: Settings) -> tuple[dict[str, SeenDevice], BindingTable, tuple[str, ...]]:
    """Devices of the past and of now, and what could not be read."""
    folder = settings.server.state_dir
    problems: list[str] = []
    table, seen = EMPTY, dict[str, SeenDevice]()
    try:
        table = read_bindings(folder)
    except CheckedFileDamaged as error:
        problems.append(str(error))
    attribution = Attribution.existing(folder)
    if attribution is not None:
        with attribution:
            seen = attribution.devices()
    return seen, table, tuple(problems)


def _known(
    key: str, record: Record[DeviceRecord] | None, seen: SeenDevice | None, now: list[Binding]
) -> KnownDevice:  # fmt: skip
    fields = DeviceRecord(key=key) if record is None else record.fields
    named = next((one.host_name for one in now if one.host_name), None)
    best = max(now, key=lambda one: one.confidence, default=None)
    return KnownDevice(
        device=key,
        name=fields.name,
        host_name=named or (seen.host_name if seen else None),
        groups=fields.groups,
        is_lost=fields.is_lost,
        names_person=fields.names_person,
        is_randomised=is_randomised(key),
        addresses=tuple(sorted(one.address for one in now)),
        source=best.source if best else None,
        since_us=best.since_us if best else None,
        last_us=None if seen is None else seen.last_us,
    )


def _is_of(one: KnownDevice, which: Which) -> bool:
    return {
        "all": True, "named": bool(one.name), "unnamed": not one.name, "here": bool(one.addresses), "lost": one.is_lost
    }[which]  # fmt: skip


def _has(one: KnownDevice, wanted: str) -> bool:
    if not wanted:
        return True
    texts = (one.name, one.host_name or "", one.device.removeprefix(MAC), *one.addresses)
    return any(wanted in text.casefold() for text in texts) or mac_key(wanted) == one.device


def _order(one: KnownDevice) -> tuple[Any, ...]:
    """By name, "iPad 2" before "iPad 12"; those without a name after, the last seen first."""
    parts = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _NUMBERS.split(one.name.casefold())]
    return (not one.name, parts, -(one.since_us or one.last_us or 0), one.device)


def _spans(settings: Settings, device: str) -> tuple[Span, ...]:
    attribution = Attribution.existing(settings.server.state_dir)
    if attribution is None:
        return ()
    with attribution:
        return attribution.spans_of_device(device, MOST_SPANS)


async def read_records(work: Work, keys: Collection[str] | None = None) -> dict[str, Record[DeviceRecord]]:
    """What people wrote of these devices, or of all."""
    store = await work.store()
    async with store.reading() as connection:
        if keys is None:
            return await every_device(connection, store.site_id)
        return await devices_of(connection, store.site_id, keys)
