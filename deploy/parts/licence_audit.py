"""Refuses a part whose licence is not allowed or not known: `python deploy/parts/licence_audit.py`, `make audit`.

Reads what is installed; the lists are in allowed_licences.toml.
"""

from __future__ import annotations

import re
import sys
import sysconfig
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from third_party import Part, every_part, needed_distributions

BOOK = Path(__file__).with_name("allowed_licences.toml")
_TOKEN = re.compile(r"\(|\)|[^\s()]+")


@dataclass(frozen=True)
class Rules:
    """`read`: of a part that says nothing, by name and version."""

    allowed: frozenset[str]
    exceptions: frozenset[str]
    spelled: Mapping[str, str]
    read: Mapping[str, str]

    def licence(self, part: Part) -> str:
        """In SPDX's words as far as they are known."""
        said = part.licence or self.read.get(f"{part.name} {part.version}", "")
        return self.spelled.get(said, said)

    def refusal(self, part: Part) -> str | None:
        """Why a part is refused; None for one that is allowed."""
        licence = self.licence(part)
        if not licence:
            return "says no licence: read its text, then add it to [read]"
        try:
            return None if self._holds(licence) else f"{licence} is not allowed"
        except ValueError:
            return f"{licence!r} is no expression of SPDX: add it to [spelled]"

    def _holds(self, expression: str) -> bool:
        # Older crates write a slash for OR.
        tokens = _TOKEN.findall(expression.replace("/", " OR "))
        holds, rest = self._any(tokens)
        if rest:
            raise ValueError(expression)
        return holds

    def _any(self, tokens: list[str]) -> tuple[bool, list[str]]:
        holds, rest = self._all(tokens)
        while rest and rest[0] == "OR":
            another, rest = self._all(rest[1:])
            holds = holds or another
        return holds, rest

    def _all(self, tokens: list[str]) -> tuple[bool, list[str]]:
        holds, rest = self._one(tokens)
        while rest and rest[0] == "AND":
            another, rest = self._one(rest[1:])
            holds = holds and another
        return holds, rest

    def _one(self, tokens: list[str]) -> tuple[bool, list[str]]:
        if not tokens or tokens[0] in (")", "AND", "OR", "WITH"):
            raise ValueError("a licence is missing")
        if tokens[0] == "(":
            holds, rest = self._any(tokens[1:])
            if rest[:1] != [")"]:
                raise ValueError("a bracket is open")
            return holds, rest[1:]
        holds, rest = tokens[0] in self.allowed, tokens[1:]
        if rest[:1] == ["WITH"]:
            return holds and rest[1:2] != [] and rest[1] in self.exceptions, rest[2:]
        return holds, rest


def rules(book: Path = BOOK) -> Rules:
    """Those of a file."""
    read = tomllib.loads(book.read_text(encoding="utf-8"))
    return Rules(frozenset(read["allowed"]), frozenset(read["exceptions"]), read["spelled"], read["read"])


def refused(parts: Iterable[Part], by: Rules) -> list[str]:
    """A line for each part that may not be there."""
    reasons = ((part, by.refusal(part)) for part in parts)
    return [f"{part.kind} {part.name} {part.version}: {reason}" for part, reason in reasons if reason]


def main() -> None:
    """Prints each licence with how many parts have it; exit code 1 where one is refused."""
    by = rules()
    parts = every_part(needed_distributions(), Path(sysconfig.get_path("purelib")))
    for licence, count in sorted(Counter(by.licence(part) for part in parts).items()):
        print(f"{count:4} {licence}")
    if lines := refused(parts, by):
        sys.exit("\n".join([*lines, f"refused: {len(lines)}; see {BOOK.name}"]))


if __name__ == "__main__":
    main()
