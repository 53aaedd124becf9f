"""A schoolgate.toml that says everything there is to set, made from the settings themselves so that it cannot lie."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schoolgate.config.addresses import SocketAddress
from schoolgate.config.settings import Settings


def sample() -> str:
    """TOML with every setting commented out at its default: uncomment to change."""
    lines = ["# schoolgate.toml: remove the # before a setting to change it.", *_tables(Settings, "")]
    return "\n".join(lines) + "\n"


def _tables(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """The table of each section, and after it those it repeats."""
    for name, field in model.model_fields.items():
        inner, repeated = _section(field)
        if inner is None:
            continue
        yield ""
        yield from _comment(field.description or "")
        yield f"# [[{prefix}{name}]]" if repeated else f"[{prefix}{name}]"
        yield from _settings(inner)
        yield from _tables(inner, f"{prefix}{name}.")


def _section(field: FieldInfo) -> tuple[type[BaseModel] | None, bool]:
    candidates = (field.annotation, *get_args(field.annotation)[:1])
    for repeated, candidate in enumerate(candidates):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate, bool(repeated)
    return None, False


def _settings(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if _section(field)[0] is not None:
            continue
        extra = field.json_schema_extra
        restart = isinstance(extra, dict) and extra.get("applies") == "restart"
        yield from _comment((field.description or "") + (" A change needs a restart." if restart else ""))
        yield f"# {name} = {_default(field)}"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 118, initial_indent="# ", subsequent_indent="# ")


def _default(field: FieldInfo) -> str:
    default: Any = field.default
    return "..." if field.is_required() or default is None or default == Path() else _written(default)


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, (str, SocketAddress)) else str(value)
