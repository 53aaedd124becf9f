"""The sample configurations: accepted by `schoolgate check`, and in keeping with the network plan of deploy/."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
POLICIES = sorted([*DEPLOY.glob("samples/*.policy.toml"), *DEPLOY.glob("container/*.policy.toml")])
SETTINGS = sorted({*DEPLOY.glob("samples/*.toml"), *DEPLOY.glob("container/*.toml")} - set(POLICIES))


def name(path: Path) -> str:
    return str(path.relative_to(DEPLOY))


def schoolgate(*arguments: str | Path, state: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "schoolgate", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "SCHOOLGATE_STATE_DIR": str(state), "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"},
    )


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def test_there_is_a_sample_for_each_kind_of_school() -> None:
    assert [name(path) for path in SETTINGS] == [
        "container/schoolgate.toml",
        "samples/several-vlans.toml",
        "samples/small-school.toml",
        "samples/split-view.toml",
    ]


@pytest.mark.parametrize("settings", SETTINGS, ids=name)
def test_schoolgate_accepts_the_sample(settings: Path, tmp_path: Path) -> None:
    run = schoolgate("check", "--config", settings, state=tmp_path)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("settings", SETTINGS, ids=name)
def test_a_mistake_in_a_copy_is_found_and_named(settings: Path, tmp_path: Path) -> None:
    for file in (settings, settings.with_name(read(settings)["policy"]["file"])):
        shutil.copy(file, tmp_path)
    copy = tmp_path / settings.name
    copy.write_text(copy.read_text(encoding="utf-8").replace("[forwarders]", "[forwarderz]"), encoding="utf-8")
    run = schoolgate("check", "--config", copy, state=tmp_path)
    assert run.returncode != 0
    assert "forwarderz" in run.stdout


@pytest.mark.parametrize("settings", SETTINGS, ids=name)
def test_the_policy_beside_a_sample_is_its_own(settings: Path) -> None:
    assert read(settings)["policy"]["file"] == f"{settings.stem}.policy.toml"
    assert settings.with_name(f"{settings.stem}.policy.toml") in POLICIES


@pytest.mark.parametrize("policy", POLICIES, ids=name)
def test_only_categories_that_exist_are_named(policy: Path) -> None:
    known = {category["id"] for category in read(DEPLOY.parent / "lists/categories.toml")["category"]}
    for branch in read(policy)["policies"].values():
        for level in (branch, branch.get("locked", {})):
            assert {category for category in level.get("categories", {}) if ":" not in category} <= known


@pytest.mark.parametrize("policy", POLICIES, ids=name)
def test_no_sample_is_an_open_resolver(policy: Path) -> None:
    document = read(policy)
    allowed = [ipaddress.ip_network(prefix) for prefix in document["allowed_clients"]]
    assert all(prefix.is_private for prefix in allowed)
    for segment in document.get("segments", {}).values():
        for text in segment["prefixes"]:
            prefix = ipaddress.ip_network(text)
            assert any(
                prefix.version == outer.version and prefix.subnet_of(outer)  # type: ignore[arg-type]
                for outer in allowed
            ), f"{text} is a segment whose clients are refused"


@pytest.mark.parametrize("sample", ["several-vlans", "split-view"])
def test_the_sample_listens_where_dhcp_and_firewall_send_the_devices(sample: str) -> None:
    listen = read(DEPLOY / f"samples/{sample}.toml")["server"]["listen"]
    assert {"10.1.0.53:53", "[2001:db8:1::53]:53"} <= set(listen)
    rules = (DEPLOY / "firewall/nftables.conf").read_text(encoding="utf-8")
    assert re.findall(r"^define schoolgate[46] = (\S+)$", rules, re.MULTILINE) == ["10.1.0.53", "2001:db8:1::53"]


def test_each_vlan_of_the_plan_has_its_segment() -> None:
    segments = read(DEPLOY / "samples/several-vlans.policy.toml")["segments"]
    v4 = {prefix for segment in segments.values() for prefix in segment["prefixes"] if ":" not in prefix}
    assert v4 == {"10.1.0.0/24", "10.1.10.0/24", "10.1.20.0/22", "10.1.30.0/24", "10.1.40.0/24"}
