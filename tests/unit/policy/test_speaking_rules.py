"""Rules of alerts in which every word is known, and that could never speak: each is named, with what to do."""

from __future__ import annotations

import pytest

from schoolgate.config import Settings, shipped_lists
from schoolgate.config import parse as parse_settings
from schoolgate.policy import load_catalogue, parse
from schoolgate.policy.speaking_rules import mute_rules

CATALOGUE = load_catalogue(shipped_lists())
BASE = """
format = 1
allowed_clients = ["127.0.0.0/8"]
strictest = "s"
[policies.s]
categories = { piracy = "deny", self-harm = "deny", advertising = "deny", gambling = "deny" }
[policies.own]
extends = "s"
deny = ["example.org"]
categories = { gambling = "allow" }
[segments.pupils]
prefixes = ["127.0.0.1/32"]
policy = "s"
[segments.staff]
prefixes = ["127.0.0.2/32"]
policy = "own"
[segments.guests]
prefixes = ["127.0.0.3/32"]
policy = "s"
log = "counts-only"
"""
SETTINGS = """
[mail]
host = "127.0.0.1"
sender = "schoolgate@school.example"
[webhooks.teams]
url = "https://hooks.school.example/x"
"""


def problems(rule: str, settings: Settings | None = None) -> list[str]:
    checked = parse(BASE + rule, "test", CATALOGUE)
    return [str(one) for one in mute_rules(checked, CATALOGUE, settings or parse_settings(SETTINGS, "settings"))]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('categories = ["hacking"]', "hacking can never speak: no policy of these segments denies it (write hacking"),
        ('categories = ["gambling"]\nsegments = ["staff"]', "alerts.a.categories[0]: gambling can never speak"),
        ('categories = ["advertising"]', "taken away as noise (take it out of monitoring.noise.categories)"),
        ('categories = ["help-lines"]', "it is always open"),
        ('categories = ["piracy"]\nleast = "urgent"', 'it is never urgent, and least = "urgent"'),
        ('categories = ["piracy"]\nleast = "warning"', 'it is a notice, and least = "warning"'),
        ('detectors = ["own-list"]\nsegments = ["pupils"]', "alerts.a.detectors[0]: own-list can never speak"),
        ('detectors = ["unknown-name"]', "unknown-name can never speak"),
        ('categories = ["piracy"]\nsegments = ["guests"]', 'these segments have log = "counts-only"'),
        ('detectors = ["sealed"]\nto = ["webhook:teems"]', "no webhook teems is in the settings (did you mean teams?)"),
        ('detectors = ["sealed"]\nescalate_to = ["webhook:x"]', "alerts.a.escalate_to[0]: no webhook x"),
    ],
)  # fmt: skip
def test_what_can_never_speak_is_named(line: str, said: str) -> None:
    (problem,) = problems(f"[alerts.a]\n{line}\n")
    assert said in problem


@pytest.mark.parametrize(
    "line",
    [
        'categories = ["piracy"]\nto = ["lead@school.example"]',
        'categories = ["*"]\ndetectors = ["*"]\nto = ["webhook:teams"]',
        'detectors = ["own-list"]\nsegments = ["staff"]',
        'categories = ["service:tiktok"]',
        'categories = ["gambling"]\nleast = "warning"',
        'categories = ["self-harm"]\nleast = "urgent"',
    ],
)
def test_what_can_speak_is_no_problem(line: str) -> None:
    assert problems(f"[alerts.a]\n{line}\n") == []


def test_recipients_of_mail_need_a_mail_server_and_the_digest_its_webhook() -> None:
    text = '[alerts.a]\ndetectors = ["sealed"]\nto = ["a@b.example"]\n[digest]\nto = ["webhook:teams"]\n'
    told = problems(text, parse_settings("", "settings"))
    assert ["no mail server" in told[0], "digest.to[0]: no webhook teams" in told[1], len(told)] == [True, True, 2]
