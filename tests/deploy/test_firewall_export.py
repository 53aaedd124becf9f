"""What `schoolgate export firewall` prints, read by nft and ipset, and tried on a school of network namespaces."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from schoolgate.config import parse
from schoolgate.firewall import Format, exported, place_of, read_resolvers

Run = CompletedProcess[str]
SCHOOL = Path(__file__).with_name("school_in_namespaces.py")
SET = "schoolgate-resolvers4"
VLANS = ("vlan10", "vlan20", "vlan30", "vlan40")


@pytest.fixture
def alone(reader: Callable[..., Run]) -> Callable[..., Run]:
    """Runs a program in a network of its own; skips where the machine does not allow that."""
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    if reader("unshare", *rights, "--net", "--mount", "true", package="util-linux").returncode != 0:
        pytest.skip("this machine allows no network namespaces (needs root, or user namespaces)")

    def run(*command: str | Path) -> Run:
        return reader("unshare", *rights, "--net", "--mount", *command, package="util-linux")

    return run


def written(form: Format, folder: Path, repository: Path, *resolvers: str) -> Path:
    place = place_of(VLANS, resolvers or ("10.1.0.53", "2001:db8:1::53"), parse("", "defaults"))
    path = folder / f"rules.{form}"
    path.write_text(exported(form, read_resolvers(repository / "lists"), place), encoding="utf-8")
    return path


@pytest.mark.parametrize("resolvers", [(), ("10.1.0.53",), ("2001:db8:1::53",)], ids=["both", "v4", "v6"])
def test_nft_accepts_the_rules(
    tmp_path: Path, repository: Path, reader: Callable[..., Run], alone: Callable[..., Run], resolvers: tuple[str, ...]
) -> None:
    reader("nft", "--version", package="nftables")
    run = alone("nft", "-c", "-f", written(Format.nftables, tmp_path, repository, *resolvers))
    assert (run.returncode, run.stdout) == (0, "")


def test_ipset_takes_both_sets_twice(
    tmp_path: Path, repository: Path, reader: Callable[..., Run], alone: Callable[..., Run]
) -> None:
    reader("ipset", "--version", package="ipset")
    path = written(Format.ipset, tmp_path, repository)
    if alone("ipset", "list").returncode != 0:
        pytest.skip("this kernel has no ipset")
    run = alone(
        "sh",
        "-c",
        f"ipset restore < {path} && ipset restore < {path} && ipset list -t && ipset test {SET} 45.90.28.7",
    )
    assert run.returncode == 0, run.stdout
    assert "-new" not in run.stdout
    assert "is in set schoolgate-resolvers4" in run.stdout


def test_a_stray_question_reaches_schoolgate_and_encrypted_dns_is_refused(
    tmp_path: Path, repository: Path, reader: Callable[..., Run], alone: Callable[..., Run]
) -> None:
    reader("nft", "--version", package="nftables")
    reader("ip", "-V", package="iproute2")
    run = alone(sys.executable, SCHOOL, written(Format.nftables, tmp_path, repository))
    if run.returncode == 77:
        pytest.skip(f"no school of namespaces can be built here: {run.stdout.strip()}")
    assert run.returncode == 0, run.stdout
    happened = json.loads(run.stdout)
    assert {what: came for what, came in happened.items() if ":853" in what} == {
        f"{protocol} {address}:853": "refused"
        for address in ("192.0.2.9", "[2001:db8:ffff::9]")
        for protocol in ("tcp", "udp")
    }
    assert happened["udp 192.0.2.9:53"] == "10.1.20.50 asked 10.1.0.53"
    assert happened["tcp [2001:db8:ffff::9]:53"] == "2001:db8:1:20::50 asked 2001:db8:1::53"
