"""One JSON text for one value, so that a hash of it can be made again: RFC 8785, without floats.

Keys are ASCII and sorted, there is no white space, and integers lie within +/- (2^53 - 1), which every JSON
reader keeps.
"""

from __future__ import annotations

from typing import Any

import orjson

from schoolgate.audit.errors import EntryRefused

MOST = 2**53 - 1
# A value nested deeper than this is no record of an event.
MOST_LEVELS = 16


def canonical(value: Any) -> bytes:
    """The octets of a value. Raises `EntryRefused` for floats, other types, and integers that readers would round."""
    _check(value, 0)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, UnicodeEncodeError) as error:  # a lone surrogate
        raise EntryRefused(f"an audit entry holds text that is not UTF-8: {error}") from None


def _check(value: Any, level: int) -> None:
    if level > MOST_LEVELS:
        raise EntryRefused(f"an audit entry is nested deeper than {MOST_LEVELS} levels")
    if value is None or type(value) in (bool, str):
        return
    if type(value) is int:
        if abs(value) > MOST:
            raise EntryRefused(f"{value} is too large for an audit entry; write it as text")
        return
    if type(value) is dict:
        for key, one in value.items():
            if type(key) is not str or not key.isascii():
                raise EntryRefused(f"the key {key!r} of an audit entry is not ASCII text")
            _check(one, level + 1)
        return
    if type(value) in (list, tuple):
        for one in value:
            _check(one, level + 1)
        return
    raise EntryRefused(
        f"an audit entry cannot hold a {type(value).__name__}; use text, an integer, true, false or null"
    )
