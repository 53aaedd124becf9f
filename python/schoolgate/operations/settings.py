"""The settings in use, each with where its value comes from. Secrets are in files of their own; what may hold one is
masked all the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel

from schoolgate.operations.registry import looks
from schoolgate.operations.work import Work

Origin = Literal["file", "default"]
MASK = "***"
# Words of a setting's name whose value is never shown, unless it is the path of a file.
_SECRET = ("password", "secret", "token")


@dataclass(frozen=True)
class SettingShown:
    """`path`: such as cache.max_ttl_s. `value`: as JSON. `origin`: the file, or the program. `needs_restart`: a change
    waits for one."""

    path: str
    value: Any
    origin: Origin
    description: str
    is_masked: bool
    needs_restart: bool


@dataclass(frozen=True)
class SettingsShown:
    """`file`: None where there is none."""

    file: str | None
    settings: tuple[SettingShown, ...]


@looks("settings.show")
def show(work: Work) -> SettingsShown:
    """Every setting with its value and its origin."""
    return SettingsShown(None if work.config is None else str(work.config), tuple(_of("", work.settings)))


def _of(path: str, section: BaseModel) -> Iterator[SettingShown]:
    for name, field in type(section).model_fields.items():
        value, here = getattr(section, name), f"{path}{field.alias or name}"
        if isinstance(value, BaseModel):
            yield from _of(f"{here}.", value)
        elif isinstance(value, dict) and value and all(isinstance(one, BaseModel) for one in value.values()):
            for key, one in value.items():
                yield from _of(f"{here}.{key}.", one)
        else:
            extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
            shown, is_masked = _masked(name, _plain(value))
            origin: Origin = "file" if name in section.model_fields_set else "default"
            yield SettingShown(here, shown, origin, field.description or "", is_masked, "reload" not in str(extra))


def _plain(value: Any) -> Any:
    """As JSON, in the words of the settings file."""
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _masked(name: str, value: Any) -> tuple[Any, bool]:
    if value in (None, "") or isinstance(value, bool | int | float):
        return value, False
    if any(word in name for word in _SECRET) and not name.endswith(("_file", "_passwords")):
        return MASK, True
    if isinstance(value, list):
        pairs = [_masked(name, one) for one in value]
        return [one for one, _ in pairs], any(is_masked for _, is_masked in pairs)
    if isinstance(value, dict):
        found = {key: _masked(str(key), one) for key, one in value.items()}
        return {key: one for key, (one, _) in found.items()}, any(is_masked for _, is_masked in found.values())
    return _without_secrets(value) if isinstance(value, str) and "://" in value else (value, False)


def _without_secrets(url: str) -> tuple[str, bool]:
    """An address without user, path and query: those of some programs are secrets themselves."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return MASK, True
    if not (parts.username or parts.query or parts.path.strip("/")):
        return url, False
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}/{MASK}", True
