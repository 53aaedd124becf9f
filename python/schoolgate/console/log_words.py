"""Rows of the log in plain words: what was done, and which layer and list said so."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

# Layers whose word stands alone; the others name a category and a list.
_LAYERS: Final = {
    "sealed": "A sealed list",
    "platform": "What devices need to work",
    "trust-locked": "Locked by the trust",
    "protected": "Always open: help lines, health, exams",
    "exception": "An exception with an end",
    "own-list": "The school's own list",
    "unknown": "On no list",
    "allow": "No rule closes it",
}
# What the log writes instead of a name.
WITHHELD: Final = "(withheld)"
# The rule of a row that an hourly check of this server made.
OWN_CHECK: Final = "hourly check of this server; no device asked"
DENIED: Final = ("deny", "deny-revealed")


@dataclass(frozen=True)
class VerdictWord:
    """A word of the filter: what the log's actions it stands for are, and how it is said."""

    words: str
    actions: tuple[str, ...]


VERDICTS: Final[Mapping[str, VerdictWord]] = {
    "blocked": VerdictWord("Blocked", DENIED),
    "open": VerdictWord("Open", ("allow",)),
    "rewritten": VerdictWord("Rewritten", ("rewrite",)),
    "failed": VerdictWord("No answer", ("fail",)),
}
_OF_ACTION: Final = {action: word for word, one in VERDICTS.items() for action in one.actions}


@dataclass(frozen=True)
class ShownRow:
    """One row for a table. `device` is "" where the viewer sees none; `key` finds the row again at its time."""

    time: str
    device: str
    segment: str
    name: str
    verdict: str
    why: str
    feed: str
    key: str
    row: Mapping[str, Any]
    # What `device.names` says of its device.
    named: Mapping[str, Any] | None = None

    @property
    def is_check(self) -> bool:
        """Whether this server asked it, and no device."""
        return bool(self.row.get("rule") == OWN_CHECK)

    @property
    def has_name(self) -> bool:
        """Whether there is a name to show, and to explain."""
        return self.name not in ("", WITHHELD) and self.row["layer"] != "sealed"


def shown_row(
    row: Mapping[str, Any],
    categories: Mapping[str, str],
    named: Mapping[tuple[str, str], Mapping[str, Any]] | None = None,
) -> ShownRow:
    """`categories`: id to name. `named`: by client and time."""
    return ShownRow(
        time=str(row["time"]),
        device=str(row["client"]),
        segment=str(row["segment"]),
        name="" if row["layer"] == "sealed" else str(row["qname"]),
        verdict=_OF_ACTION.get(str(row["action"]), str(row["action"])),
        why=why(row, categories),
        feed=feed_of(row),
        key=key_of(row),
        row=row,
        named=(named or {}).get((str(row["client"]), str(row["time"]))),
    )


def why(row: Mapping[str, Any], categories: Mapping[str, str]) -> str:
    """The layer that decided, in words."""
    layer, category = str(row["layer"]), row["category"]
    if row["rule"] == OWN_CHECK:
        return "An hourly check of this server"
    if layer in _LAYERS:
        return _LAYERS[layer]
    return categories.get(str(category), str(category)) if category else layer


def feed_of(row: Mapping[str, Any]) -> str:
    """The list that said it, without the line; "" where the row names none."""
    rule = str(row["rule"] or "")
    if rule == OWN_CHECK:
        return ""
    feed, _, line = rule.rpartition(":")
    return feed if feed and line.isdecimal() else rule


def key_of(row: Mapping[str, Any]) -> str:
    """Tells rows of the same microsecond apart. Says nothing of what is in the row."""
    parts = (row["client"], row["qname"], row["qtype"], row["action"], row["door"])
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


def short_device(text: str) -> str:
    """A pseudonym as people compare it: its first ten characters, which the search takes too; an address whole."""
    return text[:10] if text.startswith("p-") else text
