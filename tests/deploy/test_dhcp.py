"""The DHCP and router-advertisement snippets: read by their servers, and advertising schoolgate and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = CompletedProcess[str]

SCHOOLGATE = {"10.1.0.53", "2001:db8:1::53"}
# How each file writes the DNS servers it hands out.
DNS_SERVERS = {
    "dnsmasq.conf": r"^dhcp-option=.*:dns-server,(.+)$",
    "isc-dhcpd.conf": r"domain-name-servers ([^;]+);|name-servers ([^;]+);",
    "radvd.conf": r"^\s*RDNSS ([^{]+){",
    "windows.ps1": r"^\$schoolgate[46] = '([^']+)'",
    "mikrotik.rsc": r"^add .*\bdns(?:-server)?=(\S+)",
    "opnsense.md": r"\*?DNS servers\*? ([0-9a-f.:]+)[, ;]",
}


def kea(file: Path) -> dict[str, object]:
    """Kea's dialect is JSON with comments."""
    text = re.sub(r"//[^\n\"]*$|^\s*//.*$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    top = json.loads(text)
    assert isinstance(top, dict)
    found: dict[str, object] = next(iter(top.values()))
    return found


def options(level: object, name: str) -> Iterator[str]:
    """The values of an option wherever it is set."""
    if isinstance(level, list):
        for item in level:
            yield from options(item, name)
    elif isinstance(level, dict):
        if level.get("name") == name:
            yield str(level["data"])
        for item in level.values():
            yield from options(item, name)


@pytest.mark.parametrize(
    ("file", "command", "package"),
    [
        ("dnsmasq.conf", ["dnsmasq", "--test", "--conf-file={}"], "dnsmasq-base"),
        ("kea-dhcp4.conf", ["kea-dhcp4", "-t", "{}"], "kea-dhcp4-server"),
        ("kea-dhcp6.conf", ["kea-dhcp6", "-t", "{}"], "kea-dhcp6-server"),
        ("isc-dhcpd.conf", ["dhcpd", "-t", "-4", "-cf", "{}", "-lf", "/dev/null"], "isc-dhcp-server"),
        ("radvd.conf", ["radvd", "--configtest", "--logmethod", "stderr", "--config", "{}"], "radvd"),
    ],
)
def test_the_server_accepts_its_file(
    file: str, command: list[str], package: str, deploy: Path, reader: Callable[..., Run]
) -> None:
    path = str(deploy / "dhcp" / file)
    run = reader(*[word.format(path) for word in command], package=package)
    assert run.returncode == 0, run.stdout
    assert "warning" not in run.stdout.lower()


@pytest.mark.parametrize("file", DNS_SERVERS)
def test_only_schoolgate_is_advertised(file: str, deploy: Path) -> None:
    text = (deploy / "dhcp" / file).read_text(encoding="utf-8")
    values = [next(filter(None, found.groups())) for found in re.finditer(DNS_SERVERS[file], text, re.MULTILINE)]
    servers = {server.strip("[]") for value in values for server in re.split(r"[,\s]+", value.strip())}
    assert servers
    assert servers <= SCHOOLGATE, "a mixed pair sends part of the questions round the filter"


@pytest.mark.parametrize(
    ("file", "subnets", "option", "server"),
    [
        ("kea-dhcp4.conf", "subnet4", "domain-name-servers", "10.1.0.53"),
        ("kea-dhcp6.conf", "subnet6", "dns-servers", "2001:db8:1::53"),
    ],
)
def test_kea_advertises_only_schoolgate_in_each_vlan_and_by_default(
    file: str, subnets: str, option: str, server: str, deploy: Path
) -> None:
    configuration = kea(deploy / "dhcp" / file)
    vlans = configuration[subnets]
    assert isinstance(vlans, list)
    assert len(vlans) == 3
    for vlan in vlans:
        assert list(options(vlan, option)) == [server]
    assert list(options(configuration["option-data"], option)) == [server]


@pytest.mark.parametrize("file", ["dnsmasq.conf", "kea-dhcp4.conf", "isc-dhcpd.conf", "windows.ps1", "mikrotik.rsc"])
def test_each_vlan_has_its_example(file: str, deploy: Path) -> None:
    text = (deploy / "dhcp" / file).read_text(encoding="utf-8")
    for network in ("10.1.10.", "10.1.20.", "10.1.30."):
        assert network in text


def test_dnsmasq_gives_every_range_a_server_in_place_of_its_own_address(deploy: Path) -> None:
    text = (deploy / "dhcp" / "dnsmasq.conf").read_text(encoding="utf-8")
    ranges = re.findall(r"^dhcp-range=set:(\w+),", text, re.MULTILINE)
    assert len(ranges) == 6
    for tag in ranges:
        assert re.search(rf"^dhcp-option=tag:{tag},option6?:dns-server,", text, re.MULTILINE), tag
    assert "\nport=0\n" in text
