"""Evidence packs by the operations: kept with their digest on record, no name in them, and red where a source broke."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.stand_in.query_log import row, wal, write_rows
from tests.unit.operations.signed_in import School, opened

from schoolgate.accounts.roles import Role
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.evidence.pack_shelf import NoSuchPack
from schoolgate.operations.errors import NotPermitted

PUPIL = "emma-jones-8b"
DEVICE = "p-emmajonesipadaaaaaaaaaaaaa"


@pytest_asyncio.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(tmp_path) as one:
        yield one


def write_names(school: School) -> Path:
    """A log and an alert that name a pupil. Returns a file of the log."""
    names = (f"{PUPIL}.example.org", f"<b>{PUPIL}</b>.example.com")
    at = school.clock.now()
    rows = [row(time=at - dt.timedelta(hours=hour), client=DEVICE, qname=name, action="deny", layer="category",
                category="games") for hour in (1, 30) for name in names]  # fmt: skip
    written = write_rows(school.state, wal(1), rows)
    folder = school.state / "monitor"
    folder.mkdir(mode=0o700, exist_ok=True)
    with closing(AlertStore.open(folder / "alerts.db")) as store, store.transaction() as db:
        finding = Finding("attempt", "urgent", "pupils", DEVICE, school.clock.us, 600,
                          f"A device of {PUPIL} asked.", category="self-harm", names=names)  # fmt: skip
        store.raise_alert(db, "built-in", "urgent", finding, 3600, at)
    return written[0]


async def made(school: School, token: str) -> tuple[Any, dict[str, Any]]:
    """The result, and the values of the pack."""
    found = await school.call(token, "evidence.make")
    values = await school.call(token, "evidence.read", name=found.values.name)
    return found, orjson.loads(base64.b64decode(values.octets))


def state_of(pack: dict[str, Any], item: str) -> tuple[str, str]:
    for table in (*pack["dfe"], *pack["uksic"]):
        for one in table["rows"]:
            if one["item"].startswith(item):
                return one["state"], one["value"]
    raise AssertionError(item)


async def test_a_pack_is_kept_with_its_digest_on_record_and_names_no_one(school: School) -> None:
    write_names(school)
    head = await school.signed_in("helen", Role.head)
    found, pack = await made(school, head)
    assert state_of(pack, "What was asked and blocked") == ("met", "4 questions in 30 days, 4 blocked.")
    assert state_of(pack, "Alerts reach a person")[1].startswith("1 in a year; 1 open, 1 not looked at")
    text = orjson.dumps(pack).decode()
    assert "emma" not in text.lower()
    assert DEVICE not in text
    governor = await school.signed_in("grace", Role.governor)
    shelf = await school.call(governor, "evidence.list")
    assert [(one.name, one.sha256) for one in shelf.packs] == [(found.posts.name, found.posts.sha256)]
    pdf = await school.call(governor, "evidence.read", name=found.posts.name)
    octets = base64.b64decode(pdf.octets)
    assert octets.startswith(b"%PDF-")
    assert hashlib.sha256(octets).hexdigest() == found.posts.sha256
    ended = [one["detail"] for one in await school.entries("evidence.make") if one["outcome"] == "done"]
    assert [one["digests"][found.posts.name] for one in ended] == [found.posts.sha256]
    assert ended[0]["digests"][found.pack.name] == found.pack.sha256
    with pytest.raises(NotPermitted):
        await school.call(governor, "evidence.make")
    for name in ("../schoolgate.toml", "evidence-2020-01-01-000000.pdf"):
        with pytest.raises(NoSuchPack):
            await school.call(governor, "evidence.read", name=name)


async def test_broken_files_turn_their_rows_red_and_stop_nothing(school: School) -> None:
    log_file = write_names(school)
    head = await school.signed_in("helen", Role.head)
    _, before = await made(school, head)
    assert state_of(before, "The log can be searched")[0] == "met"
    assert state_of(before, "The filter runs")[0] == "broken", "no server runs in this test"
    log_file.write_bytes(b"PAR1 this is no table PAR1")
    (school.state / "monitor" / "alerts.db").write_bytes(b"this is no database at all" * 100)
    checks = school.state / "checks"
    checks.mkdir(mode=0o700)
    (checks / "reachability.json").write_bytes(b"{ cut off")
    school.clock.us += 5_000_000
    found, after = await made(school, head)
    for item in ("The log can be searched", "What was asked", "Alerts reach", "The rate of false", "What must be open"):
        assert state_of(after, item)[0] == "broken", item
    assert state_of(after, "Gaps have actions")[0] == "met", "what does not rest on them is as before"
    assert len(found.broken) >= 4
    assert [one["is_met"] for one in after["sentences"]][2] is None


async def test_a_register_that_a_person_fills_is_evidence(school: School) -> None:
    head = await school.signed_in("helen", Role.head)
    _, pack = await made(school, head)
    assert state_of(pack, "A governor, a senior leader")[0] == "look"
    assert state_of(pack, "Each decision")[0] == "look"
    shown = await school.call(await school.signed_in("grace", Role.governor), "evidence.assurance")
    assert len(shown.sentences) == 6
    assert "No review is signed here." in shown.sentences[3].words
