"""Which device a row of the log was of: by its client and its time, for who sees identities, and on record.

A name that says who has the device is not shown beside a row: that takes a reveal, with a reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schoolgate.config import Settings
from schoolgate.governance.device_record import DeviceRecord
from schoolgate.governance.record_store import Record
from schoolgate.identity.attribution import Attribution, Span
from schoolgate.operations.devices.device_behind import DeviceBehind
from schoolgate.operations.devices.device_book import read_records
from schoolgate.operations.registry import Personal, sees
from schoolgate.operations.work import Work
from schoolgate.querylog.log_query import BadQuery
from schoolgate.querylog.pseudonym import is_pseudonym, keys_of_log, known_as

MOST_ASKED = 500


class AskedRow(BaseModel):
    """A client as the log shows it, and the time of the row."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    client: Annotated[str, Field(max_length=64)]
    at: AwareDatetime


@dataclass(frozen=True)
class DeviceName:
    """The device behind a row. `name` is None where it says who has the device. `since_us`: since when it had the
    address, as `source` says; `is_lease`: a DHCP server gave it out, and it was not only seen."""

    client: str
    at_us: int
    name: str | None
    groups: tuple[str, ...]
    is_lost: bool
    source: str
    is_lease: bool
    since_us: int


@dataclass(frozen=True)
class DeviceNames:
    """Of those rows that have a device with a name; the others stay as they are."""

    names: tuple[DeviceName, ...]

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"named": len(self.names)}


@sees("device.names")
async def names(
    work: Work, asked: Annotated[tuple[AskedRow, ...], Field(max_length=MOST_ASKED), Personal]
) -> DeviceNames:
    """The names that the school gave to the devices behind rows of the log. Raises `BadQuery`."""
    rows = [(one.client, int(one.at.timestamp() * 1_000_000)) for one in asked]
    spans = await asyncio.to_thread(_spans_at, work.settings, rows)
    if not spans:
        return DeviceNames(())
    stored = await read_records(work, {one.device for one in spans.values()})
    found = (_named(client, at_us, span, stored) for (client, at_us), span in spans.items())
    return DeviceNames(tuple(one for one in found if one is not None))


def devices_behind(
    settings: Settings, clients: Sequence[str], stored: Mapping[str, Record[DeviceRecord]], now_us: int
) -> tuple[DeviceBehind, ...]:
    """Every device that had one of these clients' addresses, newest first; for a reveal, which is on record."""
    attribution = Attribution.existing(settings.server.state_dir)
    if attribution is None:
        return ()
    with attribution:
        found = attribution.spans_of_clients(clients, 0, now_us)
        seen = attribution.devices()
    spans = sorted((span for some in found.values() for span in some), key=lambda one: one.since_us, reverse=True)
    return tuple(
        DeviceBehind(
            one.device,
            stored[one.device].fields.name if one.device in stored else "",
            seen[one.device].host_name if one.device in seen else None,
            one.source,
            one.since_us,
            min(one.until_us, now_us),
        )
        for one in spans
    )


def _spans_at(settings: Settings, rows: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Span]:
    """The span of each row that has one."""
    attribution = Attribution.existing(settings.server.state_dir)
    wanted = list(rows)
    if attribution is None or not wanted:
        return {}
    texts = {client: _texts_of(settings, client) for client in {client for client, _ in wanted}}
    first, last = min(at_us for _, at_us in wanted), max(at_us for _, at_us in wanted)
    with attribution:
        every = {text for some in texts.values() for text in some}
        spans = attribution.spans_of_clients(every, first, last + 1)
    found = {}
    for client, at_us in wanted:
        held = (one for text in texts[client] for one in spans.get(text, ()) if one.since_us <= at_us < one.until_us)
        if (span := next(held, None)) is not None:
            found[client, at_us] = span
    return found


def _texts_of(settings: Settings, client: str) -> list[str]:
    """Under which texts the client may be known. What is no client has none."""
    if is_pseudonym(client):
        return [client]
    try:
        return known_as(client, keys_of_log(settings.server.state_dir / "log").keys)
    except BadQuery:
        return []


def _named(
    client: str, at_us: int, span: Span, stored: Mapping[str, Record[DeviceRecord]]
) -> DeviceName | None:  # fmt: skip
    record = stored.get(span.device)
    if record is None or not record.fields.name:
        return None
    fields = record.fields
    name = None if fields.names_person else fields.name
    is_lease = span.confidence > 1
    return DeviceName(client, at_us, name, fields.groups, fields.is_lost, span.source, is_lease, span.since_us)
