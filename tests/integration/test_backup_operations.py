"""Backups from a screen: made in a process apart, listed with what proves them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.conftest import Start
from tests.integration.serving import Serving

from schoolgate.checks.record import CheckRecord
from schoolgate.operations import asking
from schoolgate.operations.apart import TaskRefused
from schoolgate.operations.backups import BackupMade, BackupsShown, BackupTest


def ask(school: Serving, operation: str, /, **arguments: Any) -> Any:
    return asking.ask(school.config, operation, lambda _: None, **arguments)


def test_a_backup_is_made_listed_and_not_yet_proved(start: Start) -> None:
    school = start(settings='[backup.targets.disk]\nkind = "folder"\nfolder = "copies"\n', is_started=False)
    (school.folder / "copies").mkdir()
    with pytest.raises(TaskRefused, match="backup key"):
        ask(school, "backup.create")
    ask(school, "policy.revisions")
    school.state.mkdir(exist_ok=True)
    run = school.cli("backup", "key", "--out", str(school.folder / "secret.key"))
    assert run.returncode == 0, run.stderr
    made: BackupMade = ask(school, "backup.create")
    assert (made.targets, made.failed) == (("disk",), {})
    found: BackupsShown = ask(school, "backup.list")
    assert [(one.name, one.state) for one in found.backups] == [(made.name, "whole")]
    assert found.last is not None
    assert found.last.name == made.name
    assert found.last_test is None
    assert any("no test restore" in one.sentence for one in found.problems)
    at = "2026-11-30T05:00:00+00:00"
    CheckRecord(school.state).keep("restore", {}, {"at": at, "ok": False, "backup": made.name})
    tested: BackupsShown = ask(school, "backup.list", asks_targets=False)
    assert tested.backups == ()
    assert tested.last_test == BackupTest(at, False, made.name)
