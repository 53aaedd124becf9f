"""Takes a new key into use: its public half is kept beside the state, and recorded."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from schoolgate.audit.event import Event
from schoolgate.backup import audit_part
from schoolgate.backup.errors import BackupFailed, why
from schoolgate.backup.identities import NewKey
from schoolgate.backup.recipients import keep_recipients, kept_recipients


def adopt(state_dir: Path, key: NewKey, *, actor: str, now: dt.datetime, is_replacing: bool = False) -> str | None:
    """Keeps the public key, beside those there are or instead of them. Returns why it could not be recorded. Raises
    `BackupFailed`; then backups are encrypted as before."""
    before = () if is_replacing else kept_recipients(state_dir)
    try:
        keep_recipients(state_dir, (*before, key.recipient))
    except OSError as error:
        raise BackupFailed(
            f"{error.filename or state_dir}: {why(error)}; the key that was just made is not in use: throw it away"
        ) from error
    detail = {"recipient": key.recipient, "replaces": is_replacing}
    return audit_part.record(
        state_dir, Event(int(now.timestamp() * 1_000_000), actor, audit_part.KEY_MADE, detail=detail)
    )
