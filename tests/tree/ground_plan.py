"""Prints the ground plan: each Python package with the first line of its docstring and what it uses.

Run it with `python -m tests.tree.ground_plan`.
"""

from __future__ import annotations

import ast

from tests.tree.test_structure import PACKAGE, PACKAGES


def main() -> None:
    """One line a package, in the order in which they may use each other."""
    for name, uses in PACKAGES.items():
        path = PACKAGE / name / "__init__.py"
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) if path.exists() else None
        print(f"{name:12} {(said or '').splitlines()[0] if said else ''}")
        print(f"{'':12} uses {', '.join(sorted(uses)) or 'nothing but errors, config, telemetry'}")


if __name__ == "__main__":
    main()
