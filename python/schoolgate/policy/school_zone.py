"""The school's time zone: that of the policy in force, for times that people read."""

from __future__ import annotations

import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

from schoolgate.config import Settings
from schoolgate.errors import SchoolgateError
from schoolgate.policy.active_policy import active_or_first, policy_files
from schoolgate.policy.model import Document
from schoolgate.storage import state_dir

# By file of the active policy: its state when it was read, and the zone it says.
_known: dict[Path, tuple[tuple[int, int], ZoneInfo]] = {}


def school_zone(settings: Settings) -> ZoneInfo | None:
    """Quick where the policy has not changed. None where it cannot be read: no rights, or a damaged store."""
    path = policy_files(settings).active
    try:
        state = _state(path)
        if state is not None and path in _known and _known[path][0] == state:
            return _known[path][1]
        state_dir.refuse_strangers(settings.server.state_dir)
        raw = tomllib.loads(active_or_first(settings)[1])
        found = ZoneInfo(str(raw.get("time_zone", Document.model_fields["time_zone"].default)))
    except (SchoolgateError, OSError, ValueError, KeyError):
        return None
    if state is not None:
        _known[path] = state, found
    return found


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size
