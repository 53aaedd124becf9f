"""The key of the pseudonyms: made once, kept, replaced in time, and never in the way."""

from __future__ import annotations

import datetime as dt
import stat
from pathlib import Path

import orjson
import pytest

from schoolgate.privacy.pseudonyms import FILE, KEY_OCTETS, key_in_force

NOW = dt.datetime(2026, 9, 1, 8, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first, again = key_in_force(tmp_path, 90, NOW), key_in_force(tmp_path, 90, NOW + 89 * DAY)
    assert first == again
    assert len(first.key) == KEY_OCTETS
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / FILE).parent.stat().st_mode) == 0o700


def test_after_its_days_another_takes_its_place(tmp_path: Path) -> None:
    old = key_in_force(tmp_path, 90, NOW)
    new = key_in_force(tmp_path, 90, NOW + 90 * DAY)
    assert new.key != old.key
    assert new.identity != old.identity
    assert new.made_at == NOW + 90 * DAY
    assert old.key.hex() not in (tmp_path / FILE).read_text()


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff", orjson.dumps({"key": "00", "made_at": "2026-09-01T08:00:00+00:00", "id": "a"}),
     orjson.dumps({"key": "00" * 16, "made_at": "2026-09-01T08:00:00", "id": "a"})],
)  # fmt: skip
def test_a_damaged_file_is_replaced(tmp_path: Path, content: bytes) -> None:
    key_in_force(tmp_path, 90, NOW)
    (tmp_path / FILE).write_bytes(content)
    made = key_in_force(tmp_path, 90, NOW)
    assert made.problem is None
    assert key_in_force(tmp_path, 90, NOW) == made


def test_a_key_that_cannot_be_read_is_never_replaced(tmp_path: Path) -> None:
    known = key_in_force(tmp_path, 90, NOW)
    path = tmp_path / FILE
    path.rename(path.with_name("aside"))
    path.mkdir()  # EISDIR stands for EIO and EACCES: those fail for root too
    kept = key_in_force(tmp_path, 90, NOW + DAY, known)
    assert (kept.key, kept.made_at, kept.identity) == (known.key, known.made_at, known.identity)
    assert kept.problem is not None and str(path) in kept.problem
    first = key_in_force(tmp_path, 90, NOW + DAY)
    assert first.key != known.key
    assert first.problem is not None
    path.rmdir()
    path.with_name("aside").rename(path)
    assert key_in_force(tmp_path, 90, NOW + DAY, kept) == known


def test_the_moment_a_key_was_made_is_kept_whole(tmp_path: Path) -> None:
    now = NOW + dt.timedelta(microseconds=987_654)
    assert key_in_force(tmp_path, 90, now) == key_in_force(tmp_path, 90, now + DAY)


def test_where_the_disk_takes_no_key_one_is_used_that_nobody_keeps(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("in the way")
    made = key_in_force(tmp_path, 90, NOW)
    assert len(made.key) == KEY_OCTETS
    assert made.problem is not None
    assert "pseudonym" in made.problem
