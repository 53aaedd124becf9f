"""The tree is what ARCHITECTURE.md says it is: imports point one way, and named paths exist."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "schoolgate"

# Who may use whom. A crate or package that is not named here does not exist yet.
CRATES = {
    "wire": set(),
    "policy": {"wire"},
    "querylog": set(),
    "plane": {"wire", "policy", "querylog"},
    "bindings": {"wire", "policy", "plane", "querylog"},
}
EVERYWHERE = {"errors", "config", "telemetry", "state_dir", "unlinked", "whole_file"}
PACKAGES = {
    "config": set(),
    "errors": set(),
    "state_dir": set(),
    "telemetry": set(),
    "policy": {"_core"},
    "resolver": {"_core"},
    "lists": {"_core", "policy"},
    "control": {"_core"},
    "sealed": {"_core", "lists"},
    "pseudonyms": set(),
    "querylog": {"_core", "pseudonyms"},
    "unlinked": set(),
    "log_off": {"pseudonyms", "querylog"},
    "upstreams": {"resolver"},
    "wall_clock": set(),
    "whole_file": set(),
    "regime": {"_core", "policy"},
    "in_force": {"policy", "lists", "regime", "sealed"},
    "status": {"_core", "checks", "lists", "monitoring", "sealed", "service"},
    "recording": {"log_off", "pseudonyms"},
    # What is there when the first query is answered, and `service`, which is loaded after it.
    "start": {"_core", "in_force", "pseudonyms", "recording", "resolver", "sealed", "service", "wall_clock"},
    "service": {
        "_core",
        "commanded",
        "control",
        "in_force",
        "metrics",
        "pseudonyms",
        "recording",
        "resolver",
        "status",
        "upstreams",
        "wall_clock",
    },
    "commanded": {"control", "in_force", "sealed", "service", "status"},
    "stub_resolver": set(),
    "firewall": set(),
    "metrics": set(),
    "suggestions": {"_core", "lists", "policy", "querylog"},
    "reports": {"checks", "control", "lists", "policy", "querylog", "sealed"},
    "checks": {"_core", "control", "in_force", "lists", "policy", "regime", "sealed", "stub_resolver", "upstreams"},
    "commands": {
        "_core",
        "checks",
        "control",
        "firewall",
        "in_force",
        "lists",
        "metrics",
        "monitoring",
        "monitor_child",
        "reports",
        "suggestions",
        "policy",
        "querylog",
        "regime",
        "sealed",
        "service",
        "start",
        "stub_resolver",
    },
    "cli": {
        "cli_alerts",
        "cli_check",
        "cli_export",
        "cli_lists",
        "cli_log",
        "cli_options",
        "cli_report",
        "cli_sealed",
        "commands",
    },
    "cli_report": {"cli_options", "commands"},
    "cli_check": {"cli_options", "commands"},
    "cli_export": {"cli_options", "commands"},
    "monitoring": {"_core", "checks", "policy", "querylog", "regime", "reports", "sealed", "suggestions"},
    "monitor_child": set(),
    "cli_alerts": {"cli_options", "commands"},
    "cli_lists": {"commands", "cli_options", "cli_suggestions"},
    "cli_suggestions": {"commands", "cli_options"},
    "cli_log": {"commands", "cli_options"},
    "cli_options": {"commands"},
    "cli_sealed": {"commands", "cli_options"},
    "__main__": {"cli", "commands"},
}

# Of a page that people read: lines, octets, and octets of its longest line.
READABLE = {
    "ARCHITECTURE.md": (300, 43_000, 400),
    "CONTRIBUTING.md": (100, 6_000, 200),
    "README.md": (120, 8_000, 150),
    "SECURITY.md": (60, 4_500, 350),
}


def _crate_dependencies(crate: str) -> set[str]:
    manifest = tomllib.loads((ROOT / "rust" / crate / "Cargo.toml").read_text())
    names = {**manifest.get("dependencies", {})}
    return {name.removeprefix("schoolgate-") for name in names if name.startswith("schoolgate-")}


@pytest.mark.parametrize("crate", sorted(CRATES))
def test_crates_depend_one_way(crate: str) -> None:
    assert _crate_dependencies(crate) <= CRATES[crate]


def test_every_crate_is_in_the_table() -> None:
    crates = {path.parent.name for path in (ROOT / "rust").glob("*/Cargo.toml")} - {"fuzz"}
    assert crates == set(CRATES)


def test_only_the_bindings_name_pyo3() -> None:
    naming = {path.parent.name for path in (ROOT / "rust").glob("*/Cargo.toml") if "pyo3" in path.read_text()}
    assert naming == {"bindings"}


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            if node.module == "schoolgate":
                yield from (f"schoolgate.{alias.name}" for alias in node.names)


def _parts() -> dict[str, list[Path]]:
    parts: dict[str, list[Path]] = {}
    for path in PACKAGE.rglob("*.py"):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part not in ("__init__", "shipped"):
            parts.setdefault(part, []).append(path)
    return parts


@pytest.mark.parametrize("part", sorted(_parts()))
def test_packages_import_one_way(part: str) -> None:
    allowed = PACKAGES[part] | EVERYWHERE | {part}
    for path in _parts()[part]:
        used = {name.split(".")[1] for name in _imported(path) if name.startswith("schoolgate.")}
        assert used <= allowed, f"{path.relative_to(ROOT)} imports {used - allowed}"


def test_paths_named_in_architecture_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:rust|python|lists|deploy|benchmarks|tests)/[\w./*-]+?)(?:::[\w]+)?`", text))
    assert len(named) > 20, "the document names its places"
    missing = {name for name in named if not any(ROOT.glob(name.rstrip("/")))}
    assert not missing


def test_tests_named_in_architecture_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:rust|tests)/[\w./-]+)::(\w+)`", text)
    missing = [f"{path}::{test}" for path, test in named if not _defines(ROOT / path, test)]
    assert not missing


def _defines(path: Path, test: str) -> bool:
    return path.exists() and re.search(rf"\b(?:def|fn) {test}\b", path.read_text(encoding="utf-8")) is not None


@pytest.mark.parametrize("page", sorted(READABLE))
def test_pages_stay_readable(page: str) -> None:
    text = (ROOT / page).read_bytes()
    lines = text.splitlines()
    most_lines, most_octets, longest_line = READABLE[page]
    assert len(lines) <= most_lines
    assert len(text) <= most_octets
    assert max(map(len, lines)) <= longest_line, "a line of a table that is longer hides a page in a cell"
