"""The log on screens: a live view, counts for charts, and one device."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.stand_in.query_log import row, wal, write_rows, write_wals

from schoolgate._core import log_pseudonym
from schoolgate.accounts.roles import Role
from schoolgate.config import load
from schoolgate.operations.actor import Actor
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.hosting import hosted
from schoolgate.operations.log import log_live
from schoolgate.operations.log.log_counts import DeviceShown, HourCounts
from schoolgate.operations.log.log_live import LiveRows, ViewEnded
from schoolgate.operations.log.log_rows import LogFilters
from schoolgate.querylog import BadQuery
from schoolgate.storage import audit_operations
from schoolgate.storage.audit_operations import Place

NOW = dt.datetime(2026, 11, 17, 12, 30, tzinfo=dt.UTC)
LEAD, IT = Role.safeguarding_lead, Role.network_manager
KEY = bytes(range(16))
ADDRESS = "192.0.2.77"
PSEUDONYM = log_pseudonym(KEY, ADDRESS)


class At:
    """A clock that stands."""

    def __init__(self, now: dt.datetime = NOW) -> None:
        self.time = now

    def now(self) -> dt.datetime:
        return self.time

    def now_us(self) -> int:
        return int(self.time.timestamp() * 1e6)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path, state = tmp_path / "schoolgate.toml", tmp_path / "state"
    path.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{state}"\n', encoding="utf-8")
    (state / "log").mkdir(parents=True)
    state.chmod(0o700)
    text = orjson.dumps({"key": KEY.hex(), "made_at": (NOW - dt.timedelta(days=9)).isoformat(), "id": "one"})
    (state / "log" / "pseudonym.json").write_bytes(text)
    return path


def state_of(config: Path) -> Path:
    return load(config).server.state_dir


def call(config: Path, role: Role, name: str, *, now: dt.datetime = NOW, who: str = "1", **arguments: Any) -> Any:
    async def called() -> Any:
        actor = Actor(f"account:{who}", "Ada Example", frozenset({role}))
        async with hosted(config, load(config), At(now)) as operations:
            return await operations.call(actor, name, arguments)

    return asyncio.run(called())


def recorded(config: Path) -> list[str]:
    found = asyncio.run(audit_operations.log(Place.in_folder(state_of(config)), At().now_us()))
    return [str(one.fields["operation"]) for one in found[::-1]]


def names(found: LiveRows) -> list[str]:
    return [one.qname for one in found.rows]


def write(config: Path, number: int, *rows: Any) -> None:
    write_wals(state_of(config), [], open_rows=rows, first=number)


def test_a_live_view_begins_with_the_newest_rows_and_goes_on_with_what_is_newer(config: Path) -> None:
    write(config, 1, *(row(time=NOW - dt.timedelta(seconds=9 - at), qname=f"{at}.example.org") for at in range(5)))
    first: LiveRows = call(config, LEAD, "log.live", most=3)
    assert names(first) == ["2.example.org", "3.example.org", "4.example.org"]
    assert first.left_out == 2
    assert names(call(config, LEAD, "log.live_next", after=first.after)) == []
    write(config, 2, row(time=NOW, qname="new.example.org"))
    again: LiveRows = call(config, LEAD, "log.live_next", after=first.after)
    assert names(again) == ["new.example.org"]
    assert call(config, LEAD, "log.live_next", after=first.after) == again, "an answer that was lost is had again"
    assert names(call(config, LEAD, "log.live_next", after=again.after)) == []


def test_filters_hold_and_sealed_hits_are_a_count(config: Path) -> None:
    sealed = row(time=NOW, qname="(withheld)", layer="sealed", action="deny", class_="safeguarding")
    write(config, 1, row(time=NOW, action="deny"), row(time=NOW), sealed)
    found: LiveRows = call(config, LEAD, "log.live", filters=LogFilters(actions=("deny",)))
    assert [one.layer for one in found.rows] == ["allow"]
    assert found.sealed == 1


def test_who_sees_no_identities_gets_rows_without_devices_and_no_view_of_one(config: Path) -> None:
    write(config, 1, row(time=NOW, client=PSEUDONYM, device="laptop-7", user="ada"))
    found: LiveRows = call(config, IT, "log.live")
    assert [(one.client, one.device, one.user) for one in found.rows] == [("", None, None)]
    with pytest.raises(NotPermitted):
        call(config, IT, "log.live", client=ADDRESS)


def test_a_view_of_one_device_is_on_record_and_ends_by_itself(config: Path) -> None:
    write(config, 1, row(time=NOW, client=PSEUDONYM), row(time=NOW, client="192.0.2.1"))
    found: LiveRows = call(config, LEAD, "log.live", client=ADDRESS)
    assert [one.client for one in found.rows] == [PSEUDONYM]
    call(config, LEAD, "log.live_next", after=found.after)
    assert recorded(config) == ["log.live"], "once, not for each look"
    with pytest.raises(ViewEnded):
        call(config, LEAD, "log.live_next", after=found.after, now=NOW + log_live.VIEW_LASTS)
    with pytest.raises(ViewEnded):
        call(config, LEAD, "log.live_next", after=found.after, who="2")


@pytest.mark.parametrize("after", ["", "0", "no.view", "0123456789abcdef.0", "../../etc.1"])
def test_a_cursor_of_no_view_is_refused(config: Path, after: str) -> None:
    with pytest.raises(ViewEnded):
        call(config, LEAD, "log.live_next", after=after)


def test_a_view_that_was_asked_too_seldom_says_that_rows_may_be_missing(config: Path) -> None:
    write(config, 1, row(time=NOW))
    found: LiveRows = call(config, LEAD, "log.live")
    for path in (state_of(config) / "log" / "wal").iterdir():
        path.unlink()
    assert not call(config, LEAD, "log.live_next", after=found.after).may_miss
    late: LiveRows = call(config, LEAD, "log.live_next", after=found.after, now=NOW + dt.timedelta(minutes=2))
    assert late.may_miss


def test_only_so_many_views_are_kept(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_live, "MOST_VIEWS", 2)
    first, *_ = (call(config, LEAD, "log.live") for _ in range(3))
    with pytest.raises(ViewEnded):
        call(config, LEAD, "log.live_next", after=first.after)


def test_hours_count_each_row_once_by_what_was_done(config: Path) -> None:
    hour = NOW.replace(minute=0)
    rows = [row(time=NOW), row(time=NOW, action="deny"), row(time=NOW - dt.timedelta(hours=3), action="deny")]
    write_rows(state_of(config), wal(1), rows)
    found: HourCounts = call(config, IT, "log.hours")
    assert [(one.at, one.key, one.rows) for one in found.counts] == [
        ((hour - dt.timedelta(hours=3)).isoformat(), "deny", 1), (hour.isoformat(), "allow", 1),
        (hour.isoformat(), "deny", 1),
    ]  # fmt: skip
    by_day: HourCounts = call(config, IT, "log.hours", by="segment", is_by_day=True, since=NOW - dt.timedelta(days=30))
    assert [(one.key, one.rows) for one in by_day.counts] == [("pupils", 3)]


@pytest.mark.parametrize("given", [{"since": NOW}, {"since": NOW - dt.timedelta(days=90)}])
def test_a_span_that_is_empty_or_too_long_is_refused(config: Path, given: dict[str, Any]) -> None:
    with pytest.raises(BadQuery):
        call(config, IT, "log.hours", **given)


@pytest.fixture
def device(config: Path) -> Path:
    """Three rows of a device, one of them of a sealed list, and one of another device."""
    sealed = row(time=NOW - dt.timedelta(minutes=1), client=PSEUDONYM, layer="sealed", action="deny")
    denied = row(time=NOW, client=PSEUDONYM, action="deny", layer="category", category="gambling", qname="bets.example")
    old = row(time=NOW - dt.timedelta(hours=30), client=PSEUDONYM)
    write_rows(state_of(config), wal(1), [old, sealed, denied, row(time=NOW, client="192.0.2.1")])
    return config


def test_a_device_has_its_times_blocks_and_totals(device: Path) -> None:
    found: DeviceShown = call(device, LEAD, "device.show", client=ADDRESS)
    assert (found.first, found.last) == ((NOW - dt.timedelta(hours=30)).isoformat(), NOW.isoformat())
    assert (found.rows, found.denied, found.sealed) == (3, 2, 1)
    assert [one.qname for one in found.blocks] == ["bets.example"]
    assert [(one.value, one.denied) for one in found.categories] == [("gambling", 1)]
    assert sum(one.rows for one in found.hours) == 3
    assert recorded(device) == ["device.show"]
    assert call(device, LEAD, "device.show", client=PSEUDONYM, days=1).rows == 2


def test_it_sees_when_and_where_a_device_was_and_not_what_it_asked(device: Path) -> None:
    found: DeviceShown = call(device, IT, "device.show", client=ADDRESS)
    assert found.rows == 3
    # No moment that would lead to a row of the log, which has the name.
    assert found.hours == ()
    assert [str(one)[10:19] for one in (found.first, found.last)] == ["T00:00:00"] * 2
    assert b"bets" not in orjson.dumps(found)
    assert b"gambling" not in orjson.dumps(found)
    assert (found.denied, found.sealed) == (None, None)
    assert recorded(device) == ["device.show"]


def test_a_device_that_was_never_seen_has_nothing(device: Path) -> None:
    found: DeviceShown = call(device, LEAD, "device.show", client="192.0.2.200")
    assert (found.first, found.rows, found.segment, found.policy) == (None, 0, None, None)
