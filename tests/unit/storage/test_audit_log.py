"""The audit log in its database, on SQLite and PostgreSQL: appends, proofs, checkpoints, erasure, epochs, attempts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.storage.opened import NOON_US, event, fill, opened, sql

from schoolgate.audit.errors import AuditProblem, EntryRefused, KeyUnusable
from schoolgate.audit.event import Event, Outcome
from schoolgate.audit.merkle import consistency_holds, inclusion_holds, leaf_hash, root_of
from schoolgate.audit.own_entries import ATTEMPTS, ERASE
from schoolgate.audit.tampering import Kind, Verification
from schoolgate.audit.verify import verify
from schoolgate.storage import audit_log, audit_reading
from schoolgate.storage.audit_reading import EntryMissing
from schoolgate.storage.failed_attempts import Attempts
from schoolgate.storage.store import Store

Where = Path | str
DAY_US = 86_400_000_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NEXT = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


async def _lines(store: Store, *, has_personal: bool = True) -> list[bytes]:
    return [line async for lines in audit_reading.export(store, has_personal=has_personal) for line in lines]


async def _checkpoint(store: Store, key: Ed25519PrivateKey = KEY) -> str:
    async with store.change() as change:
        return await audit_log.checkpoint(change, key, NOON_US, "local:root")


async def _verified(store: Store, *outside: str) -> Verification:
    return verify(await _lines(store), outside)


async def test_entries_are_numbered_and_hashed_as_they_are_exported(where: Where) -> None:
    async with await opened(where) as store:
        async with store.change() as change:
            made = [await audit_log.append(change, event(at=at)) for at in range(5)]
        entries = [line for line in await _lines(store) if not line.startswith(b'{"_":')]
    assert [one.number for one in made] == [0, 1, 2, 3, 4]
    assert [one.hash for one in made] == [leaf_hash(line) for line in entries]
    assert [orjson.loads(line)["id"] for line in entries] == [str(one.entry_id) for one in made]


async def test_every_proof_of_a_log_that_grew_holds(where: Where) -> None:
    """Sizes around 256, 512 and 768, where nodes are stored."""
    async with await opened(where) as store:
        await fill(store, 255)
        await _proofs_hold(store, (0, 100))
        for more in (1, 257, 300):
            await fill(store, more)
            await _proofs_hold(store, (1, 255))


async def _proofs_hold(store: Store, numbers: tuple[int, ...]) -> None:
    leaves = [leaf_hash(line) for line in await _lines(store) if not line.startswith(b'{"_":')]
    size, root = len(leaves), root_of(leaves)
    for number in {*numbers, size - 1, size // 2}:
        proof = await audit_reading.inclusion(store, number)
        assert (proof.size, proof.root) == (size, root)
        assert inclusion_holds(leaves[number], number, size, proof.hashes, root)
    for old in {*numbers, size - 1, size} - {0}:
        head, proven = await audit_reading.consistency(store, old)
        assert consistency_holds(old, root_of(leaves[:old]), head.size, root, proven)


async def test_what_is_not_there_has_no_proof(where: Where) -> None:
    async with await opened(where) as store:
        await fill(store, 2)
        for ask in (
            audit_reading.inclusion(store, 2),
            audit_reading.consistency(store, 3),
            audit_reading.entry(store, 2),
        ):
            with pytest.raises(EntryMissing):
                await ask


async def test_a_proof_over_a_hole_is_refused(tmp_path: Path) -> None:
    async with await opened(tmp_path / "control.db") as store:
        await fill(store, 10)
        sql(tmp_path / "control.db", "DELETE FROM audit_entry WHERE number = 3")
        with pytest.raises(AuditProblem, match="not whole"):
            await audit_reading.inclusion(store, 9)


async def test_an_entry_refused_changes_nothing(where: Where) -> None:
    async with await opened(where) as store:
        with pytest.raises(EntryRefused):
            async with store.change() as change:
                await audit_log.append(change, Event(NOON_US, "local:root", "x", detail={"share": 0.5}))
        assert await audit_reading.count(store) == 0


async def test_the_newest_entries_are_found_by_their_fields(where: Where) -> None:
    async with await opened(where) as store:
        async with store.change() as change:
            for at in range(6):
                await audit_log.append(change, event(actor=f"local:{'ab'[at % 2]}", at=at))
        found = await audit_reading.newest(store, 2, actor="local:a")
    assert [one.number for one in found] == [4, 2]


# Clock


async def test_a_clock_back_a_day_is_recorded_and_the_order_stays(where: Where) -> None:
    async with await opened(where) as store:
        for at_us in (NOON_US, NOON_US - DAY_US, NOON_US):
            async with store.change() as change:
                await audit_log.append(change, event(at_us))
        found = await audit_reading.newest(store, 3)
        assert [one.fields.get("clock_back_us") for one in found] == [None, DAY_US, None]
        verified = await _verified(store, await _checkpoint(store))
    assert verified.exit_code == 0
    assert any("clock was set back" in one for one in verified.notices)


# Personal values


async def test_erasing_a_person_leaves_every_proof_valid(where: Where) -> None:
    async with await opened(where) as store:
        async with store.change() as change:
            for client in ("10.1.20.50", "10.1.20.51", "10.1.20.50"):
                await audit_log.append(change, Event(NOON_US, "local:root", "log.search", personal={"client": client}))
        note = await _checkpoint(store)
        assert (await audit_reading.entry(store, 0)).personal == {"client": "10.1.20.50"}
        async with store.change() as change:
            erased = await audit_log.erase_personal(change, ["client"], "10.1.20.50", event(operation="log.erase"))
        await store.forget_old_pages()
        assert erased == 2
        assert (await audit_reading.entry(store, 0)).personal == {"client": None}
        assert (await audit_reading.entry(store, 1)).personal == {"client": "10.1.20.51"}
        newest = (await audit_reading.newest(store, 1))[0].fields
        assert (newest["operation"], newest["detail"]["erased"]) == (ERASE, 2)
        assert (await _verified(store, note)).exit_code == 0
        assert b"10.1.20.50" not in b"".join(await _lines(store))


async def test_an_erased_value_is_not_in_the_file(tmp_path: Path) -> None:
    path, client = tmp_path / "control.db", "fd00:beef::1234"
    async with await opened(path) as store:
        async with store.change() as change:
            await audit_log.append(change, Event(NOON_US, "local:root", "log.search", personal={"client": client}))
        await store.forget_old_pages()
        assert client.encode() in path.read_bytes(), "it was there"
        async with store.change() as change:
            await audit_log.erase_personal(change, ["client"], client, event())
        await store.forget_old_pages()
        for file in tmp_path.iterdir():
            assert client.encode() not in file.read_bytes(), file.name


async def test_a_personal_value_that_was_changed_is_found(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    async with await opened(path) as store:
        async with store.change() as change:
            await audit_log.append(change, Event(NOON_US, "local:root", "log.search", personal={"client": "a"}))
        sql(path, "UPDATE audit_personal SET value = 'b'")
        assert [one.kind for one in (await _verified(store)).problems] == [Kind.edit]
        assert (await audit_reading.entry(store, 0)).personal == {"client": None}


async def test_an_export_without_personal_values_is_verified_all_the_same(where: Where) -> None:
    async with await opened(where) as store:
        async with store.change() as change:
            await audit_log.append(change, Event(NOON_US, "local:root", "log.search", personal={"client": "10.9.8.7"}))
        note = await _checkpoint(store)
        lines = await _lines(store, has_personal=False)
    assert b"10.9.8.7" not in b"".join(lines)
    assert verify(lines, [note]).exit_code == 0


# Checkpoints and keys


async def test_a_checkpoint_names_its_key_first_and_is_not_repeated(where: Where) -> None:
    async with await opened(where) as store:
        await fill(store, 3)
        first = await _checkpoint(store)
        assert await _checkpoint(store) == first
        assert first.split("\n")[1] == "4"
        await fill(store, 1)
        assert (await _checkpoint(store)).split("\n")[1] == "5"
        assert (await _verified(store, first)).exit_code == 0


async def test_another_key_signs_nothing(where: Where) -> None:
    async with await opened(where) as store:
        await _checkpoint(store)
        with pytest.raises(KeyUnusable):
            await _checkpoint(store, NEXT)


async def test_a_rotation_is_signed_by_both_keys_and_followed_from_either(where: Where) -> None:
    public = [key.public_key().public_bytes_raw() for key in (KEY, NEXT)]
    async with await opened(where) as store:
        before = await _checkpoint(store)
        async with store.change() as change:
            between = await audit_log.rotate_key(change, KEY, NEXT, NOON_US, "local:root")
        await fill(store, 1)
        after = await _checkpoint(store, NEXT)
        assert between.count("\n— ") == 2
        lines = await _lines(store)
    for keys in ([], public[:1], public[1:]):
        assert verify(lines, [before, between, after], keys).exit_code == 0


async def test_a_replaced_key_signs_no_more(where: Where) -> None:
    async with await opened(where) as store:
        await _checkpoint(store)
        async with store.change() as change:
            await audit_log.rotate_key(change, KEY, NEXT, NOON_US, "local:root")
        await fill(store, 1)
        right = await _checkpoint(store, NEXT)
        from schoolgate.audit.note import parse_checkpoint, signed

        read = parse_checkpoint(right).checkpoint
        wrong = signed(read.text(), read.origin, KEY)
        found = await _verified(store, wrong)
    assert [one.kind for one in found.problems] == [Kind.signature]


# Epochs


async def test_a_restore_begins_an_epoch_that_embeds_the_old_head(where: Where) -> None:
    async with await opened(where) as store:
        await fill(store, 5)
        note = await _checkpoint(store)
        async with store.change() as change:
            await audit_log.start_epoch(change, event(operation="backup.restore"))
        await fill(store, 2)
        later = await _checkpoint(store)
        found = await _verified(store, note, later)
    assert (found.exit_code, found.epochs, found.anchors, found.entries) == (0, 2, 2, 9)


async def test_entries_that_a_restore_lost_are_a_truncation_unless_it_declares_them(tmp_path: Path) -> None:
    found = {}
    for is_declared in (False, True):
        path = tmp_path / f"{is_declared}.db"
        async with await opened(path) as store:
            await fill(store, 5)
            await _checkpoint(store)
            backup = path.read_bytes() if await store.forget_old_pages() is None else b""
            await fill(store, 4)
            lost = await _checkpoint(store)
        path.write_bytes(backup)
        async with await opened(path) as store:
            async with store.change() as change:
                await audit_log.start_epoch(change, event(), lost if is_declared else None)
            found[is_declared] = await _verified(store, lost)
    assert [(one.kind, one.first, one.last) for one in found[False].problems] == [(Kind.truncation, 6, 9)]
    assert found[True].problems == ()
    assert any("entries 6 to 9 of epoch 1 were lost in a restore" in one for one in found[True].notices)


async def test_an_epoch_with_a_new_key_needs_a_key_from_elsewhere(where: Where) -> None:
    public = [key.public_key().public_bytes_raw() for key in (KEY, NEXT)]
    async with await opened(where) as store:
        await _checkpoint(store)
        async with store.change() as change:
            await audit_log.replace_lost_key(change, NEXT, event())
        note = await _checkpoint(store, NEXT)
        lines = await _lines(store)
    assert verify(lines, [note]).exit_code == 1
    assert verify(lines, [note], public).exit_code == 0


# Tampering with the database


AT = "FROM audit_entry WHERE number = 100"
MOVE = "UPDATE audit_entry SET number = {} WHERE number = {}"


@pytest.mark.parametrize(
    ("kind", "statements"),
    [
        (Kind.removal, [f"DELETE {AT}"]),
        (
            Kind.insertion,
            [
                "UPDATE audit_entry SET number = number + 1000 WHERE number >= 100",
                "INSERT INTO audit_entry SELECT lower(hex(randomblob(16))), site_id, epoch, 500, entry, hash"
                " FROM audit_entry WHERE number = 50",
            ],
        ),
        (Kind.edit, ["UPDATE audit_entry SET entry = replace(entry, ':root', ':eve') WHERE number = 100"]),
        (Kind.reordering, [MOVE.format(999, 100), MOVE.format(100, 200), MOVE.format(200, 999)]),
        (Kind.truncation, ["DELETE FROM audit_entry WHERE number >= 250"]),
    ],
)
async def test_tampering_with_the_database_is_named(tmp_path: Path, kind: Kind, statements: list[str]) -> None:
    path = tmp_path / "control.db"
    async with await opened(path) as store:
        await fill(store, 300)
        note = await _checkpoint(store)
        sql(path, *statements)
        found = await _verified(store, note)
    assert [one.kind for one in found.problems] == [kind]
    assert found.exit_code == 1


# Attempts


async def test_a_flood_of_attempts_is_one_entry_and_one_count(where: Where) -> None:
    async with await opened(where) as store:
        attempts = Attempts(store)
        refused = Event(NOON_US, "account:7", "log.reveal", outcome=Outcome.refused)
        for at in range(500):
            await attempts.record(Event(NOON_US + at, "account:7", "log.reveal", outcome=Outcome.refused))
        assert await audit_reading.count(store) == 1
        await attempts.flush()
        newest, first = await audit_reading.newest(store, 9)
    assert (first.fields["operation"], first.fields["outcome"]) == (refused.operation, "refused")
    assert newest.fields["operation"] == ATTEMPTS
    assert newest.fields["detail"] == {
        "operation": "log.reveal",
        "count": 499,
        "first_us": NOON_US,
        "last_us": NOON_US + 499,
    }


async def test_a_new_minute_writes_the_counts_of_the_last(where: Where) -> None:
    async with await opened(where) as store:
        attempts = Attempts(store)
        for at_us in (NOON_US, NOON_US + 1, NOON_US + 60_000_000):
            await attempts.record(Event(at_us, "account:7", "log.reveal", outcome=Outcome.refused))
        found = [one.fields["operation"] for one in await audit_reading.newest(store, 9)]
    assert found == ["log.reveal", ATTEMPTS, "log.reveal"]


async def test_attempts_of_two_minutes_that_come_mixed_begin_no_minute_anew(where: Where) -> None:
    """As they do about a full minute, when many are under way at once."""
    async with await opened(where) as store:
        attempts = Attempts(store)
        for at in range(40):
            at_us = NOON_US + (60_000_000 if at % 2 else 0)
            await attempts.record(Event(at_us, "account:7", "log.reveal", outcome=Outcome.refused))
        await attempts.flush()
        found = await audit_reading.newest(store, 99)
    assert [one.fields["operation"] for one in found] == [ATTEMPTS, "log.reveal", "log.reveal"]
    assert found[0].fields["detail"]["last_us"] == NOON_US + 60_000_000


async def test_invented_actors_fill_neither_memory_nor_log(tmp_path: Path) -> None:
    async with await opened(tmp_path / "control.db") as store:
        attempts = Attempts(store, most_kinds=8)
        for at in range(8 + 40):
            await attempts.record(Event(NOON_US, f"account:{at}", "sign-in", outcome=Outcome.failed))
        await attempts.flush()
        assert await audit_reading.count(store) == 8 + 2
        newest = (await audit_reading.newest(store, 1))[0].fields
    assert (newest["actor"], newest["detail"]["count"]) == ("others", 39)


async def test_counts_that_cannot_be_written_are_kept(tmp_path: Path) -> None:
    async with await opened(tmp_path / "control.db", patience_s=0.05) as store:
        attempts = Attempts(store)
        for at in range(3):
            await attempts.record(Event(NOON_US + at, "account:7", "sign-in", outcome=Outcome.failed))
        async with await opened(tmp_path / "control.db") as other, other.change() as held:
            await audit_log.append(held, event())
            with pytest.raises(Exception, match="another process holds"):
                await attempts.flush()
        await attempts.flush()
        assert (await audit_reading.newest(store, 1))[0].fields["detail"]["count"] == 2


async def test_appends_of_many_tasks_stand_in_one_line(where: Where) -> None:
    async with await opened(where) as store:

        async def some() -> None:
            for _ in range(5):
                async with store.change() as change:
                    await audit_log.append(change, event())

        await asyncio.gather(*(some() for _ in range(6)))
        found = await _verified(store, await _checkpoint(store))
    assert (found.exit_code, found.entries) == (0, 31)
