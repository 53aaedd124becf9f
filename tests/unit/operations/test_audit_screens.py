"""The audit log on a screen: pages, one entry with its proof, verification; settings with their origin."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from schoolgate.accounts.roles import Role
from schoolgate.audit.event import Event, Outcome
from schoolgate.config import load
from schoolgate.operations.actor import Actor
from schoolgate.operations.audit import AuditEntryShown, AuditPage, AuditVerified, BadPlace
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.hosting import hosted
from schoolgate.operations.settings import MASK, SettingsShown
from schoolgate.operations.system_clock import SystemClock
from schoolgate.storage import audit_log, audit_operations, audit_reading
from schoolgate.storage.audit_operations import Place
from schoolgate.storage.store import Store

IT, HEAD, DPO, PROVIDER = Role.network_manager, Role.head, Role.data_protection_officer, Role.provider
ME = "account:00000000-0000-7000-8000-000000000001"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path, state = tmp_path / "schoolgate.toml", tmp_path / "state"
    text = f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{state}"\n[cache]\nmax_ttl_s = 600\n'
    path.write_text(f'{text}[webhooks.chat]\nurl = "https://chat.example/hook/8f3a?key=1"\n', encoding="utf-8")
    state.mkdir(mode=0o700)
    return path


def write(config: Path, *events: Event) -> None:
    async def written() -> None:
        place = Place.in_folder(load(config).server.state_dir)
        async with await Store.open(place.store, now_us=1, is_owner=True) as store, store.change() as change:
            for one in events:
                await audit_log.append(change, one)

    asyncio.run(written())


def event(at_us: int, actor: str, operation: str, **more: Any) -> Event:
    return Event(at_us, actor, operation, **more)


def call(config: Path, role: Role, name: str, /, who: str = ME, **arguments: Any) -> Any:
    async def called() -> Any:
        async with hosted(config, load(config), SystemClock()) as operations:
            return await operations.call(Actor(who, "Ada Example", frozenset({role})), name, arguments)

    return asyncio.run(called())


def operations_of(page: AuditPage) -> list[str]:
    return [one.operation for one in page.entries]


def test_pages_hold_each_entry_once_newest_first(config: Path) -> None:
    write(config, *(event(at, "uid:1000", f"policy.{at}") for at in range(7)))
    found, before = [], None
    while True:
        page: AuditPage = call(config, IT, "audit.log", most=3, before=before, operation="policy")
        found += operations_of(page)
        before = page.before
        if before is None:
            break
    assert found == [f"policy.{at}" for at in range(6, -1, -1)]


def test_filters_hold_together(config: Path) -> None:
    write(
        config,
        event(10, "uid:1", "policy.apply"),
        event(20, "uid:2", "policy.apply", outcome=Outcome.refused),
        event(30, "uid:1", "lists.update"),
    )
    assert operations_of(call(config, IT, "audit.log", actor="uid:1", operation="policy")) == ["policy.apply"]
    assert operations_of(call(config, IT, "audit.log", outcome="refused")) == ["policy.apply"]
    assert operations_of(call(config, IT, "audit.log", since_us=20, until_us=30)) == ["policy.apply"]


def test_who_looked_at_me_is_a_filter(config: Path) -> None:
    account = ME.removeprefix("account:")
    write(
        config,
        event(1, "account:other", "account.disable", scope=f"account/{account}"),
        event(2, "account:other", "account.show", detail={"account": account}),
        event(3, ME, "account.show", detail={"account": account}),
        event(4, "account:other", "policy.apply"),
    )
    assert operations_of(call(config, HEAD, "audit.log", is_about_me=True)) == ["account.show", "account.disable"]


def test_a_provider_sees_what_it_did_and_nothing_else(config: Path) -> None:
    write(config, event(1, ME, "lists.update"), event(2, "uid:1", "policy.apply"))
    assert operations_of(call(config, PROVIDER, "audit.log")) == ["lists.update"]
    assert call(config, PROVIDER, "audit.show", number=0).entry.operation == "lists.update"
    with pytest.raises(NotPermitted):
        call(config, PROVIDER, "audit.show", number=1)


@pytest.mark.parametrize("before", ["", "1", "1/", "-1/2", "1/2/3", "9" * 30 + "/1"])
def test_a_cursor_of_no_page_is_refused(config: Path, before: str) -> None:
    with pytest.raises(BadPlace):
        call(config, IT, "audit.log", before=before)


def test_a_rare_entry_among_many_is_looked_for_page_by_page(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_reading, "MOST_LOOKED_AT", 3)
    write(config, event(0, "uid:1", "rare"), *(event(at, "uid:1", "common") for at in range(1, 6)))
    first: AuditPage = call(config, IT, "audit.log", operation="rare")
    assert first.entries == ()
    assert first.before is not None
    assert operations_of(call(config, IT, "audit.log", operation="rare", before=first.before)) == ["rare"]


def test_personal_values_are_shown_to_who_sees_identities_and_that_is_on_record(config: Path) -> None:
    write(config, event(1, "uid:1", "log.search", personal={"client": "192.0.2.7"}))
    without: AuditEntryShown = call(config, IT, "audit.show", number=0)
    assert without.values == {}
    assert without.entry.personal == ("client",)
    assert b"192.0.2.7" not in orjson.dumps(without)
    assert without.proof is not None
    assert without.proof.size == 1
    shown: AuditEntryShown = call(config, DPO, "audit.show", number=0)
    assert shown.values == {"client": "192.0.2.7"}
    newest = call(config, IT, "audit.log", most=1).entries[0]
    assert (newest.operation, newest.actor) == (audit_operations.SHOWN, ME)


def test_verification_says_no_more_than_it_knows(config: Path) -> None:
    write(config, event(1, "uid:1", "policy.apply"))
    alone: AuditVerified = call(config, IT, "audit.verify")
    assert (alone.verdict, alone.entries, alone.problems) == ("consistent with itself only", 1, ())
    place = Place.in_folder(load(config).server.state_dir)
    signed = asyncio.run(audit_operations.checkpoint(place, "uid:1", 2))
    anchored: AuditVerified = call(config, IT, "audit.verify", checkpoints=(signed.note,), keys=(signed.verifier_key,))
    assert (anchored.verdict, anchored.anchors) == ("sound", 1)
    (place.store if isinstance(place.store, Path) else Path(place.store)).unlink()
    for one in config.parent.glob("state/control.db-*"):
        one.unlink()
    write(config, event(1, "uid:1", "policy.other"))
    other: AuditVerified = call(config, IT, "audit.verify", checkpoints=(signed.note,), keys=(signed.verifier_key,))
    assert other.verdict == "tampered"
    assert other.problems


def test_settings_say_where_they_come_from_and_hide_secrets(config: Path) -> None:
    found: SettingsShown = call(config, IT, "settings.show")
    by_path = {one.path: one for one in found.settings}
    assert (by_path["cache.max_ttl_s"].value, by_path["cache.max_ttl_s"].origin) == (600, "file")
    assert by_path["cache.min_ttl_s"].origin == "default"
    assert by_path["server.listen"].origin == "file"
    hook = by_path["webhooks.chat.url"]
    assert (hook.value, hook.is_masked) == (f"https://chat.example/{MASK}", True)
    assert b"8f3a" not in orjson.dumps(found)
    assert all(one.description for one in found.settings)
