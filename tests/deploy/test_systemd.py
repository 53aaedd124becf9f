"""The systemd units, the account and the directories, read by systemd's own programs."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = CompletedProcess[str]

UNITS = (
    "schoolgate.service",
    "schoolgate-lists.service",
    "schoolgate-lists.timer",
    "schoolgate-monitor.service",
    "schoolgate-control.service",
    "schoolgate-console.service",
    "schoolgate-identity.service",
    "schoolgate-backup.service",
    "schoolgate-backup.timer",
)
# Exposure in tenths, as `systemd-analyze security` counts (100 is bare). What is left is what a DNS server needs: the
# network and port 53. A directive that somebody drops shows as a rise.
MOST_EXPOSED = {
    "schoolgate.service": 15,
    "schoolgate-lists.service": 11,
    "schoolgate-monitor.service": 11,
    "schoolgate-control.service": 11,
    "schoolgate-console.service": 15,
    "schoolgate-identity.service": 11,
    "schoolgate-backup.service": 11,
}


def settings(unit: Path) -> dict[str, list[str]]:
    """The directives of a unit: each key with all its values."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def units_of_an_installed_machine(deploy: Path, tmp_path: Path) -> list[Path]:
    """Copies whose commands exist here: systemd reports a missing program, and schoolgate need not be installed."""
    program = tmp_path / "schoolgate"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    copies = []
    for name in UNITS:
        text = (deploy / "systemd" / name).read_text(encoding="utf-8")
        copies.append(tmp_path / name)
        copies[-1].write_text(text.replace("/usr/bin/schoolgate", str(program)), encoding="utf-8")
    return copies


def test_systemd_finds_nothing_to_complain_about(
    units_of_an_installed_machine: list[Path], reader: Callable[..., Run]
) -> None:
    run = reader("systemd-analyze", "verify", "--man=no", *units_of_an_installed_machine, package="systemd")
    assert (run.returncode, run.stdout) == (0, "")


def test_systemd_complaints_would_be_seen(
    units_of_an_installed_machine: list[Path], reader: Callable[..., Run]
) -> None:
    service = units_of_an_installed_machine[0]
    service.write_text(
        service.read_text(encoding="utf-8").replace("WatchdogSec=60", "WatchdogSec=soon"), encoding="utf-8"
    )
    run = reader("systemd-analyze", "verify", "--man=no", service, package="systemd")
    assert "soon" in run.stdout


@pytest.mark.parametrize("unit", MOST_EXPOSED)
def test_a_service_is_not_more_exposed_than_it_needs(unit: str, deploy: Path, reader: Callable[..., Run]) -> None:
    threshold = f"--threshold={MOST_EXPOSED[unit]}"
    path = deploy / "systemd" / unit
    run = reader("systemd-analyze", "security", "--offline=true", "--no-pager", threshold, path, package="systemd")
    assert run.returncode == 0, run.stdout


def test_the_resolver_has_port_53_and_no_other_privilege(deploy: Path) -> None:
    service = settings(deploy / "systemd" / "schoolgate.service")
    assert service["AmbientCapabilities"] == ["CAP_NET_BIND_SERVICE"]
    assert service["CapabilityBoundingSet"] == ["CAP_NET_BIND_SERVICE"]
    assert service["User"] == ["schoolgate"]
    assert service["RestrictAddressFamilies"] == ["AF_INET AF_INET6 AF_UNIX"]


def test_the_resolver_is_started_watched_and_restarted_by_systemd(deploy: Path) -> None:
    service = settings(deploy / "systemd" / "schoolgate.service")
    assert service["Type"] == ["notify"]
    assert int(service["WatchdogSec"][0]) >= 30, "a shorter hang is survived from the cache"
    assert service["Restart"] == ["always"]
    assert service["StartLimitIntervalSec"] == ["0"]
    assert not list((deploy / "systemd").glob("*.socket"))


@pytest.mark.parametrize("unit", MOST_EXPOSED)
def test_memory_with_hashes_and_names_reaches_no_disk(unit: str, deploy: Path) -> None:
    service = settings(deploy / "systemd" / unit)
    assert service["LimitCORE"] == ["0"]
    assert service["CoredumpFilter"] == ["0x0"]
    assert service["MemorySwapMax"] == ["0"]


def test_a_list_update_may_fetch_and_do_nothing_else(deploy: Path) -> None:
    service = settings(deploy / "systemd" / "schoolgate-lists.service")
    assert service["ExecStart"][0].split()[1:3] == ["lists", "update"]
    assert service["RestrictAddressFamilies"] == ["AF_INET AF_INET6 AF_UNIX"]
    assert service["IPAddressDeny"] == ["169.254.0.0/16 multicast"], "where clouds keep their keys"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == [""]
    assert service["ProtectSystem"] == ["strict"]


def test_a_list_update_leaves_the_resolver_its_runtime_directory(deploy: Path) -> None:
    service = settings(deploy / "systemd" / "schoolgate-lists.service")
    assert service["RemoveIPC"] == ["no"]
    assert "RuntimeDirectory" not in service, "systemd would remove the resolver's control socket when the build ends"


def test_machines_of_a_trust_do_not_build_in_the_same_minute(deploy: Path) -> None:
    timer = settings(deploy / "systemd" / "schoolgate-lists.timer")
    assert timer["RandomizedDelaySec"] == ["40min"]
    assert timer["Persistent"] == ["yes"]


def test_the_accounts_are_made_without_shell(deploy: Path, tmp_path: Path, reader: Callable[..., Run]) -> None:
    (tmp_path / "etc").mkdir()
    account = deploy / "sysusers.d" / "schoolgate.conf"
    run = reader("systemd-sysusers", f"--root={tmp_path}", "--dry-run", account, package="systemd")
    assert run.returncode == 0, run.stdout
    if os.geteuid() != 0:
        pytest.skip("only root can make the account; the dry run passed")
    reader("systemd-sysusers", f"--root={tmp_path}", account, package="systemd")
    entries = [line.split(":") for line in (tmp_path / "etc/passwd").read_text(encoding="utf-8").splitlines()]
    assert sorted((one[0], one[-2], one[-1]) for one in entries) == [
        ("schoolgate", "/var/lib/schoolgate", "/usr/sbin/nologin"),
        ("schoolgate-console", "/", "/usr/sbin/nologin"),
        ("schoolgate-identity", "/", "/usr/sbin/nologin"),
    ]


def test_directories_belong_to_those_who_write_them(deploy: Path, tmp_path: Path, reader: Callable[..., Run]) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give directories away")
    configuration = tmp_path / "etc/schoolgate/schoolgate.toml"
    configuration.parent.mkdir(parents=True)
    configuration.touch(mode=0o644)
    reader("systemd-sysusers", f"--root={tmp_path}", deploy / "sysusers.d/schoolgate.conf", package="systemd")
    run = reader(
        "systemd-tmpfiles", "--create", f"--root={tmp_path}", deploy / "tmpfiles.d/schoolgate.conf", package="systemd"
    )
    assert run.returncode == 0, run.stdout
    entries = (line.split(":") for line in (tmp_path / "etc/passwd").read_text(encoding="utf-8").splitlines())
    accounts = {one[0]: int(one[2]) for one in entries}
    account = accounts["schoolgate"]

    def owner_and_mode(path: str) -> tuple[int, int, int]:
        status = (tmp_path / path).stat()
        return status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)

    assert owner_and_mode("etc/schoolgate") == (0, account, 0o750)
    assert owner_and_mode("etc/schoolgate/schoolgate.toml") == (0, account, 0o640)
    assert owner_and_mode("var/lib/schoolgate") == (account, account, 0o2750)
    naming = accounts["schoolgate-identity"]
    assert owner_and_mode("var/lib/schoolgate/identity") == (naming, account, 0o2750)


@pytest.mark.parametrize("command", ["monitor", "control"])
def test_what_runs_beside_the_resolver_gives_way_to_it_and_has_no_privilege(deploy: Path, command: str) -> None:
    service = settings(deploy / "systemd" / f"schoolgate-{command}.service")
    assert service["ExecStart"][0].split()[1] == command
    assert service["PartOf"] == ["schoolgate.service"], "an upgrade must restart both"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == [""]
    assert "Requires" not in service
    assert int(service["CPUWeight"][0]) < 100
    assert "RuntimeDirectory" not in service, "systemd would remove the resolver's control socket when the monitor ends"


def test_the_console_is_another_user_that_can_write_nothing(deploy: Path) -> None:
    service = settings(deploy / "systemd" / "schoolgate-console.service")
    assert service["User"] == service["Group"] == ["schoolgate-console"]
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ["CAP_NET_BIND_SERVICE"]
    assert service["ProtectSystem"] == ["strict"]
    assert not {"StateDirectory", "ReadWritePaths", "RuntimeDirectory", "Requires"} & service.keys()
    assert service["PartOf"] == ["schoolgate.service"], "an upgrade must restart both"
    assert service["Restart"] == ["on-failure"], "where it is switched off it ends well, and stays ended"


def test_what_reads_leases_is_another_user_without_a_network(deploy: Path) -> None:
    service = settings(deploy / "systemd" / "schoolgate-identity.service")
    assert service["User"] == service["Group"] == ["schoolgate-identity"]
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == [""]
    assert service["IPAddressDeny"] == ["any"]
    assert service["RestrictAddressFamilies"] == ["AF_UNIX AF_NETLINK"]
    assert service["ReadWritePaths"] == ["/var/lib/schoolgate/identity"]
    assert service["PartOf"] == ["schoolgate.service"], "an upgrade must restart both"
    assert service["Restart"] == ["on-failure"], "without sources it ends well, and stays ended"


def test_a_backup_is_made_when_the_settings_say_so_and_can_be_written_where_disks_are_mounted(deploy: Path) -> None:
    service, timer = (settings(deploy / "systemd" / f"schoolgate-backup.{kind}") for kind in ("service", "timer"))
    assert service["ExecStart"][0].split()[1:4] == ["backup", "create", "--if-due"]
    assert service["ReadWritePaths"] == ["-/mnt -/media -/srv"]
    assert service["ProtectSystem"] == ["strict"]
    assert service["RemoveIPC"] == ["no"]
    assert "RuntimeDirectory" not in service, "systemd would remove the resolver's control socket when it ends"
    assert timer["Persistent"] == ["yes"]
    assert timer["OnCalendar"] == ["*:00/15"], "the time of day is in schoolgate.toml; this only asks"
