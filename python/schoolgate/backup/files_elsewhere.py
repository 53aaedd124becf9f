"""The commands that put restored files which belong outside the state directory in their places.

A copy of the whole tree would give directories such as /etc the rights of the restored ones: each file goes by itself.
"""

from __future__ import annotations

import shlex
import stat
from pathlib import Path

from schoolgate.backup.manifest import Manifest
from schoolgate.config.service_user import ACCOUNT


def install_commands(elsewhere: Path, manifest: Manifest) -> tuple[str, ...]:
    """One line for a shell of root for each file in `elsewhere`, by path; only for paths that a terminal shows."""
    found = []
    for path in sorted(one for one in elsewhere.rglob("*") if one.is_file()):
        place = Path("/") / path.relative_to(elsewhere)
        if str(path).isprintable():
            rights = _rights(path, is_settings=str(place) == manifest.config)
            found.append(shlex.join(["install", "-D", *rights, str(path), str(place)]))
    return tuple(found)


def _rights(path: Path, *, is_settings: bool) -> list[str]:
    """The service may read a file, and not change it; what was for it alone stays so, or it refuses a secret."""
    is_private = stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    if is_private and not is_settings:
        return ["-m", "0600", "-o", ACCOUNT, "-g", ACCOUNT]
    return ["-m", "0640", "-o", "root", "-g", ACCOUNT]
