"""The comment at the head of an export: what it does, how to load it, how to be rid of it, what it cannot stop."""

from __future__ import annotations

from collections.abc import Iterable

from schoolgate.firewall.rule_set import CANNOT_STOP, Place

LONGEST_LINE = 118


def header(title: str, how: Iterable[str], place: Place) -> list[str]:
    """Comment lines."""
    change = ["", "CHANGE: the interfaces and addresses are examples. Export again with --interface and --resolver."]
    lines = [title, *how, *(change if place.is_example else []), "", *CANNOT_STOP]
    return [f"# {line}".rstrip() for line in lines]


def wrapped(words: Iterable[str], indent: str) -> list[str]:
    """Words joined by commas, in lines that people can read."""
    lines: list[str] = []
    line = ""
    for word in words:
        if line and len(indent) + len(line) + len(word) + 3 > LONGEST_LINE:
            lines.append(f"{indent}{line},")
            line = word
        else:
            line = f"{line}, {word}" if line else word
    return [*lines, f"{indent}{line}"] if line else lines
