"""Who acts: a user of this machine, an account, or a job; with the roles that decide what they may do."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from schoolgate.accounts.roles import Role

# (uid_t) -1: no login stands behind the process; a service or a container.
NO_LOGIN = 0xFFFF_FFFF
PROCESSES = Path("/proc")


@dataclass(frozen=True)
class Actor:
    """`id` is what the audit log keeps for ever: "uid:1000", "account:<UUID>", "job:<name>". `name` is for people; it
    can be erased."""

    id: str
    name: str
    roles: frozenset[Role]

    @property
    def is_local(self) -> bool:
        """Whether it is a user of this machine, not an account or a job."""
        return self.id.startswith("uid:")


def local_actor(uid: int, login_uid: int | None, roles: Iterable[Role], sudo_user: str | None = None) -> Actor:
    """A user of this machine. `login_uid`: who logged in, by the kernel; `sudo_user` counts where it knows none.

    Never $USER or $LOGNAME: a person sets these.
    """
    account = name_of(uid)
    person = name_of(login_uid) if login_uid is not None else sudo_user or account
    name = account if person == account else f"{person} as {account}"
    return Actor(f"uid:{uid if login_uid is None else login_uid}", name, frozenset(roles))


def this_user(roles: Iterable[Role]) -> Actor:
    """The user of this process."""
    return local_actor(os.getuid(), login_of("self"), roles, os.environ.get("SUDO_USER"))


def user_name() -> str:
    """The user of this process: `alice`, or `alice as schoolgate`."""
    return this_user(()).name


def login_of(process: int | str) -> int | None:
    """The user who logged in and whose descendant a process is; None where there is none, or it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        uid = int((PROCESSES / str(process) / "loginuid").read_text(encoding="ascii"))
        return None if uid == NO_LOGIN else uid
    return None


def local_name(actor: str) -> str:
    """The user's name of an actor that is a user of this machine; empty for an account or a job."""
    uid = actor.removeprefix("uid:")
    return name_of(int(uid)) if uid != actor and uid.isdecimal() else ""


def name_of(uid: int) -> str:
    """The name of an account of this machine."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
