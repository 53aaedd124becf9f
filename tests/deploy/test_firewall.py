"""The nftables rules: read by nft, and tried on a school of three network namespaces."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = CompletedProcess[str]
SCHOOL = Path(__file__).with_name("school_in_namespaces.py")


@pytest.fixture
def alone(reader: Callable[..., Run]) -> Callable[..., Run]:
    """Runs a program in a network of its own; skips where the machine does not allow that."""
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    if reader("unshare", *rights, "--net", "--mount", "true", package="util-linux").returncode != 0:
        pytest.skip("this machine allows no network namespaces (needs root, or user namespaces)")

    def run(*command: str | Path) -> Run:
        return reader("unshare", *rights, "--net", "--mount", *command, package="util-linux")

    return run


def test_nft_accepts_the_rules(deploy: Path, reader: Callable[..., Run], alone: Callable[..., Run]) -> None:
    reader("nft", "--version", package="nftables")
    run = alone("nft", "-c", "-f", deploy / "firewall/nftables.conf")
    assert (run.returncode, run.stdout) == (0, "")


def test_a_stray_question_reaches_schoolgate_with_its_own_address_and_encrypted_dns_is_refused(
    deploy: Path, reader: Callable[..., Run], alone: Callable[..., Run]
) -> None:
    reader("nft", "--version", package="nftables")
    reader("ip", "-V", package="iproute2")
    run = alone(sys.executable, SCHOOL, deploy / "firewall/nftables.conf")
    if run.returncode == 77:
        pytest.skip(f"no school of namespaces can be built here: {run.stdout.strip()}")
    assert run.returncode == 0, run.stdout
    assert json.loads(run.stdout) == {
        "udp 192.0.2.9:53": "10.1.20.50 asked 10.1.0.53",
        "tcp 192.0.2.9:53": "10.1.20.50 asked 10.1.0.53",
        "udp 10.1.0.53:53": "10.1.20.50 asked 10.1.0.53",
        "udp [2001:db8:ffff::9]:53": "2001:db8:1:20::50 asked 2001:db8:1::53",
        "tcp [2001:db8:ffff::9]:53": "2001:db8:1:20::50 asked 2001:db8:1::53",
        "tcp 192.0.2.9:853": "refused",
        "udp 192.0.2.9:853": "refused",
        "tcp [2001:db8:ffff::9]:853": "refused",
        "udp [2001:db8:ffff::9]:853": "refused",
    }
