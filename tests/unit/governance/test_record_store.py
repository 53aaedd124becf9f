"""Records of governance are kept with their audit entry, changed by version, and found again."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import orjson
import pytest
from sqlalchemy import update
from tests.unit.storage.opened import NOON_US, opened

from schoolgate.governance import record_store as records
from schoolgate.governance.errors import NoSuchRecord, RecordChanged, RecordRefused
from schoolgate.governance.record_store import Fields, Record, written
from schoolgate.storage import audit_reading
from schoolgate.storage.errors import StoreDamaged
from schoolgate.storage.schema import governance_attachment, governance_record
from schoolgate.storage.store import Store

WHO = "account:0190"


class Note(Fields):
    KIND: ClassVar[str] = "note"
    text: str
    tags: tuple[str, ...] = ()


class LaterNote(Note):
    colour: str = "red"


async def made(store: Store, text: str = "a", subject: str = "", due_us: int | None = None) -> Record[Note]:
    async with store.change() as change:
        return await records.add(
            change, Note(text=text), written("note.add", WHO, NOON_US), state="open", subject=subject, due_us=due_us
        )


async def test_a_record_is_read_as_it_was_kept_with_its_audit_entry(where: Path | str) -> None:
    async with await opened(where) as store:
        first = await made(store, "x", subject="example.org", due_us=NOON_US + 5)
        assert (first.number, first.version, first.audit_number) == (1, 1, 0)
        async with store.reading() as connection:
            assert await records.get(connection, store.site_id, Note, 1) == first
        assert await audit_reading.count(store) == 1


async def test_who_changes_an_older_version_is_refused_and_nothing_is_written(where: Path | str) -> None:
    async with await opened(where) as store:
        first = await made(store)
        async with store.change() as change:
            second = await records.update(
                change, first, Note(text="b", tags=("t",)), written("note.change", WHO, NOON_US + 1), state="closed"
            )
        assert (second.version, second.state, second.due_us) == (2, "closed", None)
        with pytest.raises(RecordChanged):
            async with store.change() as change:
                await records.update(change, first, Note(text="c"), written("note.change", WHO, NOON_US + 2))
        async with store.reading() as connection:
            assert await records.get(connection, store.site_id, Note, 1) == second
        assert await audit_reading.count(store) == 2


async def test_records_are_listed_newest_first_by_state_subject_and_due(where: Path | str) -> None:
    async with await opened(where) as store:
        for at in range(5):
            await made(store, str(at), subject=f"s{at % 2}", due_us=NOON_US + at)
        async with store.reading() as connection:

            async def numbers(**given: object) -> list[int]:
                return [one.number for one in await records.listed(connection, store.site_id, Note, **given)]  # type: ignore[arg-type]

            assert await numbers() == [5, 4, 3, 2, 1]
            assert await numbers(subject="s0") == [5, 3, 1]
            assert await numbers(states=["closed"]) == []
            assert await numbers(due_before_us=NOON_US + 2) == [2, 1]
            assert await numbers(before=3, most=1) == [2]
            assert await records.count(connection, store.site_id, Note, due_before_us=NOON_US + 2) == 2
            with pytest.raises(NoSuchRecord):
                await records.get(connection, store.site_id, Note, 6)


async def test_fields_of_a_later_program_are_left_out_and_broken_ones_are_damage(tmp_path: Path) -> None:
    async with await opened(tmp_path / "control.db") as store:
        async with store.change() as change:
            await records.add(change, LaterNote(text="a"), written("note.add", WHO, NOON_US), state="open")
        async with store.reading() as connection:
            assert (await records.get(connection, store.site_id, Note, 1)).fields == Note(text="a")
        async with store.counting() as connection:
            await connection.execute(update(governance_record).values(fields=orjson.dumps({"text": 5}).decode()))
        async with store.reading() as connection:
            with pytest.raises(StoreDamaged, match="note 1"):
                await records.get(connection, store.site_id, Note, 1)


async def test_a_record_that_is_too_long_is_refused_whole(tmp_path: Path) -> None:
    async with await opened(tmp_path / "control.db") as store:
        with pytest.raises(RecordRefused, match="KiB"):
            await made(store, "x" * records.MOST_FIELD_OCTETS)
        assert await audit_reading.count(store) == 0


async def test_an_attached_file_comes_back_or_is_found_damaged(where: Path | str) -> None:
    async with await opened(where) as store:
        first = await made(store)
        why = written("note.attach", WHO, NOON_US)
        async with store.change() as change:
            file = await records.attach(change, first, "a.pdf", "application/pdf", b"octets", why)
        with pytest.raises(RecordRefused, match="8 MiB"):
            async with store.change() as change:
                await records.attach(change, first, "b", "text/plain", bytes(records.MOST_ATTACHMENT_OCTETS + 1), why)
        async with store.reading() as connection:
            assert await records.attachments(connection, first) == [file]
            assert await records.attachment_octets(connection, store.site_id, Note, file.id) == b"octets"
        async with store.counting() as connection:
            await connection.execute(update(governance_attachment).values(octets=b"other"))
        async with store.reading() as connection:
            with pytest.raises(StoreDamaged):
                await records.attachment_octets(connection, store.site_id, Note, file.id)
