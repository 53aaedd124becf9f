"""Who gives a command, for records that are kept: the account, and the person behind it where that is another.

What a person sets for themselves, such as $USER or $LOGNAME, is never believed. The kernel's login number comes first;
what sudo says counts where there is none.
"""

from __future__ import annotations

import contextlib
import os
import pwd
from pathlib import Path

LOGIN_UID = Path("/proc/self/loginuid")
# (uid_t) -1: nobody has logged in; a service or a container.
NOBODY_LOGGED_IN = 0xFFFF_FFFF


def who() -> str:
    """`alice`, or `alice as schoolgate`."""
    account = _name_of(os.getuid())
    person = _logged_in() or os.environ.get("SUDO_USER") or account
    return account if person == account else f"{person} as {account}"


def _logged_in() -> str | None:
    with contextlib.suppress(OSError, ValueError):
        uid = int(LOGIN_UID.read_text(encoding="ascii"))
        return None if uid == NOBODY_LOGGED_IN else _name_of(uid)
    return None


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
