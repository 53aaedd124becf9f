"""The exported options, read by the servers they are for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from schoolgate.generated_files.device_scripts import android_script
from schoolgate.generated_files.dhcp_options import DhcpServer, dhcp_options
from schoolgate.generated_files.dnr_options import DnrServer, dnr_options
from schoolgate.generated_files.own_servers import Addresses, OwnDoor

Run = CompletedProcess[str]
ADDRESSES = Addresses(("10.1.0.53", "10.1.0.54"), ("2001:db8:1::53",))
DOOR = OwnDoor("dns.school.example", 8443, 853)
READERS = {
    "dnsmasq": ("dnsmasq-base", "dnsmasq", "--test", "--conf-file={}"),
    "kea4": ("kea-dhcp4-server", "kea-dhcp4", "-t", "{}"),
    "kea6": ("kea-dhcp6-server", "kea-dhcp6", "-t", "{}"),
    "isc": ("isc-dhcp-server", "dhcpd", "-t", "-4", "-cf", "{}", "-lf", "/dev/null"),
    "radvd": ("radvd", "radvd", "--configtest", "--logmethod", "stderr", "--config", "{}"),
}


@pytest.fixture
def accepted(tmp_path: Path, reader: Callable[..., Run]) -> Callable[[str, str], Run]:
    """Reads a configuration with its server; it must accept it."""

    def read(server: str, text: str) -> Run:
        path = tmp_path / f"{server}.conf"
        path.write_text(text, encoding="utf-8")
        package, *command = READERS[server]
        run = reader(*[word.format(path) for word in command], package=package)
        assert run.returncode == 0, run.stdout
        return run

    return read


@pytest.mark.parametrize("server", READERS)
def test_the_server_accepts_its_dns_servers(server: str, accepted: Callable[[str, str], Run]) -> None:
    accepted(server, dhcp_options(DhcpServer(server), ADDRESSES))


@pytest.mark.parametrize("server", ["dnsmasq", "kea4", "kea6"])
def test_the_server_accepts_the_encrypted_doors(server: str, accepted: Callable[[str, str], Run]) -> None:
    accepted(server, dnr_options(DnrServer(server), DOOR, ADDRESSES))


def test_kea_refuses_such_an_option_that_is_cut_off(
    tmp_path: Path, accepted: Callable[[str, str], Run], reader: Callable[..., Run]
) -> None:
    """Else what it accepts would say nothing."""
    whole = json.loads(dnr_options(DnrServer.kea4, DOOR, ADDRESSES))
    accepted("kea4", json.dumps(whole))
    whole["Dhcp4"]["option-data"][0]["data"] += "0"
    path = tmp_path / "cut.conf"
    path.write_text(json.dumps(whole).replace('"csv-format": false', '"csv-format": true'), encoding="utf-8")
    assert reader("kea-dhcp4", "-t", str(path), package="kea-dhcp4-server").returncode != 0


@pytest.mark.parametrize("door", [None, DOOR])
def test_the_shell_reads_the_script_of_android(
    tmp_path: Path, door: OwnDoor | None, reader: Callable[..., Run]
) -> None:
    path = tmp_path / "android.sh"
    path.write_text(android_script(door), encoding="utf-8")
    assert reader("sh", "-n", str(path), package="dash").returncode == 0
