"""A page of results: Markdown for people, JSON for programs, SVG for the eye; all three from the same figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def write(directory: Path, name: str, blocks: Sequence[str], figures: dict[str, Any], charts: dict[str, str]) -> Path:
    """Writes `<name>.md`, `<name>.json` and the charts; returns the page."""
    directory.mkdir(parents=True, exist_ok=True)
    for chart, text in charts.items():
        (directory / f"{chart}.svg").write_text(text, encoding="utf-8")
    (directory / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    page = directory / f"{name}.md"
    page.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return page


def verdict(reached: bool) -> str:
    return "reached" if reached else "**not reached**"
