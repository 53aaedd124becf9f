"""Passwords and keys, each in a file of its own: named in the settings, or given by the service manager.

Read when it is needed, never logged, never in an error.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from schoolgate.errors import SchoolgateError

LARGEST_SECRET_OCTETS = 4096


class SecretUnusable(SchoolgateError):
    """The file of a secret is missing, empty, or open to others."""


def read_secret(path: Path, credential: str, what: str, environ: Mapping[str, str] | None = None) -> str | None:
    """The secret in `path`, else the service manager's credential of that name, else None. Raises `SecretUnusable`."""
    variables = os.environ if environ is None else environ
    if path != Path():
        return _read(path, what, is_ours=True)
    directory = variables.get("CREDENTIALS_DIRECTORY")
    if directory and (given := Path(directory) / credential).exists():
        return _read(given, what, is_ours=False)
    return None


def _read(path: Path, what: str, *, is_ours: bool) -> str:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(LARGEST_SECRET_OCTETS + 1)
    except OSError as error:
        raise SecretUnusable(f"{path}: {what} cannot be read ({error.strerror}); check path and rights") from error
    # systemd guards its own directory, whatever the mode of a file in it.
    if is_ours and mode & 0o077:
        raise SecretUnusable(f"{path}: {what} can be read by others; run `chmod 600 {path}`")
    text = content.decode("utf-8", "replace").strip()
    if not text or len(content) > LARGEST_SECRET_OCTETS or any(not one.isprintable() for one in text):
        raise SecretUnusable(f"{path}: holds no {what}; write it as one line of text")
    return text
