"""`request.attach` and `request.attachment`: files that belong to a request, such as a letter of the supplier."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from schoolgate.governance import record_store
from schoolgate.governance.attached_file import kind_of, name_of
from schoolgate.governance.change_request import ChangeRequest, State
from schoolgate.governance.errors import NoSuchRecord, RecordRefused
from schoolgate.governance.record_store import Attached
from schoolgate.operations.governance import request_steps as steps
from schoolgate.operations.registry import Bulk, Personal, looks, records
from schoolgate.operations.work import Work

MOST_FILES: Final = 10
MOST_OCTETS: Final = 2 * 1024 * 1024
ADDED: Final = "file added"
_STILL: Final = (State.suggested, State.requested, State.approved, State.applied)


@records("request.attach")
async def attach(
    work: Work,
    number: int,
    name: Annotated[str, Personal, Field(min_length=1, max_length=300)],
    content: Annotated[str, Bulk],
) -> Attached:
    """Keeps a file with a request that is not over: a PDF, a picture or plain text. `content`: base64.

    It is a step of the request, so that a bundle proves it. Raises `NoSuchRecord`, `RecordRefused`.
    """
    try:
        octets = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RecordRefused(f"the file is not sent as base64 ({error})") from None
    if not octets:
        raise RecordRefused("the file is empty")
    if len(octets) > MOST_OCTETS:
        raise RecordRefused(f"a file of a request may have {MOST_OCTETS // 2**20} MiB")
    media_type, ends = kind_of(octets)
    store = await work.store()
    async with store.change() as change:
        found = await steps.found_in(work, change, number)
        steps.refuse_state(found, *_STILL)
        there = await record_store.attachments(change.connection, found)
        if len(there) >= MOST_FILES:
            raise RecordRefused(f"a request may have {MOST_FILES} files")
        steps.refuse_long(found.fields)
        why = steps.entry_of(work, "request.attached")
        kept = await record_store.attach(change, found, name_of(name, ends), media_type, octets, why)
        fields = found.fields.stepped(steps.step(work, ADDED, f"{kept.name}, SHA-256 {kept.sha256}"))
        await steps.wrote(work, change, found, fields, "request.attached")
    return kept


@looks("request.attachment")
async def attachment(work: Work, number: int, file: UUID) -> str:
    """A file of a request, as base64. Raises `NoSuchRecord`."""
    store = await work.store()
    async with store.reading() as connection:
        found = await record_store.get(connection, store.site_id, ChangeRequest, number)
        steps.refuse_stranger(work, found)
        if file not in {one.id for one in await record_store.attachments(connection, found)}:
            raise NoSuchRecord(f"request {number} has no such file")
        return base64.b64encode(
            await record_store.attachment_octets(connection, store.site_id, ChangeRequest, file)
        ).decode()
