"""The file of the signing key."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from schoolgate.audit import keys
from schoolgate.audit.errors import KeyUnusable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.key"


def _public(path: Path) -> bytes:
    return keys.load(path).public_key().public_bytes_raw()


def test_a_key_is_made_once_and_only_its_owner_reads_it(path: Path) -> None:
    made = keys.load_current(path, None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.load_current(path, None).private_bytes_raw() == made.private_bytes_raw()
    with pytest.raises(KeyUnusable, match="a key already"):
        keys.make(path)
    assert [one.name for one in path.parent.iterdir()] == ["audit.key"]


def test_a_key_that_others_can_read_is_refused(path: Path) -> None:
    keys.make(path)
    path.chmod(0o640)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        keys.load(path)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_file_without_a_key_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyUnusable, match="restore it"):
        keys.load(path)


def test_a_lost_key_is_not_replaced_in_silence(path: Path) -> None:
    with pytest.raises(KeyUnusable, match="missing"):
        keys.load_current(path, bytes(32))
    keys.make(path)
    with pytest.raises(KeyUnusable, match="not the key that signs this log"):
        keys.load_current(path, bytes(32))


def test_a_link_in_place_of_the_key_is_refused(path: Path, tmp_path: Path) -> None:
    keys.make(tmp_path / "other.key")
    path.symlink_to(tmp_path / "other.key")
    with pytest.raises(KeyUnusable):
        keys.load(path)


def test_a_rotation_that_was_committed_ends_at_the_next_start(path: Path) -> None:
    keys.make(path)
    new = keys.make(keys.next_path(path)).public_key().public_bytes_raw()
    keys.load_current(path, new)
    assert _public(path) == new
    assert not keys.next_path(path).exists()


def test_a_rotation_that_was_not_committed_leaves_the_old_key(path: Path) -> None:
    old = keys.make(path).public_key().public_bytes_raw()
    keys.make(keys.next_path(path))
    keys.load_current(path, old)
    assert _public(path) == old
    assert not keys.next_path(path).exists()
