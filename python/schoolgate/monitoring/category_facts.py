"""What the shipped lists say that detectors need: which categories call for a person, and whose names belong to a
service."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Groups of services that count as tools of artificial intelligence.
AI_GROUPS = ("ai-assistants", "ai-companions", "ai-images", "homework")


@dataclass(frozen=True)
class Service:
    """A service that a school switches by name."""

    id: str
    name: str
    group: str

    @property
    def is_ai(self) -> bool:
        return self.group in AI_GROUPS


@dataclass(frozen=True)
class CategoryFacts:
    """Categories with an alert level (`watch`, `urgent`), those that may never raise anything, those of threats to
    machines, and services by domain."""

    alert: Mapping[str, str] = field(default_factory=dict)
    quiet: frozenset[str] = frozenset()
    titles: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    threats: frozenset[str] = frozenset()

    def title(self, category: str | None) -> str:
        return self.titles.get(category or "", category or "no category")

    def service_of(self, name: str) -> Service | None:
        """The service of a name: the longest of its domains that is at or above it."""
        while name:
            if (found := self.services.get(name)) is not None:
                return found
            name = name.partition(".")[2]
        return None


def read_category_facts(lists_dir: Path) -> CategoryFacts:
    """From lists that `serve` has checked. Raises `OSError`, `ValueError` or `KeyError` when they cannot be read."""
    rows = tomllib.loads((lists_dir / "categories.toml").read_text(encoding="utf-8"))["category"]
    services: dict[str, Service] = {}
    for path in sorted((lists_dir / "services").glob("*.toml")):
        for one in tomllib.loads(path.read_text(encoding="utf-8"))["service"]:
            made = Service(one["id"], one["name"], one["group"])
            for domain in one["domains"]:
                services.setdefault(domain.lower().removeprefix("="), made)
    titles = {one["id"]: one["name"] for one in rows}
    titles |= {f"service:{one.id}": one.name for one in services.values()}
    return CategoryFacts(
        alert={one["id"]: one["alert"] for one in rows if one.get("alert", "none") != "none"},
        quiet=frozenset(one["id"] for one in rows if one["role"] in ("platform", "protected")),
        titles=titles,
        services=services,
        threats=frozenset(one["id"] for one in rows if one["role"] == "threat"),
    )
