"""When a backup is due: once a day, from the time of day of the settings, on the school's clock.

A timer asks often; so a machine that was off at that time makes its backup when it comes back.
"""

from __future__ import annotations

import datetime as dt

from schoolgate.backup.made_record import read_record
from schoolgate.config import Settings

# After a try that failed, or that not every target got.
AGAIN = dt.timedelta(hours=1)


def is_due(settings: Settings, now: dt.datetime, zone: dt.tzinfo | None) -> bool:
    """Whether one is to be made now. `now`: UTC; `zone` None: this machine's. A clock that was set back does not stop
    backups."""
    if not settings.backup.targets:
        return False
    record = read_record(settings.server.state_dir)
    scheduled = scheduled_before(now, settings.backup.time, zone)
    wanted = set(settings.backup.targets)
    done = [one.at for one in record.made if wanted <= {placed.target for placed in one.placed}]
    if done and scheduled <= done[-1] <= now:
        return False
    tried = record.tried_at
    return tried is None or tried > now or tried < scheduled or now - tried >= AGAIN


def scheduled_before(now: dt.datetime, at: dt.time, zone: dt.tzinfo | None) -> dt.datetime:
    """The last moment at which a backup was to begin."""
    here = now.astimezone(zone)
    today = here.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    return today if today <= here else today - dt.timedelta(days=1)
