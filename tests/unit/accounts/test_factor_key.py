"""The key of TOTP secrets: made once, for its owner only."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from schoolgate.accounts.errors import SecretKeyUnusable
from schoolgate.accounts.factor_key import load_or_make

ACCOUNT = UUID(int=7)


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "accounts.key"
    sealed = load_or_make(path).seal(b"secret", ACCOUNT)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_make(path).open(sealed, ACCOUNT) == b"secret"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("octets", "mode", "reason"), [(b"x" * 32, 0o640, "others can read"), (b"x" * 31, 0o600, "32")]
)
def test_a_key_that_others_read_or_that_is_damaged_is_refused(
    tmp_path: Path, octets: bytes, mode: int, reason: str
) -> None:
    path = tmp_path / "accounts.key"
    path.write_bytes(octets)
    path.chmod(mode)
    with pytest.raises(SecretKeyUnusable, match=reason):
        load_or_make(path)
    assert path.read_bytes() == octets, "nothing was replaced"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretKeyUnusable, match="No such file"):
        load_or_make(tmp_path / "missing" / "accounts.key")
