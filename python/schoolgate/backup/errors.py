"""What can be wrong with a backup, by name."""

from __future__ import annotations

import errno

from schoolgate.errors import SchoolgateError


class BackupProblem(SchoolgateError):
    """The root of what is wrong with a backup."""


class NoRecipient(BackupProblem):
    """There is no public key to encrypt to."""


class RecipientInvalid(BackupProblem):
    """A public key is none: a letter of it is wrong."""


class IdentityUnusable(BackupProblem):
    """The file of a secret key cannot be used."""


class WrongKey(BackupProblem):
    """The backup was encrypted to other keys."""


class BackupDamaged(BackupProblem):
    """The backup was cut short or changed, or is no backup."""


class BackupLater(BackupProblem):
    """A later version of schoolgate made the backup."""


class BackupFailed(BackupProblem):
    """No backup was made."""


class BackupBusy(BackupProblem):
    """Another process makes or restores a backup."""


class TargetUnusable(BackupProblem):
    """A target cannot take, list or give a backup."""


class NotRemoved(BackupProblem):
    """A target keeps a backup that was to be removed: it is locked, or we have no right to delete."""


class RestoreRefused(BackupProblem):
    """A restore would replace what is there, or cannot put it in place."""


def why(error: OSError) -> str:
    """The reason in words, and what to do where that is plain."""
    said = (error.strerror or str(error)).lower()
    return f"{said}; free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else said
