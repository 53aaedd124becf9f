"""Rows of a list of tables in a policy text, written the way that the list is written already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.items import AoT


def append_row(table: Any, key: str, values: Mapping[str, Any]) -> None:
    """Adds a row: as `[[...]]` where a person wrote the others so, else as one line of an array."""
    there = table.get(key)
    if isinstance(there, AoT):
        row = tomlkit.table()
        row.update(values)
        there.append(row)
        return
    if there is None:
        table[key] = tomlkit.array().multiline(True)
    entry = tomlkit.inline_table()
    entry.update(values)
    table[key].append(entry)
