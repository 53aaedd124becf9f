"""[monitoring] and [alerts.<id>] of a policy: what is mistyped is named, because its silence would be trusted."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from schoolgate.alerts.findings import ATTEMPT
from schoolgate.config import shipped_lists
from schoolgate.monitoring.category_facts import CategoryFacts
from schoolgate.monitoring.detectors import watch
from schoolgate.policy import PolicyRefused, load_catalogue, parse, template_names, template_text
from schoolgate.policy.monitoring import DETECTORS, Monitoring

BASE = """
format = 1
allowed_clients = ["127.0.0.0/8"]
strictest = "s"
[policies.s]
[segments.pupils]
prefixes = ["127.0.0.1/32"]
policy = "s"
"""
CATALOGUE = load_catalogue(shipped_lists())


def refused(text: str) -> str:
    with pytest.raises(PolicyRefused) as caught:
        parse(BASE + text, "test", CATALOGUE)
    return str(caught.value)


def test_every_detector_has_its_name_in_the_policy() -> None:
    made = watch(Monitoring(), CategoryFacts(), ZoneInfo("UTC"))
    assert {detector.name for detector in made.detectors} | {ATTEMPT} <= set(DETECTORS)


def test_a_whole_rule_is_read() -> None:
    rule = """
[alerts.all]
categories = ["self-harm", "circumvention-*"]
detectors = ["sealed"]
segments = ["pup*"]
least = "warning"
count = 3
window_minutes = 30
to = ["lead@school.example", "webhook:teams"]
quiet_hours = [{ from = "18:00", to = "07:00" }, { days = ["sat", "sun"] }]
escalate_to = ["head@school.example"]
[monitoring.circumvention]
warning_points = 5
"""
    document = parse(BASE + rule, "test", CATALOGUE).document
    assert document.alerts["all"].to == ("lead@school.example", "webhook:teams")
    assert document.monitoring.circumvention.warning_points == 5


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('categories = ["self-ham"]', "alerts.a.categories[0]: self-ham matches nothing (did you mean self-harm?)"),
        ('detectors = ["tunel"]', "did you mean tunnel?"),
        ('detectors = ["*"]\nsegments = ["pupil"]', "did you mean pupils?"),
        ('detectors = ["*"]\nto = ["lead"]', "is no recipient"),
        ('detectors = ["*"]\nto = ["a@b.example\\r\\nRCPT TO:<x@y>"]', "is no recipient"),
        ('to = ["a@b.example"]', "names nothing"),
        ('detectors = ["*"]\nurgency = "urgent"\nquiet_hours = [{ from = "18:00", to = "07:00" }]', "quiet hours"),
        ('detectors = ["*"]\ndeliver = "count"\nurgency = "urgent"', 'has deliver = "count" and an urgency'),
        ('detectors = ["*"]\ncount = 0', "alerts.a.count"),
        ('detectors = ["*"]\nrecipients = []', "unknown key"),
    ],
)
def test_a_mistake_is_named_with_its_place(line: str, said: str) -> None:
    assert said in refused(f"[alerts.a]\n{line}\n")


@pytest.mark.parametrize("name", template_names(shipped_lists()))
def test_the_example_in_each_shipped_policy_is_a_policy(name: str) -> None:
    text = template_text(shipped_lists(), name)
    head, mark, example = text.partition("# ---- Who is told of what ----")
    assert mark
    uncommented = [line.removeprefix("# ") for line in example.splitlines() if line.startswith("# ")]
    start = next(index for index, line in enumerate(uncommented) if line.startswith("[alerts"))
    whole = head + "\n".join(uncommented[start:])
    assert set(parse(whole, name, CATALOGUE).document.alerts) == {"safeguarding", "ways-round"}
