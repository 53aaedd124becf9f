"""What a SafeSearch level says besides its rewrites: a school that locks an engine means it to be used.

A list of streaming or search sites closes the engine's own names otherwise, and the lock locks nothing. Under a policy
that denies unknown names a level opens nothing: there only an allow does.
"""

from __future__ import annotations

from collections.abc import Iterator

from schoolgate.policy.catalogue import Catalogue
from schoolgate.policy.inheritance import Effective
from schoolgate.policy.listed import Engine
from schoolgate.policy.names import NameRule
from schoolgate.policy.safesearch import Level, rewrite_of


def locked_engines(one: Effective, catalogue: Catalogue) -> Iterator[tuple[str, Engine]]:
    """The engines that the policy locks to a safe mode, each with its name in policies."""
    for engine, level in one.safesearch.items():
        rewrite = None if level is Level.OFF else rewrite_of(engine, level, catalogue.engines)
        if rewrite is not None:
            yield engine, catalogue.engines[rewrite]


def opened_services(one: Effective, catalogue: Catalogue) -> Iterator[str]:
    """Categories `service:ID` that a level opens, where the policy says nothing of the service itself."""
    if one.unknown == "deny":
        return
    for _, engine in locked_engines(one, catalogue):
        service = f"service:{engine.service}"
        if service in catalogue.categories and service not in one.categories:
            yield service


def opened_names(one: Effective, catalogue: Catalogue) -> Iterator[tuple[NameRule, str]]:
    """Names that a level opens against categories, and where that is said: an engine's own, and where it is led to."""
    if one.unknown == "deny":
        return
    for word, engine in locked_engines(one, catalogue):
        for name in sorted({*engine.names, engine.target}):
            yield NameRule(name, "exact"), f"safesearch.{word}"
