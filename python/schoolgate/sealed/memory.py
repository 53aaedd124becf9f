"""Keeps what this process holds in memory out of files: a core dump would hold keys, and who asked for what."""

from __future__ import annotations

import contextlib
import ctypes
import resource

# prctl(2). With a core_pattern that is a pipe the kernel does not look at RLIMIT_CORE: the limit is not enough.
PR_SET_DUMPABLE = 4


def keep_private() -> None:
    """No core file, and no debugger of the same user, until the process ends."""
    with contextlib.suppress(OSError, ValueError):  # a sandbox may forbid it, having done it itself
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
