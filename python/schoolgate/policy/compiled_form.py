"""A published policy by its compiled form: where this version, or this machine, cannot read the text any more.

The compiled form knows one instant. Exceptions are left out, since some may have ended; a segment whose schedule has
reached its boundary gets the strictest policy. So nothing is open that would be closed by the text.
"""

from __future__ import annotations

import datetime as dt

import orjson

from schoolgate._core import PolicyTable
from schoolgate.policy.active_file import PublishedPolicy
from schoolgate.policy.active_policy import ActivePolicy
from schoolgate.policy.compile import Compiled
from schoolgate.policy.compiled_names import EXCEPTIONS


def from_compiled_form(published: PublishedPolicy, now: dt.datetime) -> ActivePolicy:
    """What is in force at `now`; ask again at its `next_boundary`. Raises `PolicyInvalid` when the engine cannot read
    it."""
    description = orjson.loads(published.compiled)
    is_before = now < published.compiled_at
    description["names"] = [
        one for one in description["names"] if (one["layer"], one["effect"]) != (EXCEPTIONS, "allow")
    ]
    for segment in description["segments"]:
        ends = segment["ends_at_unix_s"]
        if is_before or (ends is not None and ends <= now.timestamp()):
            segment |= {"policy": description["strictest"], "ends_at_unix_s": None}
    ends_at = [one["ends_at_unix_s"] for one in description["segments"] if one["ends_at_unix_s"] is not None]
    boundary = dt.datetime.fromtimestamp(min(ends_at), dt.UTC) if ends_at else None
    octets = orjson.dumps(description, option=orjson.OPT_SORT_KEYS)
    return ActivePolicy(None, Compiled(octets, (), boundary), PolicyTable.compile(octets), now)
