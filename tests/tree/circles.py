"""Circles in a graph of names."""

from __future__ import annotations

from collections.abc import Mapping, Set
from graphlib import CycleError, TopologicalSorter


def find_circle(uses: Mapping[str, Set[str]]) -> list[str]:
    """The names of one circle, the first one again at the end; empty where there is none."""
    try:
        TopologicalSorter(uses).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []
