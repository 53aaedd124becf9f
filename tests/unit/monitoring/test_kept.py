"""What is remembered is bounded, whoever asks; against a plain list in the order of use."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from hypothesis import given
from hypothesis import strategies as st

from schoolgate.monitoring.bounded_states import BoundedStates


@dataclass
class Count:
    value: int = 0


@given(st.lists(st.integers(0, 12).map(str), max_size=80), st.integers(1, 6))
def test_those_used_last_are_kept_with_what_they_counted(keys: list[str], most: int) -> None:
    kept: BoundedStates[Count] = BoundedStates(Count, most)
    order: list[str] = []
    counts: dict[str, int] = {}
    for key in keys:
        kept.of(key).value += 1
        order = [*(one for one in order if one != key), key]
        counts[key] = counts.get(key, 0) + 1
        if len(order) > most:
            del counts[order.pop(0)]
    assert {key: state.value for key, state in kept.items()} == counts
    assert len(kept) <= most
    again: BoundedStates[Count] = BoundedStates(Count, most)
    again.load(orjson.loads(orjson.dumps(kept.saved())))
    assert {key: state.value for key, state in again.items()} == counts
