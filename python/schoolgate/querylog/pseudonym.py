"""Under which texts the log knows a client, which client a pseudonym stands for, and for which times nothing tells.

A pseudonym is the address under a secret key. Keys follow one another; each is kept as long as there are rows under it.
Where a key is gone all the same (lost, damaged, or thrown away by an earlier version), the rows of its time belong to a
client that cannot be found out.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from schoolgate._core import log_client, log_pseudonym
from schoolgate.privacy.pseudonyms import FILE, KeptKeys, PseudonymKey, kept_keys
from schoolgate.querylog.log_query import BadQuery

_PSEUDONYM = re.compile(r"p-[a-z2-7]{26}")
# Where clients of a school can have IPv6 addresses: global unicast, unique local, link local, loopback.
_CLIENT_NETWORKS = [ipaddress.IPv6Network(text) for text in ("2000::/3", "fc00::/7", "fe80::/10", "::1/128")]
# Rows of the key before are on their way while a key changes, and a class that only counts cuts times to the minute.
KEY_SETTLES = dt.timedelta(minutes=1)

# From, until: moments that no key is kept for. None: without end.
Gap = tuple[dt.datetime | None, dt.datetime | None]
# Whether the log has a row of a pseudonym from one moment until another.
WasSeen = Callable[[str, dt.datetime | None, dt.datetime | None], bool]
# As tables show it, and the least that stands for one: 40 bits, and 30.
_SHORT_LENGTH = 10
_SHORT = re.compile(r"p-[a-z2-7]{6,25}")


def keys_of_log(folder: Path) -> KeptKeys:
    """Every key that is kept; none where clients are kept as addresses. Raises `BadQuery`."""
    try:
        return kept_keys(folder)
    except OSError as error:
        raise BadQuery(f"{folder / FILE.name}: {error.strerror}; search by pseudonym, as the log shows it") from error
    except ValueError as error:
        raise BadQuery(f"{error}; restore it from a backup, or search by pseudonym, as the log shows it") from error


def is_pseudonym(text: str) -> bool:
    """Whether a text has the form of one."""
    return _PSEUDONYM.fullmatch(text) is not None


def is_short(text: str) -> bool:
    """Whether a text has the form of the beginning of one, long enough to stand for it."""
    return _SHORT.fullmatch(text) is not None


def short(client: str) -> str:
    """A client as tables show it: a pseudonym by its beginning, which searches take; an address whole."""
    return client[:_SHORT_LENGTH] if is_pseudonym(client) else client


def known_as(client: str, keys: Sequence[PseudonymKey]) -> list[str]:
    """The texts under which the log may hold a client: by its pseudonym under each key, and as it is. Raises
    `BadQuery`."""
    text = client.strip().lower()
    if is_pseudonym(text):
        return [text]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise BadQuery(
            f"{client!r} is no client; write an address such as 192.0.2.10, or a pseudonym as the log shows it"
        ) from None
    plain = str(getattr(address, "ipv4_mapped", None) or address)
    # Rows from before pseudonyms were switched on hold the address.
    return [*(log_pseudonym(key.key, plain) for key in keys), plain]


def owner(pseudonym: str, keys: Sequence[PseudonymKey], was_seen: WasSeen) -> tuple[PseudonymKey, str] | None:
    """The key of a pseudonym and its address; None where no kept key made it.

    Any key makes some address of any pseudonym. One of IPv4 is proof: another key makes it once in 2^96. One of IPv6
    is believed where it can be a client's, and where the pseudonym was seen in the time of that key only.
    """
    candidates = []
    for key in keys:
        address = log_client(key.key, pseudonym)
        if address is None:
            continue
        parsed = ipaddress.ip_address(address)
        if parsed.version == 4:
            return key, address
        if any(parsed in network for network in _CLIENT_NETWORKS) and was_seen(pseudonym, *_time_of(key)):
            candidates.append((key, address))
    return candidates[0] if len(candidates) == 1 else None


def _time_of(key: PseudonymKey) -> Gap:
    since = key.made_at if key.is_first else key.made_at + KEY_SETTLES
    return since, None if key.retired_at is None else key.retired_at + KEY_SETTLES


def gaps(keys: Sequence[PseudonymKey]) -> tuple[Gap, ...]:
    """The times that no kept key was in use, oldest first."""
    found: list[Gap] = []
    covered: dt.datetime | None = None
    for key in sorted(keys, key=lambda key: key.made_at):
        # Before the first key there are no pseudonyms, unless another was lost.
        since = key.made_at - KEY_SETTLES if key.is_first else key.made_at
        if covered is None or since > covered:
            found.append((covered, since))
        if key.retired_at is None:
            return tuple(found)
        covered = key.retired_at if covered is None else max(covered, key.retired_at)
    return (*found, (covered, None))
