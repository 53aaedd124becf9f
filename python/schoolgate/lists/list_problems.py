"""Problems of the lists, in sentences, from the small files that the last update left in the state directory."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from schoolgate.lists import update_status as status_file

# Lists are built each night; older than this, two builds have failed.
OLD_LISTS_S = 3 * 86400
# The share of a feed's lines that may be noise before it is said.
MANY_UNREAD = 0.05


def list_problems(state_dir: Path, built_at: dt.datetime, now: dt.datetime) -> list[str]:
    """What the last update left to be seen. A snapshot that it found to be up to date is as young as the update."""
    update = status_file.read(state_dir)
    if update is None:
        old = _age_s(built_at, now) > OLD_LISTS_S
        return [f"the lists are of {built_at:%d %B %Y}; run `schoolgate lists update`"] if old else []
    found = list(update["problems"])
    tried_at = dt.datetime.fromisoformat(update["at"])
    if _age_s(max(tried_at, built_at), now) > OLD_LISTS_S:
        found.append(f"the lists were last updated on {tried_at:%d %B %Y}; run `schoolgate lists update`")
    for feed in update["feeds"]:
        if feed["failure"] is not None:
            since = feed["confirmed_at"]
            age = "and was never fetched" if since is None else f"and is used as of {since[:10]}"
            found.append(f"feed {feed['id']} fails {age}: {feed['failure']}")
        missed = feed.get("unread")
        if missed and missed["lines"] > MANY_UNREAD * missed["of"]:
            text = f"{missed['lines']} of {missed['of']} lines of feed {feed['id']} are not read"
            found.append(f"{text}, so what they list stays open; see `schoolgate feeds show {feed['id']}`")
    return found


def _age_s(since: dt.datetime, now: dt.datetime) -> float:
    return (now - since).total_seconds()
