"""From names that were asked to suggestions: pure, the same names give the same suggestions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from schoolgate._core import registrable_domain
from schoolgate.suggestions.comparison_names import SHORTEST_LOOKALIKE, SHORTEST_MISSPELT, ComparisonNames, Imitated
from schoolgate.suggestions.keywords import keyword_in
from schoolgate.suggestions.skeleton import skeleton

Kind = Literal["look-alike", "misspelling", "keyword"]


@dataclass(frozen=True)
class Suggestion:
    """A registrable domain worth a look. `resembles`: the listed name, or the keyword, it was found by."""

    name: str
    kind: Kind
    resembles: str
    category: str
    asked: int

    def __str__(self) -> str:
        how = {"look-alike": "looks like", "misspelling": "is one letter from", "keyword": "has the word"}[self.kind]
        return f"{self.name} {how} {self.resembles} ({self.category})"


def suggest(asked: Iterable[tuple[str, int]], known: ComparisonNames) -> tuple[Suggestion, ...]:
    """At most one suggestion a registrable domain; `asked` are names with how often. Most asked first."""
    found: dict[str, Suggestion] = {}
    for name, count in asked:
        one = suggestion_for(name, count, known)
        if one is not None:
            before = found.get(one.name)
            total = count + (before.asked if before is not None else 0)
            kept = before or one
            found[one.name] = Suggestion(kept.name, kept.kind, kept.resembles, kept.category, total)
    return tuple(sorted(found.values(), key=lambda one: (-one.asked, one.name)))


def suggestion_for(name: str, count: int, known: ComparisonNames) -> Suggestion | None:
    """What one name suggests, if anything. What a list knows, or must stay open, suggests nothing."""
    name = name.lower().rstrip(".")
    domain = registrable_domain(name)
    if domain is None or domain in known.domains or domain in known.left_alone:
        return None
    for kind, imitated in _imitations(domain.partition(".")[0], known):
        return Suggestion(domain, kind, imitated.name, imitated.category, count)
    keyword = keyword_in(_without_suffix(name, domain), known.keywords)
    return None if keyword is None else Suggestion(domain, "keyword", keyword.word, keyword.category, count)


def _imitations(label: str, known: ComparisonNames) -> Iterator[tuple[Kind, Imitated]]:
    if len(label) < SHORTEST_LOOKALIKE:
        return
    # A known label under another ending is another site of the same firm, or unrelated.
    alike = known.by_skeleton.get(skeleton(label)) if label not in known.by_label else None
    if alike is not None:
        yield "look-alike", alike
    almost = known.spellings.almost(label) if len(label) >= SHORTEST_MISSPELT else None
    if almost is not None:
        yield "misspelling", known.by_label[almost]


def _without_suffix(name: str, domain: str) -> str:
    """`www.unblocked.example.co.uk` without `.co.uk`."""
    suffix = domain.partition(".")[2]
    return name.removesuffix(f".{suffix}")
