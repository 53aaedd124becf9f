"""What a refused form says beside its fields."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from schoolgate.console.plain_words import group
from schoolgate.operations.socket_messages import OperationRefused


def mistakes_of(error: OperationRefused, fields: Collection[str]) -> dict[str, str]:
    """By field; "" is the form itself. `fields`: those that the form shows."""
    found: dict[str, str] = {}
    for one in error.mistakes:
        name, _, words = one.partition(": ")
        if name in fields and words:
            found.setdefault(name, words)
        else:
            found[""] = one
    return found or {"": str(error)}


_SHARED: Final = re.compile(r"the policies of (.+) are also those of (.+?): name these too")


def without_options(text: str) -> str:
    """A refusal that says how the command line names networks, in the words of a form that ticks them."""
    found = _SHARED.match(text)
    if found is None:
        return text
    ours, others = (", ".join(map(group, one.split(", "))) for one in found.groups())
    return f"{ours} has the same rules as {others}. Tick these too, or tick none for the whole school."
