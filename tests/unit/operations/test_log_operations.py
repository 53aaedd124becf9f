"""The query log by role: who sees devices, who sees none, and what of it is on record."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import itertools
import sqlite3
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from tests.stand_in.query_log import row, wal, write_rows

from schoolgate._core import log_pseudonym
from schoolgate.accounts.roles import Role
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import AlertRules
from schoolgate.config import load
from schoolgate.operations import pages
from schoolgate.operations.actor import Actor
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.hosting import hosted
from schoolgate.operations.log import log_access, log_erasure
from schoolgate.operations.log.log_rows import LogFilters
from schoolgate.operations.system_clock import SystemClock
from schoolgate.querylog import BadQuery
from schoolgate.querylog.log_query import SELF_TEST_RULE
from schoolgate.storage import audit_operations
from schoolgate.storage.audit_operations import Place

KEY = bytes(range(16))
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
ADDRESS = "192.0.2.77"
PSEUDONYM = log_pseudonym(KEY, ADDRESS)
LEAD, IT = Role.safeguarding_lead, Role.network_manager


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Seven rows of one device under a pseudonym, one of them serious, and one of another device."""
    path, state = tmp_path / "schoolgate.toml", tmp_path / "state"
    path.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{state}"\n', encoding="utf-8")
    rows = [row(time=NOW - dt.timedelta(minutes=number), client=PSEUDONYM) for number in range(1, 7)]
    serious = row(time=NOW - dt.timedelta(minutes=9), client=PSEUDONYM, class_="safeguarding")
    write_rows(state, wal(1), [*rows, serious, row(time=NOW - dt.timedelta(minutes=8), client="192.0.2.1")])
    state.chmod(0o700)
    text = orjson.dumps({"key": KEY.hex(), "made_at": (NOW - dt.timedelta(days=1)).isoformat(), "id": "one"})
    (state / "log" / "pseudonym.json").write_bytes(text)
    return path


def call(config: Path, role: Role, name: str, /, **arguments: Any) -> Any:
    async def called() -> Any:
        actor = Actor("account:1", "Ada Example", frozenset({role}))
        async with hosted(config, load(config), SystemClock()) as operations:
            return await operations.call(actor, name, arguments)

    return asyncio.run(called())


def entries(config: Path) -> list[dict[str, Any]]:
    place = Place.in_folder(load(config).server.state_dir)
    found = asyncio.run(audit_operations.log(place, SystemClock().now_us()))
    return [dict(one.fields) for one in found[::-1]]


def kept(config: Path) -> set[str]:
    """The files of the database."""
    return {one.name for one in load(config).server.state_dir.glob("control*")}


def test_a_search_that_names_no_device_opens_no_store_and_one_that_does_is_on_record(config: Path) -> None:
    assert len(call(config, LEAD, "log.search").rows) == 8
    call(config, LEAD, "log.top", what="clients")
    call(config, LEAD, "log.watch")
    assert kept(config) == set()
    found = call(config, LEAD, "log.search", client=ADDRESS, filters=LogFilters(class_="safeguarding"))
    assert len(found.rows) == 1
    call(config, LEAD, "log.top", what="names", client=PSEUDONYM)
    assert PSEUDONYM in call(config, LEAD, "log.watch", client=ADDRESS).clients
    found = entries(config)
    assert [(one["operation"], one["outcome"]) for one in found] == [
        ("log.search", "done"), ("log.top", "done"), ("log.watch", "done"),
    ]  # fmt: skip
    assert found[0]["detail"]["rows"] == 1
    assert ADDRESS not in str(found) and PSEUDONYM not in str(found)
    place = Place.in_folder(load(config).server.state_dir)
    shown = asyncio.run(audit_operations.show(place, 0, None, "account:2", SystemClock().now_us()))
    assert shown.entry.personal == {"actor_name": "Ada Example", "client": ADDRESS}


def test_a_row_of_the_self_test_says_so_and_one_beside_it_does_not(config: Path) -> None:
    state = load(config).server.state_dir
    asked = NOW - dt.timedelta(minutes=3)
    about = {"client": PSEUDONYM, "action": "deny", "layer": "sealed", "qname": "(withheld)", "class_": "safeguarding"}
    theirs = row(time=asked + dt.timedelta(microseconds=1), rule="sealed list, serial 1", **about)
    write_rows(state, wal(2), [row(time=asked, rule="sealed list, serial 1", **about), theirs])
    (state / "monitor").mkdir(mode=0o700)
    store = AlertStore.open(state / "monitor" / "alerts.db")
    at_us = round(asked.timestamp() * 1e6)
    found = Finding("sealed-selftest", "notice", "pupils", PSEUDONYM, at_us, 0, "The self-test.")
    AlertRules({}, ZoneInfo("UTC")).apply([found], store, Outbox(store), NOW)
    store.close()
    wanted = [SELF_TEST_RULE, "sealed list, serial 1"]
    for role in (LEAD, IT):
        rows = call(config, role, "log.search", filters=LogFilters(layers=("sealed",))).rows
        assert [one.rule for one in rows[::-1]] == wanted, role
    exported = call(config, LEAD, "log.export", client=ADDRESS, reason="access").rows
    assert [one.rule for one in exported[::-1] if one.layer == "sealed"] == wanted


def test_it_sees_rows_without_devices_and_searches_for_none(config: Path) -> None:
    rows = call(config, IT, "log.search").rows
    assert len(rows) == 8
    assert {(one.client, one.device, one.user) for one in rows} == {("", None, None)}
    assert call(config, IT, "log.top", what="names").values
    assert not call(config, IT, "log.watch").sees_identities
    for name, arguments in (
        ("log.search", {"client": ADDRESS}),
        ("log.watch", {"client": ADDRESS}),
        ("log.top", {"what": "names", "client": ADDRESS}),
        ("log.top", {"what": "clients"}),
    ):
        with pytest.raises(NotPermitted, match="safeguarding lead"):
            call(config, IT, name, **arguments)


def test_a_reveal_is_on_record_with_neither_pseudonym_nor_address_nor_reason_for_ever(config: Path) -> None:
    assert call(config, LEAD, "log.reveal", pseudonym=PSEUDONYM, reason="concern of Sam").address == ADDRESS
    with pytest.raises(BadQuery):
        call(config, LEAD, "log.reveal", pseudonym="Sam", reason="r")
    with pytest.raises(NotPermitted):
        call(config, IT, "log.reveal", pseudonym=PSEUDONYM, reason="r")
    found = entries(config)
    assert [one["outcome"] for one in found] == ["begun", "done", "begun", "refused", "refused"]
    assert not [word for word in (PSEUDONYM, ADDRESS, "Sam") if word in str(found)]
    assert set(found[0]["personal"]) == {"actor_name", "pseudonym", "reason"}


def test_pages_of_an_export_join(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_OCTETS_A_PAGE", 1)
    monkeypatch.setattr(log_access, "MOST_ROWS_A_PAGE", 3)
    sizes, times, after = [], [], None
    while True:
        page = call(config, LEAD, "log.export", client=PSEUDONYM, reason="request 7", after=after)
        sizes.append(len(page.rows))
        times += [one.time for one in page.rows]
        after = page.cursor
        if after is None:
            break
    assert sizes == [3, 3, 1]
    assert times == sorted(set(times), reverse=True)
    ended = [one for one in entries(config) if one["outcome"] == "done"]
    assert [one["detail"]["rows"] for one in ended] == sizes


def test_an_erasure_needs_a_reason_and_the_lead_for_what_is_serious(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A query may be some seconds on its way to the file: each look at the clock is ten seconds later.
    moments = (NOW + dt.timedelta(seconds=10 * number) for number in itertools.count())
    monkeypatch.setattr(log_erasure, "_now", lambda: next(moments))
    monkeypatch.setattr(log_erasure, "LOOK_EVERY_S", 0.0)
    preview = call(config, Role.data_protection_officer, "log.preview_erasure", client=ADDRESS)
    assert (preview.rows, preview.serious, preview.alerts) == (7, 1, ())
    with pytest.raises(BadQuery, match="a reason is needed"):
        call(config, LEAD, "log.erase", client=ADDRESS, reason=" ", is_safeguarding_agreed=True)
    with pytest.raises(BadQuery, match="1 of the 7 rows"):
        call(config, LEAD, "log.erase", client=ADDRESS, reason="request 7")
    with pytest.raises(NotPermitted):
        call(config, IT, "log.erase", client=ADDRESS, reason="request 7", is_safeguarding_agreed=True)
    assert len(call(config, LEAD, "log.search").rows) == 8
    erased = call(config, LEAD, "log.erase", client=ADDRESS, reason="request 7", is_safeguarding_agreed=True)
    assert (erased.rows, erased.removed, erased.is_under_way) == (7, 7, False)
    assert [one.client for one in call(config, LEAD, "log.search").rows] == ["192.0.2.1"]
    assert ADDRESS not in str(entries(config))


def test_an_erasure_takes_saved_searches_that_name_the_client(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = (NOW + dt.timedelta(seconds=10 * number) for number in itertools.count())
    monkeypatch.setattr(log_erasure, "_now", lambda: next(moments))
    monkeypatch.setattr(log_erasure, "LOOK_EVERY_S", 0.0)
    for name, query in (
        ("by address", f"client={ADDRESS}&class=denied"),
        ("by pseudonym", f"client={PSEUDONYM}"),
        (f"of {ADDRESS} on Fridays", "qname=games.example"),
        ("another device", "client=192.0.2.7"),
        ("a name", f"qname={ADDRESS}.example"),
    ):
        call(config, LEAD, "log.save_search", name=name, query=query)
    erased = call(config, LEAD, "log.erase", client=ADDRESS, reason="request 7", is_safeguarding_agreed=True)
    assert (erased.searches, erased.about()["searches"]) == (3, 3)
    assert {one.name for one in call(config, LEAD, "log.saved")} == {"another device", "a name"}
    again = call(config, LEAD, "log.erase", client=ADDRESS, reason="request 7")
    assert again.searches == 0
    with contextlib.closing(sqlite3.connect(load(config).server.state_dir / "control.db")) as database:
        held = database.execute("select fields from governance_record").fetchall()
    assert not any(f"={ADDRESS}&" in str(one) or PSEUDONYM in str(one) for one in held)


def test_a_saved_search_of_an_ipv6_client_goes_however_it_was_written(config: Path) -> None:
    call(config, LEAD, "log.save_search", name="one", query="client=2001%3ADB8%3A0%3A0%3A%3A5&page=2")
    assert call(config, LEAD, "log.erase", client="2001:db8::5", reason="request 8").searches == 1
    assert call(config, LEAD, "log.saved") == ()


def test_filters_that_cannot_match_are_refused(config: Path) -> None:
    with pytest.raises(BadQuery, match="not before"):
        call(config, LEAD, "log.search", filters={"since": NOW.isoformat(), "until": NOW.isoformat()})
