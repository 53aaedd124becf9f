"""Where and under which key the plane records queries; and what happens to a log, or a key, that is no longer wanted.

A log that cannot be tidied up never keeps the server from starting: that is said, and tried again.
"""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

from schoolgate.config import Settings
from schoolgate.privacy.pseudonyms import PseudonymKey, key_in_force
from schoolgate.telemetry import Logger

_log = Logger("schoolgate")


def pseudonym_key(settings: Settings, now: dt.datetime, in_use: PseudonymKey | None = None) -> PseudonymKey | None:
    """The key of `now`; None where clients are recorded by address, or nothing is."""
    log = settings.query_log
    if not log.enabled or not log.pseudonyms:
        _retire_overdue_key(settings, now)
        return None
    return key_in_force(settings.server.state_dir, log.pseudonym_key_days, now, in_use)


def query_log(settings: Settings, key: PseudonymKey | None) -> dict[str, Any] | None:
    """The settings of the log for the plane; None where it is switched off."""
    if not settings.query_log.enabled:
        _close_log(settings)
        return None
    return {
        "directory": os.fspath(settings.server.state_dir / "log" / "wal"),
        "max_octets": settings.query_log.max_wal_mib << 20,
        "key": None if key is None else list(key.key),
    }


def _retire_overdue_key(settings: Settings, now: dt.datetime) -> None:
    """What cannot be done now is tried again with the next look at the key."""
    # Here and below: only a server without a log, or without pseudonyms, needs it.
    from schoolgate.querylog.switched_off import retire_overdue_key

    try:
        retire_overdue_key(settings.server.state_dir, settings.query_log.pseudonym_key_days, now)
    except OSError as error:
        _log.warning("a key of pseudonyms that is not in use cannot be retired", problem=str(error))


def _close_log(settings: Settings) -> None:
    """Only at the start, when no writer of this process can have a file open."""
    from schoolgate.querylog.switched_off import close_files

    try:
        close_files(settings.server.state_dir)
    except OSError as error:
        _log.warning("the last files of the query log cannot be closed", problem=str(error))
