"""The policies that come with schoolgate, written to be read and edited by a network manager."""

from __future__ import annotations

import ipaddress
import tomllib
from pathlib import Path

from schoolgate.config.load import read_text
from schoolgate.config.problems import did_you_mean
from schoolgate.errors import SchoolgateError

# What `run` begins with, for one person at one machine: no school has chosen it.
DEMONSTRATION = "demo"


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


def template_of(text: str, lists_dir: Path) -> str | None:
    """The template that a policy began with, by the title that it still has; None for any other."""
    title = text.partition("\n")[0].strip()
    for name in template_names(lists_dir):
        if title.startswith("#") and template_text(lists_dir, name).partition("\n")[0].strip() == title:
            return name
    return None


def is_demonstration(text: str, lists_dir: Path) -> bool:
    """Whether it is the demonstration's policy still, which lets this machine alone ask."""
    if template_of(text, lists_dir) != DEMONSTRATION:
        return False
    try:
        allowed = tomllib.loads(text).get("allowed_clients", ())
        return all(ipaddress.ip_network(one).is_loopback for one in allowed)
    except (ValueError, TypeError):  # a text that cannot be read is judged elsewhere
        return False
