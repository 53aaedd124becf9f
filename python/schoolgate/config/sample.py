"""A schoolgate.toml that says everything there is to set, made from the settings themselves so that it cannot lie."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

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
        inner, head = _section(field)
        if inner is None:
            continue
        yield ""
        yield from _comment(field.description or "")
        yield head.format(f"{prefix}{name}")
        yield from _settings(inner)
        yield from _tables(inner, f"{prefix}{name}.")


def _section(field: FieldInfo) -> tuple[type[BaseModel] | None, str]:
    """The model of a table and how its head is written: once, repeated, or once for each id."""
    arguments = get_args(field.annotation)
    for candidate, head in ((field.annotation, "[{}]"), *((one, "# [[{}]]") for one in arguments[:1])):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate, head
    if get_origin(field.annotation) is dict and issubclass(arguments[1], BaseModel):
        return arguments[1], "# [{}.ID]"
    return None, ""


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
