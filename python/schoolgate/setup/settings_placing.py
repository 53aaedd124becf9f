"""The settings file of a setup, put in its place: whole or not at all, with a copy of what was there.

Where this process may not write there, as under its unit, the file waits in the state directory, and what puts it in
place is said. Files of a setup are its owner's alone.
"""

from __future__ import annotations

import datetime as dt
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from schoolgate.config.service_user import ACCOUNT
from schoolgate.storage.atomic_file import PRIVATE, write_whole

SYSTEM_STATE, SYSTEM_CONFIG = Path("/var/lib/schoolgate"), Path("/etc/schoolgate/schoolgate.toml")
FOLDER = "setup"
WAITING = "schoolgate.toml"
FILE_MODE = 0o640
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Placed:
    """`path`: where the settings are. `waits_for`: the command that puts them in place, "" where they are. `copy`: what
    was there, None where nothing was."""

    path: Path
    waits_for: str = ""
    copy: Path | None = None


def folder_of(state_dir: Path) -> Path:
    """Where a setup keeps its draft and its copies."""
    return state_dir / FOLDER


def new_config(state_dir: Path) -> Path:
    """Where a settings file is made where none is: the machine's for the machine's state directory, else in the state
    directory, where commands look for it too."""
    return SYSTEM_CONFIG if state_dir == SYSTEM_STATE else state_dir / "schoolgate.toml"


def place_settings(state_dir: Path, config: Path, old: str | None, new: str, now: dt.datetime) -> Placed:
    """Writes `new` to `config`; keeps `old`, what was there. Raises `OSError` of the state directory alone."""
    copy = keep_copy(state_dir, "schoolgate.toml", old, now) if old is not None else None
    waiting = folder_of(state_dir) / WAITING
    try:
        put(config, new)
    except OSError:
        write_whole(waiting, new.encode(), PRIVATE)
        return Placed(waiting, _command(waiting, config), copy)
    waiting.unlink(missing_ok=True)
    return Placed(config, "", copy)


def put(config: Path, text: str) -> None:
    """Replaces a settings file, which keeps its owner and rights. Raises `OSError`."""
    try:
        there = config.stat()
    except FileNotFoundError:
        write_whole(config, text.encode(), FILE_MODE)
        _give_to(config, -1, config.parent.stat().st_gid)
        return
    write_whole(config, text.encode(), there.st_mode & 0o777)
    config.chmod(there.st_mode & 0o777)
    _give_to(config, there.st_uid, there.st_gid)


def keep_copy(state_dir: Path, name: str, text: str, now: dt.datetime) -> Path:
    """A copy of a file as it was before. The same second has one copy: the first, which is the older."""
    path = folder_of(state_dir) / "before" / f"{now.astimezone(dt.UTC).strftime(_STAMP)}-{name}"
    if not path.exists():
        write_whole(path, text.encode(), PRIVATE)
    return path


def _give_to(config: Path, uid: int, gid: int) -> None:
    # Root alone may; for others the file is theirs already.
    if os.geteuid() == 0:
        os.chown(config, uid, gid)


def _command(waiting: Path, config: Path) -> str:
    words = ["sudo", "install", "-m", "0640", "-g", ACCOUNT, str(waiting), str(config)]
    return f"{shlex.join(words)} && sudo systemctl restart schoolgate"
