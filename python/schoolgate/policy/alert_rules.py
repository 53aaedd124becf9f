"""Rules of alerts that could never speak: a mistyped word would be silence where the school relies on it."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator

from schoolgate.config.problems import Problem, did_you_mean, path_of
from schoolgate.policy.catalogue import Catalogue
from schoolgate.policy.model import Document
from schoolgate.policy.monitoring import DETECTORS


def alert_problems(document: Document, catalogue: Catalogue | None, file: str) -> Iterator[Problem]:
    """Each pattern that matches nothing there is."""
    # A client of no segment has "": only "*" speaks of it.
    segments = ("", *document.segments)
    for identity, rule in document.alerts.items():
        known: list[tuple[str, tuple[str, ...], Collection[str]]] = [
            ("detectors", rule.detectors, DETECTORS),
            ("segments", rule.segments, segments),
        ]
        if catalogue is not None:
            known.append(("categories", rule.categories, catalogue.categories))
        for key, patterns, words in known:
            for index, pattern in enumerate(patterns):
                if not any(fnmatch.fnmatchcase(word, pattern) for word in words):
                    path = path_of(("alerts", identity, key, index))
                    remedy = did_you_mean(pattern, [word for word in words if word])
                    yield Problem(file, path, f"{pattern} matches nothing", remedy)
