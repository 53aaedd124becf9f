"""The policies that come with schoolgate, written to be read and edited by a network manager."""

from __future__ import annotations

from pathlib import Path

from schoolgate.config.load import read_text
from schoolgate.config.problems import did_you_mean
from schoolgate.errors import SchoolgateError


class NoSuchTemplate(SchoolgateError):
    """There is no template of this name."""


def template_names(lists_dir: Path) -> tuple[str, ...]:
    """The names of the shipped templates, in order."""
    return tuple(sorted(path.stem for path in (lists_dir / "policies").glob("*.toml")))


def template_text(lists_dir: Path, name: str) -> str:
    """The TOML of one template."""
    known = template_names(lists_dir)
    if name not in known:
        raise NoSuchTemplate(f"there is no template {name}; {did_you_mean(name, known)}")
    return read_text(lists_dir / "policies" / f"{name}.toml")
