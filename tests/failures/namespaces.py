"""A server in a mount or network namespace of its own, so that its disk may fill and its network may lack things.

Needs root, as in a container of CI; elsewhere these tests are skipped and say so.
"""

from __future__ import annotations

import subprocess

import pytest


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


needs_mounts = pytest.mark.skipif(
    not _works("unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=64k", "none", "/mnt"),
    reason="needs root and unshare(1), to mount a small disk in a namespace of its own",
)
needs_network = pytest.mark.skipif(
    not _works("unshare", "--net", "ip", "link", "set", "lo", "up"),
    reason="needs root, unshare(1) and ip(8), to make a network of its own",
)


def with_mounts(script: str) -> list[str]:
    """Runs a command in a mount namespace of its own, after `script`; the machine sees nothing of it."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", f'{script}\nexec "$@"', "sh"]


def with_network(script: str) -> list[str]:
    """Runs a command in a network of its own, after `script`."""
    return ["unshare", "--net", "sh", "-ec", f'{script}\nexec "$@"', "sh"]


def inside(pid: int) -> list[str]:
    """Runs a command where the mounts of process `pid` are seen."""
    return ["nsenter", f"--mount=/proc/{pid}/ns/mnt", f"--wd=/proc/{pid}/cwd"]


def inside_network(pid: int) -> list[str]:
    """Runs a command in the network of process `pid`."""
    return ["nsenter", f"--net=/proc/{pid}/ns/net"]
