"""A guest's acceptance: what is signed now, with the key, is one entry of the audit log, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import pytest_asyncio
from tests.unit.operations.test_rights import Operations, SystemClock, audit_operations, hosted

from schoolgate.alerts.webhook import signature
from schoolgate.config import load
from schoolgate.errors import SchoolgateError
from schoolgate.operations import guest_acceptance
from schoolgate.operations.caller import UNKNOWN
from schoolgate.pages.portal_signature import MOST_APART_S, SeenSignatures
from schoolgate.storage.audit_operations import Place

KEY = "k" * 40
BODY = orjson.dumps({"device": "02:00:5e:10:00:01", "notice": "2026-09"})


class Portal:
    """A captive portal, and what the audit log has of it."""

    def __init__(self, operations: Operations, config: Path) -> None:
        self._operations, self._config = operations, config

    async def sends(self, body: bytes = BODY, key: str = KEY, late_s: int = 0, header: str | None = None) -> bool:
        now_s = SystemClock().now_us() // 1_000_000
        given = {"body": body.decode(), "signature": header or signature(key, now_s - late_s, body)}
        return bool((await self._operations.call(UNKNOWN, "pages.guest_accepted", given)).is_new)

    async def entries(self) -> list[dict[str, object]]:
        place = Place.in_folder(load(self._config).server.state_dir)
        found = await audit_operations.log(place, SystemClock().now_us(), 100)
        return [dict(one.fields) for one in found if one.fields["operation"] == "pages.guest_accepted"]


@pytest_asyncio.fixture
async def portal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Portal]:
    monkeypatch.setattr(guest_acceptance, "_seen", SeenSignatures())
    config, key = tmp_path / "schoolgate.toml", tmp_path / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    config.write_text(
        f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{tmp_path / "state"}"\n[pages]\nguest_key_file = "{key}"\n'
    )
    async with hosted(config, load(config), SystemClock()) as made:
        yield Portal(made, config)


async def test_an_acceptance_is_one_entry_with_its_device_behind_a_commitment(portal: Portal) -> None:
    header = signature(KEY, SystemClock().now_us() // 1_000_000, BODY)
    assert await portal.sends(header=header)
    assert not await portal.sends(header=header), "the same request again"
    entries = await portal.entries()
    assert len(entries) == 1
    assert entries[0]["actor"] == "job:captive-portal"
    assert entries[0]["detail"] == {"notice": "2026-09"}
    assert "02:00:5e" not in str(entries[0]["personal"])


async def test_what_is_not_signed_now_with_the_key_is_no_entry(portal: Portal) -> None:
    await portal.sends(orjson.dumps({"device": "a good one", "notice": "1"}))
    now_s = SystemClock().now_us() // 1_000_000
    for given in (
        {"key": "x" * 40},
        {"late_s": MOST_APART_S + 60},
        {"late_s": -MOST_APART_S - 60},
        {"header": ""} | {"key": "y" * 40},
        {"header": f"t={now_s},v1={'0' * 64}"},
        {"header": signature(KEY, now_s, BODY + b" ")},
        {"header": signature(KEY, now_s, BODY).replace(f"t={now_s}", f"t={now_s + 1}")},
        {"header": "t=,v1="},
        {"body": b"{}"},
        {"body": b"no JSON"},
        {"body": orjson.dumps({"device": "", "notice": "1"})},
        {"body": orjson.dumps({"device": "a", "notice": "1", "role": "head"})},
    ):
        with pytest.raises(SchoolgateError):
            await portal.sends(**given)  # type: ignore[arg-type]
    assert [one["detail"] for one in await portal.entries()] == [{"notice": "1"}]


async def test_without_a_key_or_with_a_short_one_nothing_is_taken(portal: Portal, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("short")
    with pytest.raises(SchoolgateError, match="fewer than 32"):
        await portal.sends(key="short")
    text = (tmp_path / "schoolgate.toml").read_text().partition("[pages]")[0]
    await asyncio.to_thread((tmp_path / "schoolgate.toml").write_text, text)
    with pytest.raises(SchoolgateError, match="no captive portal"):
        await portal.sends()
