"""Document, alerting rules and board name metrics that there are, and all that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from schoolgate.metrics.document import document
from schoolgate.metrics.families import FAMILIES

NAMES = {one.name: one for one in FAMILIES}
LABELS_OF_PROMETHEUS = {"instance", "job"}


@pytest.fixture
def folder(deploy: Path) -> Path:
    return deploy / "monitoring"


def rules(folder: Path) -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((folder / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return list(group["rules"])


def board(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "dashboard.json").read_text(encoding="utf-8")))


def expressions(folder: Path) -> Iterator[str]:
    yield from (rule["expr"] for rule in rules(folder))
    for panel in board(folder)["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (one["query"] for one in board(folder)["templating"]["list"])


def test_the_document_is_what_the_code_says(folder: Path) -> None:
    assert (folder / "metrics.md").read_text(encoding="utf-8") == document(), "run `make metrics-document`"


def test_every_metric_named_exists(folder: Path) -> None:
    named = {name for expression in expressions(folder) for name in re.findall(r"\bschoolgate_\w+", expression)}
    assert len(named) > 20
    assert named <= set(NAMES)


def test_labels_named_are_labels_of_that_metric(folder: Path) -> None:
    for expression in expressions(folder):
        for name, matchers in re.findall(r"\b(schoolgate_\w+)\{([^}]*)\}", expression):
            used = set(re.findall(r"(\w+)\s*[=!]~?", matchers))
            assert used <= set(NAMES[name].labels) | LABELS_OF_PROMETHEUS, expression


def test_counters_are_looked_at_as_rates(folder: Path) -> None:
    for expression in expressions(folder):
        for before, _name in re.findall(r"(\w*)\(?(schoolgate_\w+_total)", expression):
            assert before in ("rate", "increase"), expression


def test_every_rule_says_what_happened_and_what_to_do(folder: Path) -> None:
    for rule in rules(folder):
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
    assert len({rule["alert"] for rule in rules(folder)}) == len(rules(folder))


def test_outcomes_and_events_named_are_those_the_plane_counts(folder: Path, repository: Path) -> None:
    source = (repository / "rust/plane/src/counters.rs").read_text(encoding="utf-8")
    counted = set(re.findall(r'= "(\w+)",', source))
    for expression in expressions(folder):
        for words in re.findall(r'(?:outcome|event)=~?"([\w|]+)"', expression):
            assert set(words.split("|")) <= counted, expression


def test_panels_do_not_lie_over_each_other(folder: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board(folder)["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken
        taken |= cells


@pytest.mark.parametrize(
    ("alert", "metric"),
    [
        ("SchoolgateMonitorGone", "schoolgate_monitor_age_seconds"),
        ("SchoolgateChecksStopped", "schoolgate_reachability_age_seconds"),
        ("SchoolgateChecksStopped", "schoolgate_safesearch_age_seconds"),
    ],
)
def test_what_never_ran_has_no_age_and_is_alarm_all_the_same(folder: Path, alert: str, metric: str) -> None:
    (rule,) = (one for one in rules(folder) if one["alert"] == alert)
    assert f"(schoolgate_build_info unless on(instance) {metric})" in rule["expr"]
    assert rule["for"], "not while it starts"
