"""The targets of the settings."""

from __future__ import annotations

from schoolgate.backup.errors import TargetUnusable
from schoolgate.backup.folder_target import FolderTarget
from schoolgate.backup.medium_target import MediumTarget
from schoolgate.backup.stored import Target
from schoolgate.config import Settings
from schoolgate.config.backup import BackupTarget
from schoolgate.config.problems import did_you_mean


def targets_of(settings: Settings) -> tuple[Target, ...]:
    """All of the settings, in their order."""
    return tuple(_opened(name, one) for name, one in settings.backup.targets.items())


def target_named(settings: Settings, name: str) -> Target:
    """One of them. Raises `TargetUnusable`."""
    found = settings.backup.targets.get(name)
    if found is None:
        hint = did_you_mean(name, settings.backup.targets)
        raise TargetUnusable(f"there is no target {name} in [backup.targets]; {hint}")
    return _opened(name, found)


def _opened(name: str, settings: BackupTarget) -> Target:
    """The libraries of a kind are loaded where there is a target of that kind."""
    match settings.kind:
        case "folder":
            return FolderTarget(name, settings.folder)
        case "medium":
            return MediumTarget(name, settings.folder)
        case "s3":
            from schoolgate.backup.s3_target import S3Target

            return S3Target(name, settings)
        case "sftp":
            from schoolgate.backup.sftp_target import SftpTarget

            return SftpTarget(name, settings)
