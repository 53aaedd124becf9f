"""Alerts of other monitoring systems: one key is one alert, whatever is sent again; a token may do this and no more."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from tests.unit.operations.signed_in import HOUR, School, opened

from schoolgate.accounts.errors import AccountRefused, TokenRefused
from schoolgate.accounts.roles import Role
from schoolgate.alerts import outside
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.outside import TooManyFiled
from schoolgate.alerts.rules import AlertRules
from schoolgate.operations.errors import ArgumentsRefused, NotPermitted
from schoolgate.operations.outside_alerts import AlertNotTaken
from schoolgate.policy.monitoring import AlertRule

FILED = {"source": "mail-scan", "key": "case/77", "severity": "urgent", "category": "self-harm", "said": "Sam wrote it"}

FOUR = [f"alerts.file:{one}" for one in ("mail-scan", "mail", "screens", "other")]


@pytest_asyncio.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(tmp_path) as made:
        yield made


@pytest.mark.asyncio
async def test_a_token_files_once_for_each_key_and_reads_nothing(school: School) -> None:
    manager = await school.signed_in("nina", Role.network_manager)
    token = (await school.call(manager, "session.make_token", label="mail", scopes=["alerts.file:mail-scan"])).secret
    first = await school.by_token(token, "alerts.file", **FILED)
    again = await school.by_token(token, "alerts.file", **{**FILED, "severity": "notice", "said": "other words"})
    other = await school.by_token(token, "alerts.file", **{**FILED, "key": "case/78"})
    assert (first.number, first.is_new) == (again.number, not again.is_new) == (1, True)
    assert (other.number, other.is_new) == (2, True), "another key is another alert, however alike"
    with pytest.raises(TokenRefused):
        await school.by_token(token, "alerts.list")
    assert "Sam" not in str(await school.entries())


@pytest.mark.asyncio
async def test_a_token_files_for_its_own_system_alone_and_another_name_is_on_record(school: School) -> None:
    manager = await school.signed_in("nina", Role.network_manager)
    token = (await school.call(manager, "session.make_token", label="m", scopes=["alerts.file:mail-scan"])).secret
    with pytest.raises(NotPermitted, match="files for mail-scan, and not for screens"):
        await school.by_token(token, "alerts.file", **{**FILED, "source": "screens"})
    (refused,) = [one for one in await school.entries("alerts.file") if one["outcome"] == "refused"]
    assert refused["detail"]["error"] == "NotPermitted"
    assert (await school.by_token(token, "alerts.file", **FILED)).is_new
    # Without a name it could speak for every system.
    with pytest.raises(AccountRefused, match=r"alerts\.file:mail-scan"):
        await school.call(manager, "session.make_token", label="m", scopes=["alerts.file"])
    with pytest.raises(AccountRefused, match="is no scope"):
        await school.call(manager, "session.make_token", label="m", scopes=["alerts.list:mail-scan"])
    wide = (await school.call(manager, "session.make_token", label="m", scopes=["alerts"])).secret
    with pytest.raises(TokenRefused, match=r"alerts\.file:"):
        await school.by_token(wide, "alerts.file", **FILED)


@pytest.mark.asyncio
async def test_the_lead_reads_what_was_said_and_a_head_and_it_do_not(school: School) -> None:
    lead, head = await school.signed_in("dora", Role.safeguarding_lead), await school.signed_in("hal", Role.head)
    manager = await school.signed_in("nina", Role.network_manager)
    filed = await school.call(manager, "alerts.file", **FILED, device="LAPTOP-7")
    (shown,) = (await school.call(lead, "alerts.list")).alerts
    assert (shown.severity, shown.detector, shown.evidence["said"]) == ("urgent", "other-system", "Sam wrote it")
    (hidden,) = (await school.call(head, "alerts.list")).alerts
    assert (hidden.sentence, hidden.evidence) == ("The system mail-scan reports: self harm.", {})
    assert (await school.call(manager, "alerts.list")).alerts == (), "it is no matter of IT"
    made = await school.call(lead, "case.open", alerts=[filed.number])
    assert (made.case.concern, made.case.theme) == ("safeguarding", "self-harm")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"source": "Mail Scan"}, ArgumentsRefused),
        ({"key": ""}, ArgumentsRefused),
        ({"key": "a\nb"}, ArgumentsRefused),
        ({"severity": "grave"}, ArgumentsRefused),
        ({"said": "x" * 2001}, ArgumentsRefused),
        ({"category": "no-such"}, AlertNotTaken),
        ({"segment": "nowhere"}, AlertNotTaken),
        ({"at": "2026-11-22T08:59:00+00:00"}, AlertNotTaken),
        ({"at": "2026-11-30T09:06:00+00:00"}, AlertNotTaken),
        ({"at": "2026-11-30T09:00:00"}, ArgumentsRefused),
    ],
)
async def test_what_cannot_be_so_is_refused_and_nothing_is_kept(
    school: School, given: dict[str, Any], error: type[Exception]
) -> None:
    manager = await school.signed_in("nina", Role.network_manager, Role.safeguarding_lead)
    with pytest.raises(error):
        await school.call(manager, "alerts.file", **{**FILED, **given})
    assert (await school.call(manager, "alerts.list", is_all=True)).alerts == ()


@pytest.mark.asyncio
async def test_a_day_has_so_many_alerts_of_a_system_and_of_all_and_a_repeat_is_none(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "MOST_A_DAY", 3)
    monkeypatch.setattr(outside, "MOST_OF_ALL_A_DAY", 5)
    manager = await school.signed_in("nina", Role.network_manager)
    token = (await school.call(manager, "session.make_token", label="mail", scopes=FOUR)).secret

    async def file(source: str, key: str) -> int:
        week_ago = (school.clock.now() - dt.timedelta(days=6)).isoformat()
        return int((await school.by_token(token, "alerts.file", source=source, key=key, at=week_ago)).number)

    for number in (1, 2, 3):
        assert await file("mail-scan", f"m{number}") == number
        school.clock.us += HOUR
    with pytest.raises(TooManyFiled, match="mail-scan filed 3 alerts within 24 hours"):
        await file("mail-scan", "m4")
    assert await file("mail-scan", "m1") == 1, "a repeat is no new alert"
    assert [await file("mail", "m1"), await file("screens", "m1")] == [4, 5], "a name that begins alike is another"
    with pytest.raises(TooManyFiled, match="all systems filed 5 alerts"):
        await file("other", "m1")
    assert len([one for one in await school.entries("alerts.file") if one["outcome"] == "refused"]) == 2
    school.clock.us += 22 * HOUR
    assert await file("mail-scan", "m4") == 6, "the oldest is a day old"


@pytest.mark.asyncio
async def test_a_source_and_a_key_that_read_as_an_address_are_no_device(school: School) -> None:
    manager = await school.signed_in("nina", Role.network_manager)
    folder = school.state / "monitor"
    folder.mkdir(exist_ok=True)
    rules = AlertRules({"all": AlertRule(categories=("*",), detectors=("*",))}, ZoneInfo("UTC"))
    with contextlib.closing(AlertStore.open(folder / "alerts.db")) as store:
        one = Finding("attempt", "urgent", "year-9", "2001:db8::5", school.clock.us, 0, "It asked.", "self-harm")
        rules.apply([one], store, Outbox(store), school.clock.now())
    filed = await school.call(manager, "alerts.file", source="2001", key="db8::5")
    assert (filed.number, filed.is_new) == (2, True), "else IT learns that this device has an alert"
