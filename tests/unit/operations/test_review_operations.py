"""Reports by reader, words and suggestions in the name of who decides, checks and their record."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from schoolgate.accounts.roles import Role
from schoolgate.checks.reachability import Closed, Reachability
from schoolgate.checks.record import CheckRecord
from schoolgate.checks.resolving import Resolved
from schoolgate.config import load
from schoolgate.operations.actor import Actor
from schoolgate.operations.checks import ReachabilityChecked
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.hosting import hosted
from schoolgate.operations.registry import find
from schoolgate.operations.socket_messages import done
from schoolgate.operations.system_clock import SystemClock
from schoolgate.storage import audit_operations
from schoolgate.storage.audit_operations import Place
from schoolgate.suggestions.queue import NoSuchSuggestion, Queue
from schoolgate.suggestions.suggest import Suggestion


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "schoolgate.toml"
    path.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{tmp_path / "state"}"\n', encoding="utf-8")
    (tmp_path / "state").mkdir(mode=0o700)
    return path


def call(config: Path, role: Role, operation: str, /, **arguments: Any) -> Any:
    async def called() -> Any:
        actor = Actor("account:1", "Ada Example", frozenset({role}))
        async with hosted(config, load(config), SystemClock()) as operations:
            return await operations.call(actor, operation, arguments)

    return asyncio.run(called())


def entries(config: Path) -> list[tuple[str, str]]:
    place = Place.in_folder(load(config).server.state_dir)
    found = asyncio.run(audit_operations.log(place, SystemClock().now_us()))
    return [(one.fields["operation"], one.fields["outcome"]) for one in found[::-1]]


@pytest.mark.parametrize(
    ("role", "readers"),
    [
        (Role.safeguarding_lead, {"safeguarding", "it", "governors"}),
        (Role.network_manager, {"it", "governors"}),
        (Role.governor, {"governors"}),
        (Role.data_protection_officer, {"governors"}),
    ],
)
def test_a_report_is_made_for_those_who_may_read_it(config: Path, role: Role, readers: set[str]) -> None:
    made = set()
    for reader in ("safeguarding", "it", "governors"):
        try:
            assert call(config, role, "reports.make", kind="daily", reader=reader).text.startswith("Filtering report")
            made.add(reader)
        except NotPermitted as error:
            assert "safeguarding lead" in str(error)
    assert made == readers
    assert entries(config).count(("reports.make", "done")) == len(readers), "who read it is on record"


def test_a_kept_report_is_listed(config: Path) -> None:
    path = call(config, Role.network_manager, "reports.keep", kind="daily", reader="it", of="2026-11-20")
    assert Path(path).name == "2026-11-20-daily-it.html"
    shelf = call(config, Role.governor, "reports.list")
    assert [str(one.path) for one in shelf.kept] == [path]


def test_a_kept_report_is_read_by_its_reader_whatever_its_network_is_called(config: Path) -> None:
    shelf = call(config, Role.network_manager, "reports.list").folder
    Path(shelf).mkdir(mode=0o700, exist_ok=True)
    name = "2026-11-20-daily-safeguarding-it-suite-governors.html"
    (Path(shelf) / name).write_text("<p>a device</p>", encoding="utf-8")
    assert [one.reader for one in call(config, Role.network_manager, "reports.list").kept] == ["safeguarding"]
    for role in (Role.network_manager, Role.governor):
        with pytest.raises(NotPermitted, match="safeguarding lead"):
            call(config, role, "reports.read", name=name)
    assert call(config, Role.safeguarding_lead, "reports.read", name=name) == "<p>a device</p>"


def test_who_decides_stands_in_queue_and_library(config: Path) -> None:
    folder = load(config).server.state_dir
    Queue(folder).add([Suggestion("g00gle.example", "look-alike", "google", "phishing", 3)], dt.datetime.now(dt.UTC))
    row = call(config, Role.network_manager, "suggestions.dismiss", name="g00gle.example", reason="a joke")
    assert (row.who, row.reason, row.state) == ("Ada Example", "a joke", "dismissed")
    with pytest.raises(NoSuchSuggestion):
        call(config, Role.network_manager, "suggestions.accept", name="none.example")
    assert call(config, Role.safeguarding_lead, "suggestions.list") == ()
    added = call(config, Role.network_manager, "words.add", word="puffbar", category="alcohol-vaping", kind="slang")
    assert added.version == 1
    call(config, Role.network_manager, "words.remove", word="puffbar")
    (library,) = call(config, Role.safeguarding_lead, "words.list")
    assert [(one["what"], one["who"]) for one in library.content["change"]] == [
        ("added", "Ada Example"), ("removed", "Ada Example"),
    ]  # fmt: skip
    assert entries(config) == [
        ("suggestions.dismiss", "begun"), ("suggestions.dismiss", "done"),
        ("suggestions.accept", "begun"), ("suggestions.accept", "refused"),
        ("words.add", "begun"), ("words.add", "done"), ("words.remove", "begun"), ("words.remove", "done"),
    ]  # fmt: skip


def test_a_check_that_cannot_be_kept_still_answers_and_says_so(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(CheckRecord, "keep", full)
        patch.setattr("schoolgate.resolver.forwarding.default_servers", lambda *_: ())
        checked = call(config, Role.provider, "checks.safesearch")
    assert "No space left" in checked.not_kept
    assert checked.found.at.tzinfo is not None
    assert call(config, Role.governor, "checks.record").safesearch is None
    CheckRecord(load(config).server.state_dir).keep("safesearch", checked.found.whole())
    assert call(config, Role.governor, "checks.record").safesearch == checked.found.whole()


def test_what_a_check_found_is_the_same_beyond_the_socket() -> None:
    closed = Closed("help.example", "help line", "strict", "category", "gambling", "extra/bets", "cname.example")
    found = Reachability(
        at=dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC), policy_revision=2, lists_serial=3, names=4,
        policies=("strict",), decisions=4, over_blocked=(closed,), on_purpose=(replace(closed, via=None),), asked=4,
        unresolvable=(Resolved("nx.example", "unresolvable", "NXDOMAIN", ("a.example",)),), refused=1,
        without_address=("nodata.example",),
    )  # fmt: skip
    made = ReachabilityChecked(found, "127.0.0.1:53")
    reply = orjson.loads(done(made))["result"]
    read = find("checks.reachability").returns.validate_python(reply)
    assert read == made
    assert orjson.dumps(read.found.whole()) == orjson.dumps(found.whole())
