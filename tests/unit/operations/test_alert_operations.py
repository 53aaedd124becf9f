"""Who sees and closes which alert; looks at one are on record, and what people write of it can be erased."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schoolgate.accounts.roles import Role
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import AlertRules
from schoolgate.config import load
from schoolgate.operations import pages
from schoolgate.operations.actor import Actor
from schoolgate.operations.errors import ArgumentsRefused, NotPermitted
from schoolgate.operations.hosting import hosted
from schoolgate.operations.system_clock import SystemClock
from schoolgate.policy.monitoring import AlertRule
from schoolgate.storage import audit_operations
from schoolgate.storage.audit_operations import Place

NOW = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
CLIENT = "p-aaaaaaaaaaaaaaaaaaaaaaaaaa"
# Their numbers, in the order in which they are raised.
SERIOUS, BEACON, MALWARE = 1, 2, 3


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Three alerts of one device: a child's question, software that calls home, a site of malware."""
    path = tmp_path / "schoolgate.toml"
    path.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{tmp_path / "state"}"\n', encoding="utf-8")
    folder = tmp_path / "state" / "monitor"
    folder.mkdir(parents=True)
    rules = AlertRules({"all": AlertRule(categories=("*",), detectors=("*",))}, ZoneInfo("UTC"))
    found = [("attempt", "self-harm"), ("rhythm", None), ("attempt", "malware")]
    with contextlib.closing(AlertStore.open(folder / "alerts.db")) as store:
        for number, (detector, category) in enumerate(found):
            at_us = int(NOW.timestamp() * 1e6) + number
            one = Finding(
                detector, "warning", "pupils", CLIENT, at_us, 0, "A device asked.", category, {"questions": 1},
                ("of-it.example.org",),
            )  # fmt: skip
            rules.apply([one], store, Outbox(store), NOW)
    return path


def call(config: Path, roles: set[Role], name: str, **arguments: Any) -> Any:
    async def called() -> Any:
        actor = Actor("account:1", "Ada Example", frozenset(roles))
        async with hosted(config, load(config), SystemClock()) as operations:
            return await operations.call(actor, name, arguments)

    return asyncio.run(called())


def entries(config: Path) -> list[dict[str, Any]]:
    place = Place.in_folder(load(config).server.state_dir)
    found = asyncio.run(audit_operations.log(place, SystemClock().now_us()))
    return [dict(one.fields) for one in found[::-1]]


@pytest.mark.parametrize(
    ("roles", "numbers", "clients"),
    [
        ({Role.safeguarding_lead}, [MALWARE, BEACON, SERIOUS], {CLIENT}),
        ({Role.network_manager}, [MALWARE, BEACON], {CLIENT}),
        ({Role.provider}, [MALWARE, BEACON], {CLIENT}),
        ({Role.head}, [MALWARE, BEACON, SERIOUS], {""}),
        ({Role.head, Role.network_manager}, [MALWARE, BEACON, SERIOUS], {CLIENT, ""}),
    ],
)
def test_each_role_sees_its_alerts(config: Path, roles: set[Role], numbers: list[int], clients: set[str]) -> None:
    found = call(config, roles, "alerts.list").alerts
    assert [one.id for one in found] == numbers
    assert {one.client for one in found} == clients
    assert all(bool(one.names) == bool(one.client) for one in found)


def test_it_closes_technical_alerts_and_no_other(config: Path) -> None:
    for name, arguments in (
        ("alerts.close", {"outcome": "false-alarm"}),
        ("alerts.acknowledge", {}),
        ("alerts.hold", {"reason": "r"}),
        ("alerts.show", {}),
    ):
        with pytest.raises(NotPermitted, match="safeguarding"):
            call(config, {Role.network_manager}, name, number=SERIOUS, **arguments)
    assert call(config, {Role.network_manager}, "alerts.close", number=BEACON, outcome="other").state == "closed"
    assert call(config, {Role.safeguarding_lead}, "alerts.show", number=SERIOUS).alert.state == "new"
    closed = call(config, {Role.safeguarding_lead}, "alerts.close", number=SERIOUS, outcome="concern", note="of Sam")
    assert (closed.state, closed.outcome) == ("closed", "concern")
    history = call(config, {Role.safeguarding_lead}, "alerts.show", number=SERIOUS).history
    assert (history[-1].who, history[-1].note) == ("Ada Example", "of Sam")


def test_what_is_written_of_a_child_stands_behind_a_commitment(config: Path) -> None:
    lead = {Role.safeguarding_lead}
    call(config, lead, "alerts.acknowledge", number=SERIOUS, note="I speak with Sam")
    call(config, lead, "alerts.hold", number=SERIOUS, reason="police, Sam")
    found = entries(config)
    assert [(one["operation"], one["outcome"]) for one in found] == [
        ("alerts.acknowledge", "begun"), ("alerts.acknowledge", "done"), ("alerts.hold", "begun"),
        ("alerts.hold", "done"),
    ]  # fmt: skip
    assert "Sam" not in str(found)


def test_a_look_at_one_alert_is_on_record_and_a_look_at_the_list_is_not(config: Path) -> None:
    call(config, {Role.safeguarding_lead}, "alerts.list")
    call(config, {Role.head}, "alerts.show", number=SERIOUS)
    call(config, {Role.safeguarding_lead}, "alerts.export")
    assert [(one["operation"], one["outcome"], one["detail"].get("number")) for one in entries(config)] == [
        ("alerts.show", "done", SERIOUS), ("alerts.export", "done", None),
    ]  # fmt: skip


def test_who_sees_no_devices_reads_no_notes_either(config: Path) -> None:
    call(config, {Role.safeguarding_lead}, "alerts.acknowledge", number=SERIOUS, note="I speak with Sam")
    shown = call(config, {Role.head}, "alerts.show", number=SERIOUS)
    assert (shown.alert.client, shown.alert.names, shown.alert.evidence) == ("", (), {})
    assert [(one.what, one.note) for one in shown.history] == [("new", "A device asked."), ("acknowledged", "")]


def test_pages_of_an_export_join(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(config, {Role.safeguarding_lead}, "alerts.list", most=2).before == BEACON
    monkeypatch.setattr(pages, "MOST_OCTETS_A_PAGE", 1)
    numbers, before = [], None
    while True:
        page = call(config, {Role.safeguarding_lead}, "alerts.export", before=before)
        numbers += [one.alert.id for one in page.alerts]
        before = page.before
        if before is None:
            break
    assert numbers == [MALWARE, BEACON, SERIOUS]


def test_an_outcome_that_does_not_exist_is_refused(config: Path) -> None:
    with pytest.raises(ArgumentsRefused, match="outcome"):
        call(config, {Role.safeguarding_lead}, "alerts.close", number=SERIOUS, outcome="done")


def test_filters_choose_and_counts_say_what_waits(config: Path) -> None:
    lead = {Role.safeguarding_lead}
    call(config, lead, "alerts.acknowledge", number=BEACON)
    assert [one.id for one in call(config, lead, "alerts.list", states=("new",)).alerts] == [MALWARE, SERIOUS]
    assert call(config, lead, "alerts.list", severities=("urgent",)).alerts == ()
    assert call(config, lead, "alerts.list", segment="staff").alerts == ()
    page = call(config, lead, "alerts.list", segment="pupils", severities=("warning",), most=2)
    assert ([one.id for one in page.alerts], page.before) == ([MALWARE, BEACON], BEACON)
    counted = call(config, lead, "alerts.counts")
    assert counted.open == {"warning": {"new": 2, "acknowledged": 1}}
    assert counted.new_since is not None
    assert call(config, {Role.network_manager}, "alerts.counts").open == {"warning": {"new": 1, "acknowledged": 1}}


def test_it_is_said_whose_an_alert_is_to_work_on(config: Path) -> None:
    assert call(config, {Role.safeguarding_lead}, "alerts.show", number=SERIOUS).is_yours
    assert call(config, {Role.network_manager}, "alerts.show", number=BEACON).is_yours
    assert not call(config, {Role.head}, "alerts.show", number=BEACON).is_yours
