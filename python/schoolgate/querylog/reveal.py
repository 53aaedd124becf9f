"""Looking behind a pseudonym: only for a reason, only with the key in use, and recorded before it is shown."""

from __future__ import annotations

import datetime as dt
import ipaddress

from schoolgate._core import log_client
from schoolgate.privacy.pseudonyms import PseudonymKey
from schoolgate.querylog import records
from schoolgate.querylog.log import QueryLog
from schoolgate.querylog.log_query import BadQuery, LogProblem, Query
from schoolgate.querylog.pseudonym import is_pseudonym, key_of_log

# Where clients of a school can have addresses: global unicast, unique local, link local, loopback.
_CLIENT_NETWORKS = [ipaddress.IPv6Network(text) for text in ("2000::/3", "fc00::/7", "fe80::/10", "::1/128")]


# Rows of the key before are on their way while a key changes, and a class that only counts cuts times to the minute.
KEY_SETTLES = dt.timedelta(minutes=1)


class CannotReveal(LogProblem):
    """Nobody can say who a pseudonym is."""


def reveal(log: QueryLog, pseudonym: str, reason: str, who: str, now: dt.datetime) -> str:
    """The address. Raises `CannotReveal`, `BadQuery`; asking is recorded all the same."""
    text = pseudonym.strip().lower()
    if not is_pseudonym(text):
        raise BadQuery(f"{pseudonym!r} is no pseudonym; write one as the log shows it: p- and 26 characters")
    if not reason.strip():
        raise BadQuery("a reason is needed; it is kept with the record")
    key = key_of_log(log.folder.pseudonym_key)
    if key is None:
        raise CannotReveal(f"{log.folder.pseudonym_key} is not there: this log has no key for pseudonyms")
    address = log_client(key.key, text)
    problem = _problem(log, key, text, address)
    record = {"at": now.isoformat(timespec="seconds"), "who": who, "pseudonym": text, "reason": reason}
    records.append(log.folder.reveals, record | {"key": key.identity, "shown": problem is None})
    if problem is not None or address is None:
        raise CannotReveal(problem)
    return address


def _problem(log: QueryLog, key: PseudonymKey, text: str, address: str | None) -> str | None:
    """Any key makes some address of any pseudonym: it must be one of this key, or somebody else would be named."""
    made = f"{key.made_at.astimezone():%Y-%m-%d %H:%M}"
    since = key.made_at if key.is_first else key.made_at + KEY_SETTLES
    if address is None or not log.search(Query(client=text, since=since), most=1).rows:
        return (
            f"{text} was not seen since the key in use was made ({made}). If it is older, its key has been rotated"
            " away, and nobody can say any more who it was"
        )
    parsed = None if address is None else ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and not any(parsed in network for network in _CLIENT_NETWORKS):
        return f"{text} was made with a key that has been rotated away; nobody can say any more who it was"
    return None
