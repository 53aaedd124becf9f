"""Lease files that the real DHCP servers wrote, of clients in a network namespace."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from schoolgate.identity.dnsmasq_leases import read_dnsmasq
from schoolgate.identity.isc_leases import read_isc
from schoolgate.identity.kea_leases import files_of, read_kea
from schoolgate.identity.lease_lines import LeasesRead

LAB = Path(__file__).with_name("dhcp_lab.py")
CLIENTS = [["00:00:5e:00:53:01", "year9-ipad-12"], ["02:00:5e:00:53:02", "phone"], ["00:00:5e:00:53:03", ""]]


def _kea(folder: Path) -> list[str]:
    settings = {
        "Dhcp4": {
            "interfaces-config": {"interfaces": ["lan"]},
            "lease-database": {"type": "memfile", "persist": True, "name": str(folder / "leases")},
            "subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "pools": [{"pool": "192.0.2.10-192.0.2.90"}]}],
            "valid-lifetime": 3600,
        }
    }
    (folder / "kea.json").write_text(json.dumps(settings))
    return ["kea-dhcp4", "-c", str(folder / "kea.json")]


def _dnsmasq(folder: Path) -> list[str]:
    return [
        "dnsmasq", "--no-daemon", "--port=0", "--conf-file=/dev/null", "--user=root", "--interface=lan",
        "--dhcp-range=192.0.2.10,192.0.2.90,1h", f"--dhcp-leasefile={folder / 'leases'}", "--dhcp-authoritative",
    ]  # fmt: skip


def _dhcpd(folder: Path) -> list[str]:
    (folder / "leases").touch()
    (folder / "dhcpd.conf").write_text("authoritative;\nsubnet 192.0.2.0 netmask 255.255.255.0 {\n"
                                       "  range 192.0.2.10 192.0.2.90;\n}\n")  # fmt: skip
    return ["dhcpd", "-4", "-f", "-cf", f"{folder / 'dhcpd.conf'}", "-lf", f"{folder / 'leases'}", "-pf",
            f"{folder / 'pid'}", "lan"]  # fmt: skip


def _read_kea(path: Path, now_us: int) -> LeasesRead:
    return read_kea([one.read_bytes() for one in files_of(path)], "main", now_us)


def _read_dnsmasq(path: Path, now_us: int) -> LeasesRead:
    return read_dnsmasq(path.read_bytes(), "main", now_us)


def _read_dhcpd(path: Path, now_us: int) -> LeasesRead:
    return read_isc(path.read_bytes(), "main", now_us)


@pytest.mark.parametrize(
    ("server", "read"),
    [(_kea, _read_kea), (_dnsmasq, _read_dnsmasq), (_dhcpd, _read_dhcpd)],
    ids=["kea", "dnsmasq", "dhcpd"],
)
def test_leases_that_the_server_wrote(
    tmp_path: Path, server: Callable[[Path], list[str]], read: Callable[[Path, int], LeasesRead]
) -> None:
    command = server(tmp_path)
    if shutil.which(command[0], path="/usr/sbin:/sbin:/usr/bin") is None:
        pytest.skip(f"{command[0]} is not installed")
    lab = ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, str(LAB)]
    run = subprocess.run(
        [*lab, json.dumps(command), json.dumps(CLIENTS)], capture_output=True, text=True, check=False, timeout=300
    )
    if run.returncode in (77, 1) and "not permitted" in run.stderr:
        pytest.skip(f"no network namespaces: {run.stderr}")
    assert run.returncode == 0, run.stderr
    given = json.loads(run.stdout)
    found = read(tmp_path / "leases", time.time_ns() // 1000)
    assert {one.device: one.address for one in found.claims.values()} == {f"mac:{mac}": to for mac, to in given.items()}
    names = {one.device: one.host_name for one in found.claims.values()}
    assert names == {f"mac:{mac}": name or None for mac, name in CLIENTS}
    assert found.odd == 0
