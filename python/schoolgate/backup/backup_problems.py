"""What `status` and `check` say of backups before it matters: none, an old one, one that no key opens or within reach.

Read from small files, in the running server: nothing is asked of a target.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schoolgate.backup.errors import NoRecipient
from schoolgate.backup.made_record import Made, Placed, Record, read_record
from schoolgate.backup.recipients import recipients_of_settings
from schoolgate.checks.record import CheckRecord, moment_of
from schoolgate.config import Settings
from schoolgate.config.backup import Backup

# Made each day, some hours late where the machine was busy or off.
OLD_AFTER = dt.timedelta(hours=30)
HOW = "see docs/backup.md"
TEST = "schoolgate backup test NAME --identity FILE"


def backup_problems(settings: Settings, now: dt.datetime) -> list[str]:
    """What an operator should look at, worst first. `now`: UTC."""
    return list(_problems(settings, read_record(settings.server.state_dir), now))


def backup_summary(settings: Settings, now: dt.datetime) -> dict[str, Any] | None:
    """The last backup, and the last test restore that succeeded; None where no backup was ever made."""
    record = read_record(settings.server.state_dir)
    if not record.made:
        return None
    last, proved = record.made[-1], _proved_at(settings.server.state_dir)
    return {
        "name": last.name,
        "at": last.at.isoformat(timespec="seconds"),
        "age_s": _seconds(now - last.at),
        "octets": last.octets,
        "targets": [one.target for one in last.placed],
        "proved_at": None if proved is None else proved.isoformat(timespec="seconds"),
        "proved_age_s": None if proved is None else _seconds(now - proved),
        "locked": dict(record.locked),
    }


def _problems(settings: Settings, record: Record, now: dt.datetime) -> Iterator[str]:
    backup, state_dir = settings.backup, settings.server.state_dir
    if not backup.targets and not record.made:
        yield f"there is no backup: `schoolgate backup key`, then name a target in [backup.targets]; {HOW}"
        return
    try:
        recipients_of_settings(settings)
    except NoRecipient as error:
        yield f"no backup can be made: {error}"
        return
    yield from _of_the_last(record, now)
    if not record.made:
        return
    yield from _of_the_key(state_dir, backup, now)
    newest = newest_apart(settings, record)
    if newest is None or now - newest.at > dt.timedelta(days=backup.apart_days):
        since = "no backup lies" if newest is None else f"since {newest.at:%d %B %Y} no backup lies"
        yield (
            f"{since} where this machine can neither alter nor delete it: pull one, lock objects, or take a medium away"
            f" (schoolgate backup list); {HOW}"
        )


def _of_the_last(record: Record, now: dt.datetime) -> Iterator[str]:
    last = record.made[-1] if record.made else None
    if record.failure is not None:
        yield f"the last backup failed: {record.failure}; then `schoolgate backup create`"
    if last is None:
        if record.failure is None:
            yield "no backup was made yet: run `schoolgate backup create`; does schoolgate-backup.timer run?"
        return
    if now - last.at > OLD_AFTER:
        yield f"the last backup is of {last.at:%d %B %Y}: run `schoolgate backup create`; does the timer run?"
    for target, reason in last.failed.items():
        yield f"the last backup is not at target {target}: {reason}; then `schoolgate backup create`"


def _of_the_key(state_dir: Path, backup: Backup, now: dt.datetime) -> Iterator[str]:
    """A key that was lost is noticed by nothing but a test."""
    newest = CheckRecord(state_dir).newest("restore")
    if newest is not None and newest.get("ok") is not True:
        at = moment_of(newest)
        when = "" if at is None else f" on {at:%d %B %Y}"
        yield f"the last test restore failed{when}; look at it: `{TEST}`"
    proved = _proved_at(state_dir)
    if proved is None:
        yield f"no test restore has succeeded yet: a lost key would be noticed when it is too late; run `{TEST}`"
    elif now - proved > dt.timedelta(days=backup.test_days):
        yield f"no test restore has succeeded since {proved:%d %B %Y}: is the key still there? Run `{TEST}`"


def _proved_at(state_dir: Path) -> dt.datetime | None:
    """When a test restore succeeded last."""
    proved = (moment_of(row) for row in CheckRecord(state_dir).history("restore") if row.get("ok") is True)
    return max((at for at in proved if at is not None), default=None)


def newest_apart(settings: Settings, record: Record) -> Made | None:
    """The newest backup of which a copy is out of this machine's reach."""
    mounted: dict[str, str | None] = {
        one.target: one.medium for made in record.made for one in made.placed if one.medium is not None
    }
    found = (made for made in reversed(record.made) if any(_is_apart(one, settings, mounted) for one in made.placed))
    return next(found, None)


def _is_apart(placed: Placed, settings: Settings, mounted: dict[str, str | None]) -> bool:
    """Pulled by another machine; under object lock; on another medium than the one that was there last."""
    if placed.is_locked:
        return True
    return placed.medium is not None and placed.medium != mounted.get(placed.target)


def _seconds(length: dt.timedelta) -> int:
    return max(0, int(length.total_seconds()))
