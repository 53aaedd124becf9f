"""What is remembered of each client (or domain): bounded, the one unheard of the longest goes first.

A program that asks under thousands of addresses may make us forget, never make us grow.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

S = TypeVar("S")


class BoundedStates(Generic[S]):
    """Key -> state made by `make`. At most `most`; what was forgotten is counted."""

    def __init__(self, make: Callable[..., S], most: int) -> None:
        self._make = make
        self._most = most
        self._states: OrderedDict[str, S] = OrderedDict()
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._states)

    def __contains__(self, key: str) -> bool:
        return key in self._states

    def of(self, key: str) -> S:
        """The state of `key`, made if need be."""
        state = self._states.get(key)
        if state is not None:
            self._states.move_to_end(key)
            return state
        state = self._states[key] = self._make()
        if len(self._states) > self._most:
            self._states.popitem(last=False)
            self.forgotten += 1
        return state

    def drop(self, key: str) -> None:
        self._states.pop(key, None)

    def items(self) -> Iterator[tuple[str, S]]:
        return iter(list(self._states.items()))

    def saved(self) -> list[tuple[str, S]]:
        """For orjson, which writes dataclasses as tables."""
        return list(self._states.items())

    def load(self, rows: list[Any]) -> None:
        for key, state in rows[-self._most :]:
            self._states[key] = self._make(**state)
