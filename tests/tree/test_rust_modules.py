"""No Rust module imports, directly or through others, a module that imports it.

Edges come from `use` declarations and from paths written in code. A path through a re-export (`pub use`) counts as one
to the module that defines the item, so a parent may re-export its children. Tests are left out: they may use anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

RUST = Path(__file__).parents[2] / "rust"
CRATES = sorted(path.parents[1].name for path in RUST.glob("*/src/lib.rs"))

# The path of a module inside its crate: () is lib.rs, ("cache", "index") is cache/index.rs.
ModulePath = tuple[str, ...]

_COMMENT = re.compile(r"//.*")
_TEST_ITEM = re.compile(r"#\[cfg\((?:test|doc)\)\]\s*(?:[^{};]*;|[^{};]*\{.*?\n\}|[^{};]*\{.*?\n    \})", re.DOTALL)
_USE = re.compile(r"\b(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);")
_MODULE = re.compile(r"\bmod\s+\w+;")
_PATH = re.compile(r"(?<![\w:])\w+(?:::\w+)+")


@dataclass(frozen=True)
class Module:
    """What one file imports, names and re-exports; paths are lists of segments as written."""

    imports: list[list[str]]
    reexports: dict[str, list[str]]


def find_circle(source: Path) -> list[str]:
    """Names of modules under `source` (a crate's src folder) that form a circle, first name repeated; [] if none."""
    modules = dict(_modules(source))
    edges = {_name(at): {_name(to) for to in _targets(at, modules)} - {_name(at)} for at in modules}
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


def _name(module: ModulePath) -> str:
    return "::".join(("crate", *module))


def _modules(source: Path) -> Iterator[tuple[ModulePath, Module]]:
    for path in source.rglob("*.rs"):
        parts = path.relative_to(source).with_suffix("").parts
        if any(part.endswith("tests") for part in parts):
            continue
        if parts[-1] in ("mod", "lib"):
            parts = parts[:-1]
        yield parts, _read(path.read_text(encoding="utf-8"))


def _read(text: str) -> Module:
    text = _TEST_ITEM.sub("", _COMMENT.sub("", text))
    code = _MODULE.sub("", _USE.sub("", text))
    imports = [path.split("::") for path in _PATH.findall(code)]
    reexports: dict[str, list[str]] = {}
    for public, tree in _USE.findall(text):
        for item, path in _leaves(tree):
            if public:
                reexports[item] = path
            if not public or re.search(rf"\b{item}\b", code):
                imports.append(path)
    return Module(imports, reexports)


def _leaves(tree: str) -> Iterator[tuple[str, list[str]]]:
    """The names that a use tree brings in, each with its path: `a::{b, c as d}` gives b: a::b and d: a::c."""
    prefix, brace, rest = tree.partition("{")
    if brace:
        for branch in _branches(rest.rpartition("}")[0]):
            yield from _leaves(prefix + branch)
        return
    path, _, alias = " ".join(tree.split()).partition(" as ")
    segments = path.removesuffix("::self").split("::")
    yield alias or segments[-1], segments


def _branches(inside: str) -> Iterator[str]:
    depth, start = 0, 0
    for at, character in enumerate(inside):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            yield inside[start:at].strip()
            start = at + 1
    if inside[start:].strip():
        yield inside[start:].strip()


def _targets(at: ModulePath, modules: Mapping[ModulePath, Module]) -> Iterator[ModulePath]:
    for path in modules[at].imports:
        target = _definition(at, path, modules)
        if target is not None:
            yield target


def _definition(at: ModulePath, path: list[str], modules: Mapping[ModulePath, Module]) -> ModulePath | None:
    """The module that defines what `path`, written in module `at`, names; None if it is outside the crate."""
    if path[0] in ("crate", "self", "super"):
        module = () if path[0] == "crate" else at
        ups = next((count for count, segment in enumerate(path) if segment != "super"), len(path))
        module = module[: len(module) - ups]
        rest = path[max(ups, 1) :]
    elif (*at, path[0]) in modules:
        module, rest = at, path
    else:
        return None
    while rest and (*module, rest[0]) in modules:
        module, rest = (*module, rest[0]), rest[1:]
    if not rest or rest[0].endswith("tests"):
        return module if not rest else None
    reexport = modules[module].reexports.get(rest[0])
    if reexport is not None:
        return _definition(module, reexport, modules)
    return module


def test_every_crate_is_read() -> None:
    assert set(CRATES) == {path.parent.name for path in RUST.glob("*/Cargo.toml")} - {"fuzz"}


@pytest.mark.parametrize("crate", CRATES)
def test_modules_of_a_crate_form_no_circle(crate: str) -> None:
    assert find_circle(RUST / crate / "src") == []


def _write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("files", "circle"),
    [
        pytest.param(
            {"lib.rs": "mod a;\nmod b;\n", "a.rs": "use crate::b::{self, B};\n", "b.rs": "struct B(super::a::A);\n"},
            {"crate::a", "crate::b"},
            id="use-and-path",
        ),
        pytest.param(
            {
                "lib.rs": "mod a;\nmod b;\npub use a::A;\n",
                "a.rs": "pub struct A(crate::b::B);\n",
                "b.rs": "use crate::A as Other;\npub struct B;\n",
            },
            {"crate::a", "crate::b"},
            id="through-a-re-export",
        ),
        pytest.param(
            {"lib.rs": "mod a;\n", "a/mod.rs": "mod c;\npub const N: u8 = c::M;\n", "a/c.rs": "use super::N;\n"},
            {"crate::a", "crate::a::c"},
            id="child-and-parent",
        ),
        pytest.param(
            {"lib.rs": "mod a;\npub use a::A;\npub const N: A = A;\n", "a.rs": "use crate::N;\npub struct A;\n"},
            {"crate", "crate::a"},
            id="a-root-that-uses-what-it-re-exports",
        ),
    ],
)
def test_a_planted_circle_is_found_by_name(tmp_path: Path, files: dict[str, str], circle: set[str]) -> None:
    assert set(find_circle(_write(tmp_path, files))) == circle


def test_re_exports_and_tests_are_no_circle(tmp_path: Path) -> None:
    files = {
        "lib.rs": "mod a;\nmod b;\n#[cfg(test)]\nmod tests;\npub use a::A;\npub use b::B;\n",
        "a.rs": "// use crate::b::B;\npub struct A;\n\n#[cfg(test)]\nmod tests {\n    use crate::b::B;\n}\n",
        "b.rs": "use crate::A;\npub struct B(A);\n",
        "tests.rs": "use crate::{A, B};\n",
    }
    assert find_circle(_write(tmp_path, files)) == []
