"""The export of an audit log: JSON lines that any machine can verify without the database.

A line that does not begin with `{"_":` is an entry, octet for octet as it was hashed. Other lines carry what the log
says of itself: `export` (first), `head`, `checkpoint`, `node`, `epoch`, `opening`, `hashes` (after each 256
entries), `end`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import orjson

from schoolgate.audit.merkle import BLOCK, HASH_OCTETS

FORMAT = 1
MARK = b'{"_":'
BLOCK_ENTRIES = BLOCK


def own_line(kind: str, **fields: Any) -> bytes:
    """A line about the log itself, without its newline."""
    return orjson.dumps({"_": kind, **fields})


def hashes_line(hashes: Iterable[bytes]) -> bytes:
    """The stored hashes of the entries before this line."""
    return own_line("hashes", hashes=base64.standard_b64encode(b"".join(hashes)).decode())


def parse_hashes(text: str) -> list[bytes]:
    """What `hashes_line` wrote. Raises `ValueError`."""
    octets = base64.b64decode(text, validate=True)
    return [octets[at : at + HASH_OCTETS] for at in range(0, len(octets), HASH_OCTETS)]
