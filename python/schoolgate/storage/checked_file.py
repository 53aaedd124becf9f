"""A file that says of itself whether it is whole: one line with kind, format and SHA-256, then JSON.

A cut, a flipped bit or a page of another file is found before anything of it is believed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from schoolgate.errors import SchoolgateError
from schoolgate.storage.atomic_file import PRIVATE, write_whole

FORMAT = 1
# A policy of 4 MiB and what is compiled of it stay far below.
LARGEST_OCTETS = 64 * 1024 * 1024
_MAGIC = "schoolgate"


class CheckedFileDamaged(SchoolgateError):
    """The file is there and cannot be believed; the message names it."""


def write_checked(path: Path, kind: str, fields: Mapping[str, Any], mode: int = PRIVATE) -> None:
    """Replaces `path` whole; only its owner may read it, where `mode` says no more. Raises `OSError`; then the old file
    is as it was."""
    body = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    write_whole(path, f"{_MAGIC} {kind} {FORMAT} {_digest(body)}\n".encode() + body, mode)


def read_checked(path: Path, kind: str) -> dict[str, Any]:
    """The fields. Raises `FileNotFoundError` where there is no file, else `CheckedFileDamaged`."""
    try:
        with path.open("rb") as file:
            head, body = file.readline(256), file.read(LARGEST_OCTETS + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CheckedFileDamaged(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    words = head.decode("ascii", "replace").split()
    if not head and not body:
        raise CheckedFileDamaged(f"{path}: is empty")
    if len(words) != 4 or words[:2] != [_MAGIC, kind]:
        raise CheckedFileDamaged(f"{path}: does not begin as such a file does")
    if words[2] != str(FORMAT):
        raise CheckedFileDamaged(f"{path}: has format {words[2]}; this version reads format {FORMAT}")
    if len(body) > LARGEST_OCTETS or _digest(body) != words[3]:
        raise CheckedFileDamaged(f"{path}: its checksum does not fit; it was cut or changed")
    fields: dict[str, Any] = orjson.loads(body)
    return fields


def _digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()
