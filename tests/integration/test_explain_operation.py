"""Explain as a value: the layers that spoke, and what would change the verdict."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import PUPIL, STAFF, Serving

from schoolgate.checks.explaining import QuestionUnclear
from schoolgate.operations import asking
from schoolgate.operations.explain import NameExplained

LOCKED = (
    POLICY.replace('extends = "strict"\ncategories = { gambling = "allow" }', 'extends = "strict"')
    + """
[policies.strict.locked]
categories = { gambling = "deny" }
"""
)


def explain(school: Serving, name: str, **arguments: Any) -> NameExplained:
    found: NameExplained = asking.ask(school.config, "explain.name", lambda _: None, name=name, **arguments)
    return found


def kinds(found: NameExplained) -> set[str]:
    return {one.id for one in found.changes}


def test_a_client_and_its_segment_get_the_same_verdict_as_the_device(server: Serving) -> None:
    for segment, client in (("pupils", PUPIL), ("staff", STAFF)):
        for name in ("gambling.blocked.example.com", "www.example.org", "localhost"):
            of_client, of_segment = explain(server, name, client=client), explain(server, name, segment=segment)
            assert of_client.segment == of_segment.segment == segment
            assert of_client.verdict == of_segment.verdict
            assert of_client.layers == of_segment.layers
            assert (of_client.verdict == "denied") == (server.rcode(name, source=client) == "NXDOMAIN")


def test_exactly_one_layer_decides(server: Serving) -> None:
    found = explain(server, "gambling.blocked.example.com", client=PUPIL)
    (layer,) = (one for one in found.layers if one.decides)
    assert (layer.layer, layer.category, layer.effect) == ("category", "gambling", "deny")
    assert layer.title == "9 categories and services of the policy"


def test_what_would_change_it_names_the_operation_and_whether_it_is_yours(server: Serving) -> None:
    closed = explain(server, "gambling.blocked.example.com", client=PUPIL)
    (allow,) = (one for one in closed.changes if one.id == "allow")
    assert allow.operation == "policy.allow"
    assert allow.arguments is not None
    assert allow.arguments["segments"] == ["pupils"]
    assert allow.is_yours, "a user of this machine is the network manager"
    assert "false-hit" not in kinds(closed), "a shipped list is no feed"
    is_open = explain(server, "www.example.org", client=STAFF)
    assert "block" in kinds(is_open)
    assert kinds(explain(server, "help-lines.allowed.example.com", client=PUPIL)) >= {"always-open"}


def test_another_time_is_decided_from_the_files(server: Serving) -> None:
    found = explain(server, "www.example.org", segment="pupils", at="2026-11-24T10:00")
    assert "as of Tuesday 2026-11-24 10:00" in found.source


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "say for whom"),
        ({"client": PUPIL, "segment": "pupils"}, "one of them"),
        ({"segment": "pupil"}, "pupils"),
        ({"client": "the library"}, "not an IP address"),
        ({"client": PUPIL, "at": "soon"}, "not a time"),
        ({"client": PUPIL, "asked": "here"}, "--asked"),
    ],
)
def test_what_is_no_question_is_refused_with_the_reason(server: Serving, given: dict[str, str], said: str) -> None:
    with pytest.raises(QuestionUnclear, match=said):
        explain(server, "www.example.org", **given)


def test_without_a_server_files_decide_and_a_lock_names_its_owner(start: Start) -> None:
    school = start(policy=LOCKED, is_started=False)
    school.cli("lists", "build")
    found = explain(school, "gambling.blocked.example.com", client=PUPIL)
    assert "lists on the disk" in found.source
    (lock,) = (one for one in found.changes if one.id == "locked")
    assert "policy strict" in lock.sentence
    assert "category" not in kinds(found)
