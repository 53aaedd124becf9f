"""Looking behind a pseudonym: only for a reason, with the key it was made with, and recorded before it is shown."""

from __future__ import annotations

import datetime as dt

from schoolgate.querylog import records
from schoolgate.querylog.log import QueryLog
from schoolgate.querylog.log_query import BadQuery, LogProblem
from schoolgate.querylog.pseudonym import is_pseudonym


class CannotReveal(LogProblem):
    """No key is kept that tells which client a pseudonym stands for."""

    exit_code = 3


def reveal(log: QueryLog, pseudonym: str, reason: str, who: str, now: dt.datetime) -> str:
    """The address. Raises `CannotReveal`, `BadQuery`; asking is recorded all the same."""
    text = log.in_full(pseudonym).strip().lower()
    if not is_pseudonym(text):
        raise BadQuery(f"{pseudonym!r} is no pseudonym; write one as the log shows it: p- and 8 or 26 characters")
    if not reason.strip():
        raise BadQuery("a reason is needed; it is kept with the record")
    keys = log.keys()
    found = log.owner(text)
    record = {"at": now.isoformat(timespec="seconds"), "who": who, "pseudonym": text, "reason": reason}
    key = found[0].identity if found else None
    records.append(log.folder.reveals, record | {"key": key, "shown": found is not None})
    if found is None:
        raise CannotReveal(_why_not(text, [key.made_at for key in keys]))
    return found[1]


def _why_not(text: str, made_at: list[dt.datetime]) -> str:
    if not made_at:
        return f"{text} cannot be revealed: this log has no key for pseudonyms"
    oldest = f"{min(made_at).astimezone(dt.UTC):%Y-%m-%d %H:%M %Z}"
    return (
        f"{text} cannot be revealed: none of the {len(made_at)} keys that are kept made it, the oldest of {oldest}. Its"
        " key is gone: rotated away by an earlier version, lost, or erased with the last row under it"
    )
