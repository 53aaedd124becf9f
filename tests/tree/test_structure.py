"""The tree is what ARCHITECTURE.md says it is: imports point one way, and named paths exist."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.tree.circles import find_circle

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "schoolgate"

# Who may use whom. A crate or package that is not named here does not exist yet.
CRATES = {
    "wire": set(),
    "policy": {"wire"},
    "querylog": set(),
    "plane": {"wire", "policy", "querylog"},
    "streams": {"wire", "plane", "querylog"},
    "bindings": {"wire", "policy", "plane", "querylog", "streams"},
}
# Every package may use these.
EVERYWHERE = {"errors", "config", "telemetry"}
PACKAGES = {
    "errors": set(),
    "config": set(),
    "telemetry": set(),
    "control": set(),
    "audit": set(),
    "storage": {"audit"},
    "accounts": {"audit", "storage"},
    "governance": {"accounts", "audit", "storage"},
    "evidence": {"storage"},
    "privacy": {"storage"},
    "pages": {"policy"},
    "firewall": set(),
    "generated_files": {"_core", "doors", "firewall"},
    "metrics": set(),
    "policy": {"_core", "storage"},
    "resolver": {"_core"},
    "doors": {"_core"},
    "lists": {"_core", "policy", "storage"},
    "sealed": {"_core", "lists", "storage"},
    "querylog": {"_core", "privacy", "storage"},
    "identity": {"_core", "privacy", "querylog", "storage"},
    "suggestions": {"_core", "lists", "policy", "querylog", "storage"},
    "checks": {"_core", "control", "firewall", "lists", "policy", "privacy", "resolver", "sealed", "storage"},
    "replay": {"_core", "lists", "policy", "querylog"},
    "reports": {
        "checks",
        "control",
        "evidence",
        "governance",
        "lists",
        "policy",
        "privacy",
        "querylog",
        "sealed",
        "storage",
    },
    "alerts": {"policy", "privacy", "querylog", "reports", "storage"},
    "backup": {
        "_core",
        "audit",
        "checks",
        "control",
        "lists",
        "policy",
        "querylog",
        "resolver",
        "storage",
    },
    "setup": {"accounts", "lists", "policy", "resolver", "storage"},
    "jobs": {"alerts", "checks", "identity", "policy", "querylog", "reports", "storage", "suggestions"},
    "monitoring": {"_core", "alerts", "checks", "jobs", "policy", "sealed", "storage"},
    "operations": {
        "_core",
        "accounts",
        "alerts",
        "audit",
        "backup",
        "checks",
        "control",
        "evidence",
        "firewall",
        "generated_files",
        "governance",
        "identity",
        "lists",
        "monitoring",
        "pages",
        "policy",
        "querylog",
        "replay",
        "reports",
        "resolver",
        "sealed",
        "setup",
        "storage",
        "suggestions",
    },
    # Of accounts the roles alone, of operations what is not an operation: tests/unit/console holds it to that.
    "console": {"accounts", "operations"},
    "server": {
        "_core",
        "backup",
        "checks",
        "control",
        "doors",
        "identity",
        "lists",
        "metrics",
        "monitoring",
        "policy",
        "privacy",
        "querylog",
        "resolver",
        "sealed",
        "storage",
    },
    "cli": {
        "_core",
        "accounts",
        "alerts",
        "audit",
        "backup",
        "checks",
        "console",
        "control",
        "firewall",
        "governance",
        "identity",
        "lists",
        "metrics",
        "monitoring",
        "operations",
        "policy",
        "privacy",
        "querylog",
        "replay",
        "reports",
        "resolver",
        "sealed",
        "server",
        "setup",
        "storage",
        "suggestions",
    },
    "__main__": {"cli"},
}
LOOSE_AT_THE_TOP = {"__init__.py", "__main__.py", "errors.py", "_core.pyi", "py.typed"}
# The same file name in two packages is one noun in two roles: its settings, its command line, what its command prints.
SAME_NOUN = {
    "config",
    "cli",
    "cli/commands",
    "console/screens",
    "jobs",
    "operations",
    "operations/accounts",
    "operations/governance",
    "operations/lists",
    "operations/log",
    "operations/policies",
    "operations/setup",
}
SAME_NOUN_ELSEWHERE = {"errors.py", "safesearch.py", "forwarders.py", "compile.py", "retention.py"}

PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if path.name != "glossary.md" and path.parent.name != "manuals"
]

# Of a page that people read: lines, octets, and octets of its longest line.
READABLE = {
    "ARCHITECTURE.md": (150, 10_000, 200),
    "docs/architecture/query.md": (100, 8_000, 200),
    "docs/where.md": (60, 4_200, 200),
    "docs/glossary.md": (60, 3_000, 200),
    "CONTRIBUTING.md": (100, 7_000, 200),
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


def test_packages_form_no_circle() -> None:
    assert find_circle({part: PACKAGES[part] & PACKAGES.keys() for part in PACKAGES}) == []


def test_nothing_else_lies_loose_at_the_top() -> None:
    loose = {path.name for path in PACKAGE.iterdir() if path.is_file() and not path.name.endswith(".so")}
    assert loose == LOOSE_AT_THE_TOP


def test_no_file_name_has_two_meanings() -> None:
    folders: dict[str, list[str]] = {}
    for paths in _parts().values():
        for path in paths:
            folders.setdefault(path.name, []).append(path.parent.relative_to(PACKAGE).as_posix())
    twice = {
        name: [one for one in found if one not in SAME_NOUN]
        for name, found in folders.items()
        if name != "__init__.py" and name not in SAME_NOUN_ELSEWHERE
    }
    assert {name: found for name, found in twice.items() if len(found) > 1} == {}


@pytest.mark.parametrize("page", PAGES)
def test_paths_named_in_documents_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:rust|python|lists|deploy|benchmarks|tests)/[\w./*-]+?)(?:::[\w]+)?`", text))
    assert named, "the document names its places"
    missing = {name for name in named if not any(ROOT.glob(name.rstrip("/")))}
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_tests_named_in_documents_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
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
