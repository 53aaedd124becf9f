"""No module of the package imports another one in a circle, also not for types alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.tree.circles import find_circle

ROOT = Path(__file__).parents[2] / "python"


def _modules(root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted((root / "schoolgate").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if "shipped" not in parts:
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for one in node.names:
                yield f"{node.module}.{one.name}"
                yield node.module


def _graph(root: Path) -> dict[str, set[str]]:
    modules = _modules(root)
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        used = {one for one in _imported(path) if one in modules and one != name}
        # `from package import module` names the module; its package only collects names for others.
        graph[name] = {one for one in used if not any(other.startswith(f"{one}.") for other in used)}
    return graph


def test_no_module_is_in_a_circle() -> None:
    graph = _graph(ROOT)
    assert len(graph) > 200
    assert find_circle(graph) == []


def test_a_planted_circle_is_found_by_name(tmp_path: Path) -> None:
    package = tmp_path / "schoolgate"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "door.py").write_text("from schoolgate.connection import Connection\n")
    (package / "connection.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from schoolgate.door import Door\n"
    )
    assert set(find_circle(_graph(tmp_path))) == {"schoolgate.door", "schoolgate.connection"}
