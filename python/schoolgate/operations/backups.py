"""Backups: what there is and where, whether one was proved, and a new one now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from schoolgate.config.diagnostics import Diagnostic, from_text
from schoolgate.operations.registry import changes, looks
from schoolgate.operations.status import last_backup
from schoolgate.operations.status_results import BackupState
from schoolgate.operations.work import Work
from schoolgate.storage import state_dir


@dataclass(frozen=True)
class BackupListed:
    """One backup at one place. `state`: whole, cut short, not made here, or away. `at`: ISO 8601, UTC."""

    name: str
    at: str
    octets: int
    where: str
    state: str


@dataclass(frozen=True)
class BackupTest:
    """The last test restore."""

    at: str
    is_well: bool
    backup: str


@dataclass(frozen=True)
class BackupsShown:
    """Newest first. `failed`: targets that could not be asked, and why. `locked`: old backups that a target keeps.
    `last`: as this machine made it."""

    backups: tuple[BackupListed, ...]
    failed: dict[str, str]
    locked: dict[str, int]
    last: BackupState | None
    last_test: BackupTest | None
    problems: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class BackupMade:
    """`failed`: targets that did not get it, and why. `problems`: what needs a person although it is whole."""

    name: str
    at: str
    octets: int
    targets: tuple[str, ...]
    failed: dict[str, str]
    problems: tuple[str, ...]

    def about(self) -> dict[str, Any]:
        """For the audit log."""
        return {"backup": self.name, "targets": list(self.targets), "failed": list(self.failed)}


@looks("backup.list")
def list_backups(work: Work, asks_targets: bool = True) -> BackupsShown:
    """All backups, the last test restore, and what is wrong. Without `asks_targets`: what this machine remembers."""
    from schoolgate.backup.backup_problems import backup_problems
    from schoolgate.operations.apart import do_apart

    settings = work.settings
    state_dir.refuse_strangers(settings.server.state_dir)
    found = do_apart(work, "backups") if asks_targets else {"backups": (), "failed": {}, "locked": {}}
    problems = (from_text("backup", "warning", "backup", one) for one in backup_problems(settings, work.now))
    return BackupsShown(
        tuple(BackupListed(**one) for one in found["backups"]),
        dict(found["failed"]),
        dict(found["locked"]),
        last_backup(settings, work.now),
        _last_test(work),
        tuple(problems),
    )


@changes("backup.create")
def create(work: Work, has_query_log: bool | None = None) -> BackupMade:
    """Makes a backup now, to each target of the settings. `has_query_log`: as the settings say without it.

    Raises `TaskRefused`.
    """
    from schoolgate.operations.apart import do_apart

    state_dir.prepare(work.settings.server.state_dir)
    done = do_apart(work, "backup", has_query_log=has_query_log, actor=work.actor.name)
    return TypeAdapter(BackupMade).validate_python(done)


def _last_test(work: Work) -> BackupTest | None:
    from schoolgate.checks.record import CheckRecord

    newest = CheckRecord(work.settings.server.state_dir).newest("restore")
    if newest is None:
        return None
    return BackupTest(str(newest.get("at", "")), newest.get("ok") is True, str(newest.get("backup", "")))
