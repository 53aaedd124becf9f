"""Who the service runs as, and how to give a command as that user: what a person reads who lacks a right.

The owner of a file or directory says it. Where even that cannot be seen, or it is root's, the group or the account that
the packages make says it.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

# deploy/sysusers.d/schoolgate.conf
ACCOUNT = "schoolgate"


def user_of(path: Path) -> str | None:
    """The user of the service, as far as `path` and the directories above it tell; None where nothing does."""
    for one in (path, *path.parents):
        with contextlib.suppress(OSError):
            found = one.stat()
            if found.st_uid not in (0, os.geteuid()):
                return _user(found.st_uid)
            if found.st_uid == 0 and found.st_gid != 0 and _is_user(group := _group(found.st_gid)):
                return group
    if os.geteuid() != 0 and _is_own_of_root(path):
        return "root"
    return ACCOUNT if _is_user(ACCOUNT) else None


def run_as(path: Path, arguments: Sequence[str] = ()) -> str:
    """What to do next, as a sentence: the command line that was given, as the user of the service."""
    command = shlex.join(["schoolgate", *(arguments or sys.argv[1:])])
    user = user_of(path)
    if user is None:
        return f"run this as the user of the service:\n  runuser -u USER -- {command}"
    return f"run this as {user}, the user of the service:\n  runuser -u {user} -- {command}"


def user_to_be(path: Path) -> str:
    """The same in a few words, for a message of one line."""
    return f"run this as {user_of(path) or 'the user of the service'}"


def denied(path: Path) -> str:
    """The whole message for a file, directory or socket that this user may not use."""
    return f"{path}: permission denied; {run_as(path)}"


def _is_own_of_root(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.stat().st_uid == 0
    return False


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except (KeyError, ValueError):
        return False
    return True
