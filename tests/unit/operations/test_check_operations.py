"""Recorded checks by operations: what is kept, refused, followed up and due; how often the machine keeps its own."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from schoolgate.accounts.roles import Role
from schoolgate.checks.segment_check import NetworkChecked, SegmentsChecked
from schoolgate.config import load
from schoolgate.governance import record_store
from schoolgate.governance.errors import NoSuchRecord, RecordRefused
from schoolgate.operations.actor import Actor
from schoolgate.operations.governance import check_records, check_runs
from schoolgate.operations.governance.check_runs import JOB
from schoolgate.operations.hosting import hosted
from schoolgate.operations.operations import Operations

NOON = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
LEAD = Actor("account:1", "Ada Example", frozenset({Role.safeguarding_lead}))


class Wall:
    """A clock that is set by hand."""

    at = NOON

    def now(self) -> dt.datetime:
        return self.at

    def now_us(self) -> int:
        return int(self.at.timestamp() * 1_000_000)


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "schoolgate.toml"
    path.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{tmp_path / "state"}"\n', encoding="utf-8")
    return path


@pytest_asyncio.fixture
async def school(config: Path, wall: Wall) -> AsyncIterator[Operations]:
    async with hosted(config, load(config), wall) as made:
        yield made


async def added(school: Operations, **more: Any) -> Any:
    given = {"result": "failed", "tested": "ten names", "device_kind": "personal", "place": "Main", "group": "pupils"}
    return await school.call(LEAD, "checks.add", given | more)


async def test_a_check_has_the_four_fields_of_the_policy_and_ends_with_its_last_action(school: Operations) -> None:
    actions = [
        {"what": "replace the access point", "owner": "N. Manager", "due": "2026-12-18"},
        {"what": "tell the governors", "owner": "A. Head", "due": "2026-12-04"},
    ]
    table = [{"name": "gambling.blocked.example.com", "expected": "closed", "came": "open", "is_well": False}]
    made = await added(school, actions=actions, answers=table, findings="the guest network is not filtered")
    assert (made.number, made.state, made.who, made.at) == (1, "open", "Ada Example", NOON)
    assert made.due == dt.date(2026, 12, 4)
    shown = await school.call(LEAD, "checks.show", {"number": 1})
    assert [one.came for one in shown.answers] == ["open"]
    assert len(shown.table_sha256) == 64

    done = await school.call(LEAD, "checks.finish", {"number": 1, "action": 2, "note": "at the meeting"})
    assert (done.state, done.due, done.actions[1].note) == ("open", dt.date(2026, 12, 18), "at the meeting")
    with pytest.raises(RecordRefused, match="done already"):
        await school.call(LEAD, "checks.finish", {"number": 1, "action": 2})
    with pytest.raises(RecordRefused, match="no action 3"):
        await school.call(LEAD, "checks.finish", {"number": 1, "action": 3})
    done = await school.call(LEAD, "checks.finish", {"number": 1, "action": 1})
    assert (done.state, done.due) == ("failed", None)


async def test_governors_and_the_provider_see_no_names_of_persons(school: Operations) -> None:
    await added(school, actions=[{"what": "replace it", "owner": "Nia Manager", "due": "2026-12-18"}])
    for role in (Role.governor, Role.provider):
        actor = Actor("account:9", "Otto", frozenset({role}))
        seen = str(
            [await school.call(actor, "checks.list", {}), await school.call(actor, "checks.show", {"number": 1})]
        )
        assert "replace it" in seen and "Nia" not in seen and "Ada" not in seen


async def test_what_cannot_be_a_check_is_refused_and_nothing_is_kept(school: Operations) -> None:
    for wrong, said in (
        ({"place": ""}, "which internet line"),
        ({"at": (NOON + dt.timedelta(hours=1)).isoformat()}, "future"),
    ):
        with pytest.raises(RecordRefused, match=said):
            await added(school, **wrong)
    assert (await school.call(LEAD, "checks.list", {})).checks == ()
    with pytest.raises(NoSuchRecord):
        await school.call(LEAD, "checks.show", {"number": 1})


async def test_one_person_fills_no_disk_with_checks_and_files(
    school: Operations, wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_records, "MOST_A_DAY", 2)
    monkeypatch.setattr(record_store, "MOST_OCTETS_A_DAY", 10)
    given = {"number": 1, "name": "x", "content": base64.b64encode(b"sixsix").decode()}
    await added(school)
    await school.call(LEAD, "checks.attach", given)
    with pytest.raises(RecordRefused, match="24 hours"):
        await school.call(LEAD, "checks.attach", given)
    await added(school)
    with pytest.raises(RecordRefused, match="24 hours"):
        await added(school)
    wall.at = NOON + dt.timedelta(hours=25)
    await added(school)
    await school.call(LEAD, "checks.attach", given)


async def test_a_certificate_comes_back_as_it_was_given(school: Operations) -> None:
    await added(school)
    octets = b"%PDF-1.7 of a tester"
    given = {"number": 1, "name": "certificate.pdf", "content": base64.b64encode(octets).decode()}
    file = await school.call(LEAD, "checks.attach", given)
    (shown,) = (await school.call(LEAD, "checks.show", {"number": 1})).files
    assert shown == file
    assert base64.b64decode(await school.call(LEAD, "checks.attachment", {"file": str(file.id)})) == octets
    for content in ("", "not base64!"):
        with pytest.raises(RecordRefused):
            await school.call(LEAD, "checks.attach", given | {"content": content})


async def test_a_plan_makes_the_matrix_and_a_check_fills_its_cell_until_the_next_term(
    school: Operations, wall: Wall
) -> None:
    first = await school.call(LEAD, "checks.coverage", {})
    assert first.is_first
    assert first.due == len(first.cells) > 0
    plan = {"places": ["Main"], "groups": ["pupils"], "lines": ["Fibre", "Backup"]}
    assert await school.call(LEAD, "checks.plan", plan) == 1
    assert await school.call(LEAD, "checks.plan", plan) == 2
    with pytest.raises(RecordRefused, match="twice"):
        await school.call(LEAD, "checks.plan", {"lines": ["Fibre", "fibre "]})
    await added(school)
    await added(school, place="", group="", line="backup")
    shown = await school.call(LEAD, "checks.coverage", {})
    assert [one.line for one in shown.cells if one.line] == ["Fibre", "Backup"]
    assert [(one.device_kind, one.line) for one in shown.cells if not one.is_due] == [("", "Backup"), ("personal", "")]
    wall.at = shown.until
    assert (await school.call(LEAD, "checks.coverage", {})).due == len(shown.cells)


async def test_the_machine_keeps_a_record_of_what_changed_and_once_a_day(
    school: Operations, wall: Wall, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = "good"

    def checked(*_: object) -> SegmentsChecked:
        network = NetworkChecked("pupils", "10.1.0.0/16", "pupil", "10.1.0.53", "10.1.0.53:53", state, "", ())  # type: ignore[arg-type]
        return SegmentsChecked(wall.at, 1, (network,), ())

    monkeypatch.setattr(check_runs, "check_segments", checked)
    numbers = []
    for hour in range(27):
        wall.at = NOON + dt.timedelta(hours=hour)
        state = "failed" if hour in (3, 4) else "good"
        numbers.append((await school.call(JOB, "checks.run", {})).number)
    assert [hour for hour, number in enumerate(numbers) if number is not None] == [0, 3, 5]
    wall.at = NOON + dt.timedelta(hours=28)
    assert (await school.call(JOB, "checks.run", {})).number == 4, "once a day"
    assert (await school.call(LEAD, "checks.run", {})).number == 5, "what a person asks for is kept"
    page = await school.call(LEAD, "checks.list", {"is_automatic": True, "most": 2})
    wall.at += dt.timedelta(minutes=59)
    assert [await check_runs.run_if_due(school, load(config), wall.at) for _ in range(2)] == [True, False]
    assert ([one.number for one in page.checks], page.before) == ([5, 4], 4)
    assert [one.who for one in page.checks] == ["Ada Example", "schoolgate"]


@pytest.mark.parametrize(
    ("last", "is_due"),
    [
        (None, True),
        ({"at": (NOON - dt.timedelta(minutes=30)).isoformat(), "state": "good"}, False),
        ({"at": (NOON - dt.timedelta(minutes=59)).isoformat(), "state": "good"}, True),
        ({"at": (NOON - dt.timedelta(minutes=10)).isoformat(), "state": "failed"}, True),
        ({"at": (NOON + dt.timedelta(minutes=10)).isoformat(), "state": "good"}, True),
        ({"at": "nonsense"}, True),
    ],
)
def test_the_hourly_check_is_due(last: dict[str, Any] | None, is_due: bool) -> None:
    assert check_runs.is_due(last, NOON) is is_due


def test_probes_to_try_are_those_of_the_strictest_policy_where_no_server_knows_the_device(config: Path) -> None:
    async def asked(**given: Any) -> Any:
        async with hosted(config, load(config), Wall()) as school:
            return await school.call(LEAD, "checks.probes", given)

    shown = asyncio.run(asked())
    assert shown.problem == "the address of this device is not known; give one"
    assert {"closed", "no such name", "open"} <= {one.expected for one in shown.probes}
    with pytest.raises(RecordRefused, match="is no address"):
        asyncio.run(asked(client="a name"))
