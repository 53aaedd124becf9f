"""The state directory has one user and one running service."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from schoolgate.storage.state_dir import AlreadyRunning, StateDirUnusable, held, prepare


def test_it_is_made_for_nobody_else(tmp_path: Path) -> None:
    prepare(tmp_path / "a" / "state")
    assert stat.S_IMODE((tmp_path / "a" / "state").stat().st_mode) & 0o007 == 0


def test_a_place_where_nothing_can_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StateDirUnusable, match="SCHOOLGATE_STATE_DIR"):
        prepare(tmp_path / "file" / "state")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_root_is_told_to_be_the_user_it_belongs_to(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(StateDirUnusable, match=r"runuser -u nobody -- schoolgate policy apply 'my file\.toml'"):
        prepare(tmp_path, ["policy", "apply", "my file.toml"])


def test_only_one_holds_it(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"), held(tmp_path):
        pass
    with held(tmp_path):
        pass


def test_a_lock_left_by_a_killed_process_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text('{"pid": 1, "since": "yesterday"}', encoding="utf-8")
    with held(tmp_path):
        assert str(os.getpid()) in (tmp_path / "lock").read_text(encoding="utf-8")
