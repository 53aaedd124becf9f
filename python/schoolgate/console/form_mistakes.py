"""What a refused form says beside its fields."""

from __future__ import annotations

from collections.abc import Collection

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
