"""What changed between two policies, in the words of the policy: one line a change, by path, whatever the layout."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator
from typing import Any

from schoolgate.config.problems import path_of

_ABSENT = object()


def difference(old: str, new: str) -> tuple[str, ...]:
    """Lines such as `policies.pupil.unknown: "allow" -> "deny"` and `policies.pupil.allow: + "example.org"`."""
    return tuple(_compare((), tomllib.loads(old), tomllib.loads(new)))


def _compare(steps: tuple[str | int, ...], old: Any, new: Any) -> Iterator[str]:
    if _same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _compare((*steps, key), old.get(key, _ABSENT), new.get(key, _ABSENT))
    elif isinstance(old, dict) and new is _ABSENT and old:
        for key in sorted(old):
            yield from _compare((*steps, key), old[key], _ABSENT)
    elif isinstance(new, dict) and old is _ABSENT and new:
        for key in sorted(new):
            yield from _compare((*steps, key), _ABSENT, new[key])
    elif _is_set(old) and _is_set(new):
        yield from _entries(steps, _list(old), _list(new))
    else:
        yield f"{path_of(steps)}: {_written(old)} -> {_written(new)}"


def _same(old: Any, new: Any) -> bool:
    """TOML's 1, 1.0 and true are three things."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    return type(old) is type(new) and bool(old == new)


def _is_set(value: Any) -> bool:
    """Lists whose entries stand for themselves. The order of a schedule counts, so its entries are compared in
    place."""
    return value is _ABSENT or isinstance(value, list)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _entries(steps: tuple[str | int, ...], old: list[Any], new: list[Any]) -> Iterator[str]:
    if steps and steps[-1] == "schedule":
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else _ABSENT
            after = new[index] if index < len(new) else _ABSENT
            yield from _compare((*steps, index), before, after)
        return
    path = path_of(steps)
    left, right = [_written(entry) for entry in old], [_written(entry) for entry in new]
    yield from (f"{path}: - {entry}" for entry in left if entry not in right)
    yield from (f"{path}: + {entry}" for entry in right if entry not in left)
    if left and sorted(left) == sorted(right):
        yield f"{path}: in another order"


def _written(value: Any) -> str:
    if value is _ABSENT:
        return "(not set)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{path_of((key,))} = {_written(value[key])}" for key in sorted(value)) + " }"
    return str(value)
