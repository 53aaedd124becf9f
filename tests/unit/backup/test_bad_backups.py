"""Backups that are cut short, changed, foreign, hostile, of a later version, or for other keys: nothing is put in
place, and the reason is named."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.backup.backed_up import NOW, School
from tests.unit.storage.opened import sql

from schoolgate.backup import encryption, identities, recipients
from schoolgate.backup.archive import read_archive
from schoolgate.backup.errors import BackupDamaged, BackupLater, BackupProblem, RestoreRefused, WrongKey
from schoolgate.storage.errors import StoreLater

Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture(scope="module")
def backup(made_school: School, tmp_path_factory: pytest.TempPathFactory) -> tuple[School, bytes]:
    """A school with a backup, and its octets."""
    import shutil

    school = School(tmp_path_factory.mktemp("bad"))
    shutil.copytree(made_school.state, school.state)
    shutil.copyfile(made_school.identity, school.identity)
    school.create()
    return school, school.backups()[0].read_bytes()


def members(school: School, octets: bytes) -> Members:
    """What is inside."""
    plain = io.BytesIO()
    encryption.decrypt(io.BytesIO(octets), plain, identities.read_identities(school.identity, lambda: ""))
    plain.seek(0)
    with tarfile.open(fileobj=plain) as tar:
        return [(one, file.read() if (file := tar.extractfile(one)) is not None else b"") for one in tar]


def sealed(school: School, found: Members) -> bytes:
    """The same, encrypted to the school's key: anyone who knows the public key can do that."""
    plain, secret = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for member, octets in found:
            member.size = len(octets)
            tar.addfile(member, io.BytesIO(octets))
    plain.seek(0)
    keys = recipients.kept_recipients(school.state)
    encryption.encrypt(plain, secret, encryption.recipients_of(keys))
    return secret.getvalue()


def refused(school: School, octets: bytes, place: Path) -> BackupProblem:
    """What a restore says; it leaves nothing behind."""
    with pytest.raises(BackupProblem) as error:
        school.restore(octets, place / "state")
    assert list(place.iterdir()) == []
    return error.value


@settings(max_examples=25)
@given(st.data())
def test_a_backup_that_was_cut_short_anywhere_is_refused(
    backup: tuple[School, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    school, octets = backup
    cut = data.draw(st.integers(0, len(octets) - 1))
    error = refused(school, octets[:cut], tmp_path_factory.mktemp("cut"))
    assert isinstance(error, BackupDamaged)


@settings(max_examples=25)
@given(st.data())
def test_a_changed_octet_anywhere_is_found(
    backup: tuple[School, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    school, octets = backup
    at = data.draw(st.integers(0, len(octets) - 1))
    changed = octets[:at] + bytes([octets[at] ^ data.draw(st.integers(1, 255))]) + octets[at + 1 :]
    assert isinstance(refused(school, changed, tmp_path_factory.mktemp("changed")), (BackupDamaged, WrongKey))


def test_the_wrong_key_is_named(backup: tuple[School, bytes], tmp_path: Path) -> None:
    _, octets = backup
    other = School(tmp_path / "other")
    identities.write_identity(other.identity, identities.make_key(None, NOW), other.state)
    (tmp_path / "place").mkdir()
    error = refused(other, octets, tmp_path / "place")
    assert isinstance(error, WrongKey)
    assert "other keys" in str(error)


def _later_format(found: Members) -> None:
    found[0] = (found[0][0], orjson.dumps({"format": 2, "made_by": "9.0.0"}))


def test_a_backup_of_a_later_version_is_refused_before_anything_is_read(
    backup: tuple[School, bytes], tmp_path: Path
) -> None:
    school, octets = backup
    found = members(school, octets)
    _later_format(found)
    error = refused(school, sealed(school, [*found[:1], *found[5:6]]), tmp_path)
    assert isinstance(error, BackupLater)
    assert "schoolgate 9.0.0" in str(error)


def test_a_store_of_a_later_version_is_backed_up_and_not_restored_by_this_one(school: School, tmp_path: Path) -> None:
    sql(school.state / "control.db", "UPDATE alembic_version SET version_num = '9999'")
    problems = school.create().problems
    assert all("a later schoolgate made this database" in one for one in problems)
    assert problems
    (tmp_path / "place").mkdir()
    with pytest.raises(StoreLater, match="install that version"):
        school.restore(school.backups()[0], tmp_path / "place" / "state")
    assert list((tmp_path / "place").iterdir()) == []


def _link(found: Members) -> None:
    member = tarfile.TarInfo("state/link")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    found.insert(1, (member, b""))


def _device(found: Members) -> None:
    member = tarfile.TarInfo("state/null")
    member.type = tarfile.CHRTYPE
    found.insert(1, (member, b""))


def _named(name: str) -> Callable[[Members], None]:
    def change(found: Members) -> None:
        found.insert(1, (tarfile.TarInfo(name), b"x"))

    return change


def _without(name: str) -> Callable[[Members], None]:
    def change(found: Members) -> None:
        found[:] = [one for one in found if one[0].name != name]

    return change


def _exchanged(found: Members) -> None:
    at = next(at for at, one in enumerate(found) if one[0].name == "state/feeds.toml")
    found[at] = (found[at][0], b"[feeds]x")


def _twice(found: Members) -> None:
    at = next(at for at, one in enumerate(found) if one[0].name == "state/feeds.toml")
    found.insert(at, found[at])


def _after_the_end(found: Members) -> None:
    found.append((tarfile.TarInfo("state/more"), b"x"))


def _nonsense_manifest(found: Members) -> None:
    found[-1] = (found[-1][0], b'{"files": 3}')


@pytest.mark.parametrize(
    "change",
    [
        _link,
        _device,
        _named("state/../../outside"),
        _named("/etc/cron.d/x"),
        _named("etc/passwd"),
        _named("state"),
        _named("state/./feeds.toml"),
        _named("state/one-more"),
        _without("state/policy.db"),
        _without("manifest.json"),
        _without("schoolgate-backup.json"),
        _exchanged,
        _twice,
        _after_the_end,
        _nonsense_manifest,
    ],
)
def test_what_somebody_made_who_knows_the_public_key_is_refused(
    change: Callable[[Members], None], backup: tuple[School, bytes], tmp_path: Path
) -> None:
    school, octets = backup
    found = members(school, octets)
    change(found)
    (tmp_path / "place").mkdir()
    assert isinstance(refused(school, sealed(school, found), tmp_path / "place"), BackupDamaged)


def test_the_same_unchanged_is_restored(backup: tuple[School, bytes], tmp_path: Path) -> None:
    school, octets = backup
    assert school.restore(sealed(school, members(school, octets)), tmp_path / "state").problems == ()


@given(st.binary(max_size=2000))
def test_any_octets_are_no_archive(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    with pytest.raises(BackupDamaged):
        read_archive(io.BytesIO(octets), tmp_path_factory.mktemp("any"))


def test_a_tampered_policy_is_not_put_in_place(school: School, tmp_path: Path) -> None:
    sql(school.state / "policy.db", "DROP TRIGGER revision_is_never_changed", "UPDATE revision SET text = 'other'")
    school.create()
    (tmp_path / "place").mkdir()
    with pytest.raises(BackupDamaged, match="policy of this backup"):
        school.restore(school.backups()[0], tmp_path / "place" / "state")


def test_a_parent_that_cannot_be_written_is_named(school: School) -> None:
    school.create()
    with pytest.raises(RestoreRefused, match="restore as root"):
        school.restore(school.backups()[0], Path("/proc/nowhere/state"))
