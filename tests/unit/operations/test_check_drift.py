"""A change outside an operation is found, named, and ended by a person; one by an operation is agreed by who did it."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from schoolgate.accounts.roles import Role
from schoolgate.checks.record import CheckRecord, check_problems
from schoolgate.config import load
from schoolgate.errors import SchoolgateError
from schoolgate.governance.errors import RecordChanged, RecordRefused
from schoolgate.operations.actor import Actor
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.hosting import hosted
from schoolgate.operations.operations import Operations
from schoolgate.operations.system_clock import SystemClock

MANAGER = Actor("account:1", "Nia Example", frozenset({Role.network_manager}))
LOCAL = Actor("uid:0", "root", frozenset({Role.network_manager}))
LEAD = Actor("account:2", "Ada Example", frozenset({Role.safeguarding_lead}))
POLICY = """\
format = 1
allowed_clients = ["127.0.0.0/8"]
strictest = "p"
[policies.p]
categories = { gambling = "deny" }
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "schoolgate.toml"
    path.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{tmp_path / "state"}"\n', encoding="utf-8")
    return path


@pytest_asyncio.fixture
async def school(config: Path) -> AsyncIterator[Operations]:
    async with hosted(config, load(config), SystemClock()) as made:
        await made.call(MANAGER, "policy.apply", {"text": POLICY, "reason": "the first"})
        assert (await made.call(MANAGER, "checks.drift", {})).changed == ()
        yield made


async def changed(school: Operations) -> tuple[str, ...]:
    return tuple((await school.call(LEAD, "checks.drift", {})).changed)


async def test_what_an_operation_changes_is_agreed_with_who_did_it(school: Operations) -> None:
    text = POLICY.replace('gambling = "deny"', 'gambling = "deny", games = "deny"')
    await school.call(MANAGER, "policy.apply", {"text": text, "reason": "games"})
    await school.call(MANAGER, "words.add", {"word": "puffbar", "category": "alcohol-vaping", "kind": "slang"})
    assert await changed(school) == ()
    assert await changed(school) == ()


async def test_requests_reports_and_setups_are_operations_too(school: Operations, config: Path) -> None:
    given = {"action": "close", "names": ["a.example"], "purpose": "x"}
    assert (await school.call(MANAGER, "request.file", given)).state == "applied"
    assert await changed(school) == ()
    await school.call(LEAD, "ticket.file", {"kind": "accessible", "text": "", "site": "b.example"})
    review = (dt.datetime.now(dt.UTC) + dt.timedelta(days=2)).date()
    await school.call(LEAD, "ticket.block", {"number": 1, "review": review.isoformat()})
    assert await changed(school) == ()
    answers = {**(await school.call(MANAGER, "setup.look", {})).answers, "forwarders": ["192.0.2.1"]}
    await school.call(MANAGER, "setup.apply", {"answers": answers})
    assert await changed(school) == ()
    config.write_text(config.read_text(encoding="utf-8") + "[cache]\nsize_mib = 32\n", encoding="utf-8")
    assert await changed(school) == ("settings: cache",), "and no more than what they change"


async def test_a_setting_that_was_edited_is_named_until_it_is_accepted_or_undone(
    school: Operations, config: Path
) -> None:
    before = config.read_text(encoding="utf-8")
    config.write_text(before + '[forwarders]\nservers = ["192.0.2.1"]\n', encoding="utf-8")
    assert await changed(school) == ("settings: forwarders",)
    state = load(config).server.state_dir
    now = dt.datetime.now(dt.UTC)
    assert [one for one in check_problems(state, now) if "outside an operation: settings: forwarders" in one]
    kept = CheckRecord(state).last("drift")
    assert kept is not None

    config.write_text(before, encoding="utf-8")
    assert await changed(school) == (), "it went back to what was agreed"
    assert not [one for one in check_problems(state, now) if "outside" in one]

    config.write_text(before + "[cache]\nsize_mib = 32\n", encoding="utf-8")
    shown = await school.call(MANAGER, "checks.drift", {})
    assert shown.changed == ("settings: cache",)
    assert shown.number != kept["number"]
    with pytest.raises(NotPermitted):
        await school.call(LEAD, "checks.accept_drift", {"number": shown.number, "reason": "r"})
    agreed = await school.call(MANAGER, "checks.accept_drift", {"number": shown.number, "reason": "a larger school"})
    assert agreed.changed == ()
    with pytest.raises(RecordRefused, match="accepted already"):
        await school.call(MANAGER, "checks.accept_drift", {"number": shown.number, "reason": "again"})
    assert await changed(school) == ()


async def test_files_that_were_edited_by_hand_are_found_though_an_operation_changed_something_else(
    school: Operations, config: Path
) -> None:
    state = load(config).server.state_dir
    await school.call(MANAGER, "words.add", {"word": "puffbar", "category": "alcohol-vaping", "kind": "slang"})
    (state / "feeds.toml").write_text("# by hand\n", encoding="utf-8")
    assert await changed(school) == ("feeds in use",)
    shown = await school.call(LEAD, "checks.drift", {})
    (state / "words.toml").write_bytes((state / "words.toml").read_bytes() + b"# more\n")
    more = await school.call(LEAD, "checks.drift", {})
    assert (more.number, set(more.changed)) == (shown.number, {"feeds in use", "own words"})
    seen = {"number": shown.number, "version": shown.version, "reason": "Sam asked for it"}
    with pytest.raises(RecordChanged, match="own words"):
        await school.call(MANAGER, "checks.accept_drift", seen)
    assert (await school.call(MANAGER, "checks.accept_drift", {**seen, "version": more.version})).changed == ()


async def test_an_operation_that_was_refused_explains_nothing(school: Operations, config: Path) -> None:
    with pytest.raises(SchoolgateError, match="not in use"):
        await school.call(MANAGER, "feeds.disable", {"feed": "no-such-feed"})
    (load(config).server.state_dir / "feeds.toml").write_text("# by hand\n", encoding="utf-8")
    assert await changed(school) == ("feeds in use",)


async def named_by(config: Path | None) -> tuple[str, ...]:
    """What a process names that begins now."""
    async with hosted(config, load(config), SystemClock()) as started:
        return tuple((await started.call(LEAD, "checks.drift", {})).changed)


@pytest.mark.parametrize(("is_looked_before", "is_looked_after"), [(True, True), (False, True), (False, False)])
async def test_a_setup_is_agreed_for_the_start_that_reads_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_looked_before: bool, is_looked_after: bool
) -> None:
    # The service began without a settings file, and goes on with its defaults until its next start.
    state = tmp_path / "state"
    monkeypatch.setenv("SCHOOLGATE_STATE_DIR", str(state))
    answers = {
        "school": "secondary-school", "listen": ["127.0.0.1:5353"], "forwarders": ["192.0.2.1"],
        "segments": {"pupils": {"policy": "pupil", "networks": ["10.1.0.0/16"]}},
        "mail": {"host": "mail.example.net"}, "backup": {"kind": "folder", "folder": str(tmp_path)},
    }  # fmt: skip
    async with hosted(None, load(None), SystemClock()) as before:
        if is_looked_before:
            assert await changed(before) == ()
        done = await before.call(LOCAL, "setup.apply", {"answers": answers})
        if is_looked_after:
            assert await changed(before) == ()
    assert await named_by(Path(done.settings.path)) == ()
    assert await named_by(Path(done.settings.path)) == ()


async def test_more_than_a_setup_wrote_is_named_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHOOLGATE_STATE_DIR", str(tmp_path / "state"))
    answers = {"school": "secondary-school", "listen": ["127.0.0.1:5353"], "forwarders": ["192.0.2.1"]}
    async with hosted(None, load(None), SystemClock()) as before:
        assert await changed(before) == ()
        done = await before.call(LOCAL, "setup.apply", {"answers": answers})
        assert await changed(before) == ()
    config = Path(done.settings.path)
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("192.0.2.1", "198.51.100.1") + "[cache]\nsize_mib = 32\n", encoding="utf-8")
    assert await named_by(config) == ("settings: cache", "settings: forwarders")
    config.write_text(text, encoding="utf-8")
    assert await named_by(config) == ()
