"""What names are compared with: labels of the services and shipped lists, and all that is known already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from schoolgate._core import registrable_domain
from schoolgate.config import Settings
from schoolgate.config.load import read_text
from schoolgate.lists.inputs import category_and_canary
from schoolgate.lists.protected import protected_names
from schoolgate.lists.services import read_services
from schoolgate.policy import load_catalogue
from schoolgate.suggestions.keywords import Keyword
from schoolgate.suggestions.misspelling import Spellings
from schoolgate.suggestions.skeleton import skeleton
from schoolgate.suggestions.word_library import all_keywords

# Roles whose names are worth imitating to get past a filter; not those of help lines.
_ROLES = frozenset({"content", "service", "circumvention"})
# A short brand is one letter from half the words there are.
SHORTEST_LOOKALIKE, SHORTEST_MISSPELT = 5, 6


@dataclass(frozen=True)
class Imitated:
    """A label of a listed name, and what that name is listed as."""

    label: str
    name: str
    category: str


@dataclass(frozen=True)
class ComparisonNames:
    """All of it, ready to be looked up. `domains`: registrable domains that lists know, which need no suggestion."""

    by_label: Mapping[str, Imitated]
    by_skeleton: Mapping[str, Imitated]
    spellings: Spellings
    keywords: tuple[Keyword, ...]
    domains: frozenset[str]
    left_alone: frozenset[str]


def read_comparison_names(settings: Settings) -> ComparisonNames:
    """From the shipped lists and the word libraries. Raises `InputRefused`."""
    listed: dict[str, str] = {}
    for name, category in _listed(settings.lists.dir):
        listed.setdefault(name, category)
    by_label: dict[str, Imitated] = {}
    # A service's own domain is what people mean, rather than one of the hosts that other lists name.
    for name, category in sorted(listed.items(), key=lambda one: (one[0].count("."), one[0])):
        domain = registrable_domain(name)
        label = (domain or name).partition(".")[0]
        if len(label) >= SHORTEST_LOOKALIKE:
            by_label.setdefault(label, Imitated(label, name, category))
    protected = {registrable_domain(name) or name for name in protected_names(settings)}
    return ComparisonNames(
        by_label=by_label,
        by_skeleton={skeleton(label): one for label, one in sorted(by_label.items(), reverse=True)},
        spellings=Spellings(label for label in by_label if len(label) >= SHORTEST_MISSPELT),
        keywords=all_keywords(settings),
        domains=frozenset(registrable_domain(name) or name for name in listed),
        left_alone=frozenset(protected),
    )


def _listed(lists_dir: Path) -> Iterator[tuple[str, str]]:
    """Services first: they say more than the category they belong to."""
    roles = {one.id: one.role for one in load_catalogue(lists_dir).categories.values()}
    for service in read_services(lists_dir / "services"):
        for domain in service.domains:
            yield domain, f"service:{service.id}"
    for folder in ("starter", "circumvention"):
        for path in sorted((lists_dir / folder).glob("*.txt")):
            text = read_text(path)
            category, canary = category_and_canary(text)
            if category is None or roles.get(category) not in _ROLES:
                continue
            for line in text.splitlines():
                entry = line.partition("#")[0].strip().lstrip("=")
                if entry and entry != canary and not entry.startswith("!"):
                    yield entry, category
