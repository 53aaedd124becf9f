"""Reading a policy: everything that is wrong with it, at once, before anything uses it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from schoolgate.config.problems import Problem, did_you_mean, path_of
from schoolgate.config.reading import parse_toml, read
from schoolgate.policy.alert_rules import alert_problems
from schoolgate.policy.catalogue import Catalogue
from schoolgate.policy.inheritance import effective
from schoolgate.policy.locks import loosenings
from schoolgate.policy.model import Document, Policy
from schoolgate.policy.problems import PolicyRefused
from schoolgate.policy.safesearch import Level, engines, rewrite_of
from schoolgate.policy.segments import segment_problems
from schoolgate.policy.times import LONG_AGO
from schoolgate.policy.tree import lineages, tree_problems

# A trust's whole policy is some hundred kilobytes; more is another file.
LARGEST_POLICY_OCTETS = 4 * 1024 * 1024


@dataclass(frozen=True)
class CheckedPolicy:
    """A document without problems, with the tree worked out. Only `parse` makes one."""

    document: Document
    lineages: dict[str, tuple[str, ...]]
    file: str


def parse(text: str, file: str, catalogue: Catalogue | None = None) -> CheckedPolicy:
    """Reads policy TOML. With a catalogue, categories and engines are checked too. Raises `PolicyRefused`."""
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_POLICY_OCTETS:
        raise PolicyRefused([Problem(file, "", "is too large for a policy", "check the path")])
    raw, problems = parse_toml(text, file)
    if problems:
        raise PolicyRefused(problems)
    reading = read(Document, raw, file)
    document = reading.value
    problems = reading.with_checks(_problems(document, file, catalogue) if document else ())
    if document is None or problems:
        raise PolicyRefused(problems)
    return CheckedPolicy(document, lineages(document), file)


def _problems(document: Document, file: str, catalogue: Catalogue | None) -> Iterator[Problem]:
    known = lineages(document)
    yield from tree_problems(document, file)
    yield from loosenings(document, known, file)
    yield from segment_problems(document, file)
    yield from _block_pages(document, known, file)
    yield from alert_problems(document, catalogue, file)
    if catalogue is not None:
        for identity, policy in document.policies.items():
            yield from _categories(identity, policy, catalogue, file)
            yield from _levels(identity, policy, catalogue, file)


def _block_pages(document: Document, known: dict[str, tuple[str, ...]], file: str) -> Iterator[Problem]:
    for identity, lineage in known.items():
        result = effective(document, lineage, LONG_AGO)
        if result.action == "block-page" and not result.block_page:
            path = path_of(("policies", identity, "action"))
            yield Problem(file, path, "there is no block page", 'write block_page = ["192.0.2.10"]')


def _categories(identity: str, policy: Policy, catalogue: Catalogue, file: str) -> Iterator[Problem]:
    places = ((("categories",), dict(policy.categories)), (("locked", "categories"), dict(policy.locked.categories)))
    for root, choices in places:
        for category, choice in choices.items():
            path = path_of(("policies", identity, *root, category))
            row = catalogue.categories.get(category)
            if row is None:
                yield Problem(file, path, "there is no such category", did_you_mean(category, catalogue.categories))
            elif choice == "deny" and row.role in ("platform", "protected"):
                # A wrong list entry must never stand between a child and a help line.
                yield Problem(file, path, f"{row.name} is always open", "remove it; deny single names instead")


def _levels(identity: str, policy: Policy, catalogue: Catalogue, file: str) -> Iterator[Problem]:
    known = engines(catalogue.engines)
    places = ((("safesearch",), policy.safesearch), (("locked", "safesearch"), policy.locked.safesearch))
    for root, levels in places:
        for engine, level in levels.items():
            path = path_of(("policies", identity, *root, engine))
            if engine not in known:
                yield Problem(file, path, "there is no such search engine", did_you_mean(engine, known))
            elif level is not Level.OFF and rewrite_of(engine, level, catalogue.engines) is None:
                yield Problem(file, path, f"{engine} has no level {level.word}", "write true or false")
