"""Which addresses are of devices in groups: from files, for the policy in force, no longer than their leases last."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import orjson
import pytest

from schoolgate.config import Settings
from schoolgate.identity.binding import Binding, Confidence
from schoolgate.identity.binding_table import BindingTable
from schoolgate.identity.bindings_file import counted, path_of, write_bindings, write_status
from schoolgate.identity.group_file import path_of_groups, write_groups
from schoolgate.policy.active_policy import ActivePolicy, compile_active_policy, read_ground, read_policy
from schoolgate.server.device_groups import LONGEST_UNSEEN_US, DeviceGroups

IPAD, PHONE = "mac:00:00:5e:00:53:01", "mac:02:00:5e:00:53:02"
NOW = 1_750_000_000_000_000
LEASE_US = 600 * 1_000_000
GROUPED = """\
format = 1
allowed_clients = ["192.0.2.0/24"]
strictest = "strict"
[policies.strict]
[policies.tablet]
extends = "strict"
unknown = "deny"
[groups."Year 9"]
policy = "tablet"
[groups.lost]
policy = "tablet"
"""


class Plane:
    """Keeps what it is told; refuses what `refuses` says."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.refuses = False

    def install_groups(self, description: bytes) -> int:
        told = orjson.loads(description)
        if self.refuses and told["addresses"]:
            raise ValueError("the groups of devices cannot be used")
        self.told.append(told)
        return len(told["addresses"])


def policy(text: str = GROUPED) -> ActivePolicy:
    ground = read_ground(Settings(), "schoolgate.toml")
    at = dt.datetime.fromtimestamp(NOW / 1e6, dt.UTC)
    return compile_active_policy(read_policy(text, "policy.toml", ground), ground, 1, at)


@pytest.fixture(scope="module")
def grouped() -> ActivePolicy:
    return policy()


def bind(state: Path, *rows: tuple[str, str], until_us: int = NOW + LEASE_US) -> None:
    (state / "identity").mkdir(exist_ok=True)
    table = BindingTable({
        address: Binding(address, device, "kea", Confidence.lease, NOW - 1, until_us) for address, device in rows
    })  # fmt: skip
    write_bindings(state, table)
    write_status(state, counted(table, (), NOW, ()))


def of_ipad(state: Path) -> tuple[Plane, DeviceGroups]:
    write_groups(state, {IPAD: ("trolley b", "year 9")})
    bind(state, ("192.0.2.17", IPAD), ("2001:db8::17", IPAD), ("192.0.2.18", PHONE))
    plane = Plane()
    return plane, DeviceGroups(plane, state)


def test_addresses_of_devices_in_groups_with_a_policy_are_installed_once(tmp_path: Path, grouped: ActivePolicy) -> None:
    plane, groups = of_ipad(tmp_path)
    groups.look(grouped, NOW)
    groups.look(grouped, NOW + 1)
    assert plane.told == [{"sets": [["year 9"]], "addresses": [["192.0.2.17", 0], ["2001:db8::17", 0]]}]
    assert (groups.problem, groups.addresses) == (None, 2)


def test_an_address_that_changes_hands_is_free_of_the_group(tmp_path: Path, grouped: ActivePolicy) -> None:
    plane, groups = of_ipad(tmp_path)
    groups.look(grouped, NOW)
    bind(tmp_path, ("192.0.2.17", PHONE))
    groups.look(grouped, NOW + 1)
    assert plane.told[-1] == {"sets": [], "addresses": []}


def test_a_lease_that_ends_ends_the_group_without_any_file_changed(tmp_path: Path, grouped: ActivePolicy) -> None:
    plane, groups = of_ipad(tmp_path)
    groups.look(grouped, NOW + LEASE_US - 1)
    assert len(plane.told[-1]["addresses"]) == 2
    groups.look(grouped, NOW + LEASE_US)
    assert plane.told[-1]["addresses"] == []


def test_leases_that_nothing_has_read_for_an_hour_count_no_more(tmp_path: Path, grouped: ActivePolicy) -> None:
    write_groups(tmp_path, {IPAD: ("lost",)})
    bind(tmp_path, ("192.0.2.17", IPAD), until_us=NOW + 100 * LONGEST_UNSEEN_US)
    plane = Plane()
    groups = DeviceGroups(plane, tmp_path)
    groups.look(grouped, NOW + LONGEST_UNSEEN_US - 1)
    assert len(plane.told[-1]["addresses"]) == 1
    groups.look(grouped, NOW + LONGEST_UNSEEN_US)
    assert plane.told[-1]["addresses"] == []
    assert "start `schoolgate identity`" in str(groups.problem)


@pytest.mark.parametrize("path", [path_of, path_of_groups])
@pytest.mark.parametrize("content", [b"", b"x", b"schoolgate bindings 1 0\n{}"])
def test_a_damaged_file_leaves_the_policy_of_the_network_and_is_said(
    tmp_path: Path, grouped: ActivePolicy, path: Any, content: bytes
) -> None:
    plane, groups = of_ipad(tmp_path)
    groups.look(grouped, NOW)
    path(tmp_path).write_bytes(content)
    groups.look(grouped, NOW + 1)
    assert plane.told[-1]["addresses"] == []
    assert str(path(tmp_path)) in str(groups.problem)
    assert "the policy of its network" in str(groups.problem)
    path(tmp_path).unlink()
    groups.look(grouped, NOW + 2)
    assert groups.problem is None


def test_what_the_engine_refuses_leaves_the_policy_of_the_network(tmp_path: Path, grouped: ActivePolicy) -> None:
    plane, groups = of_ipad(tmp_path)
    plane.refuses = True
    groups.look(grouped, NOW)
    assert plane.told == [{"sets": [], "addresses": []}]
    assert "cannot be used" in str(groups.problem)


def test_a_policy_without_groups_reads_and_installs_nothing(tmp_path: Path, grouped: ActivePolicy) -> None:
    plane, groups = of_ipad(tmp_path)
    without = policy(GROUPED.partition("[groups")[0])
    path_of(tmp_path).write_bytes(b"damaged")
    groups.look(without, NOW)
    assert (plane.told, groups.problem) == ([], None)
    bind(tmp_path, ("192.0.2.17", IPAD))
    groups.look(grouped, NOW)
    groups.look(without, NOW)
    assert [len(one["addresses"]) for one in plane.told] == [1, 0]
