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
    lines = ["# schoolgate.toml: remove the # before a setting to change it.", ""]
    for name, field in Settings.model_fields.items():
        model, many = _section(field)
        heading = f"# [[{name}]]" if many else f"[{name}]"
        lines += [*_comment(field.description or ""), heading, *_settings(model), ""]
    return "\n".join(lines)


def _section(field: FieldInfo) -> tuple[type[BaseModel], bool]:
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
        return field.annotation, False
    model = get_args(field.annotation)[0]
    return model, True


def _settings(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        restart = isinstance(extra, dict) and extra.get("applies") == "restart"
        yield from _comment((field.description or "") + (" A change needs a restart." if restart else ""))
        yield f"# {name} = {_toml(field)}"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 118, initial_indent="# ", subsequent_indent="# ")


def _toml(field: FieldInfo) -> str:
    default: Any = field.default
    if field.is_required() or default is None or default == Path():
        return "..."
    return _value(default)


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, (str, SocketAddress)):
        return f'"{value}"'
    return str(value)
