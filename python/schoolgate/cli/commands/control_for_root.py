"""A control process for the time of one command, as the user of the service.

Root may ask for everything, but must not do operations itself in the state directory of a service: it would leave files
there that the service cannot open. Right after an installation no control process runs yet.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from schoolgate.config import load
from schoolgate.errors import SchoolgateError

PATIENCE_S = 60.0
_AGAIN_S = 0.05


class NoControlForRoot(SchoolgateError):
    """It did not start."""


@contextlib.contextmanager
def control_for_root(config: Path | None) -> Iterator[None]:
    """Does nothing for others than root, where a control process runs, and where the state is root's own. Raises
    `NoControlForRoot`."""
    server = load(config).server
    owner = _other_owner(server.state_dir)
    if owner is None or _answers(server.operations_socket):
        yield
        return
    command = [sys.executable, "-m", "schoolgate", "control", "--log-level", "error", "--until-stdin-ends"]
    with subprocess.Popen(
        [*command, *(["--config", str(config)] if config is not None else [])],
        # It ends with this process, however that ends.
        stdin=subprocess.PIPE,
        # Ctrl-C at a question is meant for the question.
        process_group=0,
        user=owner.pw_uid,
        group=owner.pw_gid,
        extra_groups=os.getgrouplist(owner.pw_name, owner.pw_gid),
        cwd="/",
        env={**os.environ, "HOME": owner.pw_dir, "SCHOOLGATE_STATE_DIR": str(server.state_dir)},
    ) as process:
        _wait(process, server.operations_socket, owner.pw_name)
        yield


def _other_owner(state_dir: Path) -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    try:
        uid = state_dir.stat().st_uid
        return pwd.getpwuid(uid) if uid != 0 else None
    except (OSError, KeyError):
        return None


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        try:
            one.connect(str(path))
        except OSError:
            return False
    return True


def _wait(process: subprocess.Popen[bytes], path: Path, user: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not _answers(path):
        if process.poll() is not None or time.monotonic() > deadline:
            raise NoControlForRoot(
                f"the control process did not start; to see why: runuser -u {user} -- schoolgate control"
            )
        time.sleep(_AGAIN_S)
