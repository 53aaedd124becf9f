"""What a settings file no longer says that an earlier one said: a file that was cut short still parses, as a rule."""

from __future__ import annotations

from typing import Any

from schoolgate.config.reading import parse_toml


def lost_sections(old: str, new: str) -> tuple[str, ...]:
    """The sections that `old` has and `new` has not; where `new` is the beginning of `old`, every section that is not
    whole any more. Empty where nothing is lost. Both are TOML."""
    (before, _), (after, _) = parse_toml(old, ""), parse_toml(new, "")
    gone = [_named(key, value) for key, value in before.items() if value not in ({}, []) and key not in after]
    if _is_beginning(new, old):
        gone += [
            f"part of {_named(key, value)}" for key, value in before.items() if key in after and after[key] != value
        ]
    return tuple(gone)


def _is_beginning(new: str, old: str) -> bool:
    """Whether `new` is `old` cut short. What an editor does to line ends at the very end is no cut."""
    return len(new.rstrip()) < len(old.rstrip()) and old.startswith(new.rstrip())


def _named(key: str, value: Any) -> str:
    if isinstance(value, list):
        zones = [str(one["zone"]) for one in value if isinstance(one, dict) and "zone" in one]
        return f"[[{key}]]" + (f" ({', '.join(zones)})" if zones else "")
    return f"[{key}]" if isinstance(value, dict) else key
