"""Begin and end of a change are entries of the audit log; without the begin, nothing is done."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from schoolgate.accounts.roles import Role
from schoolgate.config import load
from schoolgate.errors import SchoolgateError
from schoolgate.lists.feed_book import FeedBook
from schoolgate.operations import rights
from schoolgate.operations.actor import Actor
from schoolgate.operations.errors import NotRecorded
from schoolgate.operations.hosting import HeldByAnother, hosted, recording
from schoolgate.operations.registry import Bulk, Personal, _registered, changes, sees
from schoolgate.operations.system_clock import SystemClock
from schoolgate.operations.work import Work
from schoolgate.storage import audit_operations, audit_reading
from schoolgate.storage.audit_operations import Place

ACTOR = Actor("account:1", "Ada Example", frozenset({Role.head}))
done: list[str] = []


class OwnReason(SchoolgateError):
    """What the operation itself refuses."""


@pytest.fixture(autouse=True)
def test_operation(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An operation of the test, for heads."""
    done.clear()

    @changes("test.write")
    def write(work: Work, name: Annotated[str, Personal], text: Annotated[str, Bulk], times: float = 1.0) -> str:
        """Writes."""
        if text == "refuse":
            raise OwnReason(f"not today, {name}")
        if text == "fail":
            raise ZeroDivisionError
        done.append(name)
        return name

    @sees("test.see")
    def see(work: Work, client: Annotated[str | None, Personal] = None, most: int = 5) -> str:
        """Sees."""
        if client == "refuse":
            raise OwnReason(f"{client} is not seen")
        done.append(f"saw {client}")
        return "seen"

    allowed = {"test.write": {Role.head: rights.Right.changes}, "test.see": {Role.head: rights.Right.looks}}
    monkeypatch.setattr(rights, "RIGHTS", allowed)
    yield
    del _registered["test.write"], _registered["test.see"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "schoolgate.toml"
    path.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{tmp_path / "state"}"\n', encoding="utf-8")
    return path


def see(config: Path, **arguments: Any) -> Any:
    async def called() -> Any:
        async with hosted(config, load(config), SystemClock()) as operations:
            return await operations.call(ACTOR, "test.see", arguments)

    return asyncio.run(called())


def write(config: Path, text: str) -> Any:
    async def called() -> Any:
        async with hosted(config, load(config), SystemClock()) as operations:
            return await operations.call(ACTOR, "test.write", {"name": "p-secret", "text": text})

    return asyncio.run(called())


def entries(config: Path) -> list[audit_reading.Entry]:
    place = Place.in_folder(load(config).server.state_dir)
    return asyncio.run(audit_operations.log(place, SystemClock().now_us()))[::-1]


def test_the_begin_says_what_is_to_be_done_and_the_end_what_became_of_it(config: Path) -> None:
    assert write(config, "x" * 100_000) == "p-secret"
    begin, end = (one.fields for one in entries(config))
    assert (begin["outcome"], end["outcome"]) == ("begun", "done")
    assert end["detail"]["begun"] == begin["number"]
    assert begin["detail"]["text"]["octets"] == 100_000
    assert begin["detail"]["times"] == "1.0"
    assert begin["actor"] == "account:1"
    assert "p-secret" not in str(begin) and "Ada" not in str(begin), "personal values stand behind commitments"
    place = Place.in_folder(load(config).server.state_dir)
    shown = asyncio.run(audit_operations.show(place, 0, None, "account:2", SystemClock().now_us()))
    assert shown.entry.personal == {"actor_name": "Ada Example", "name": "p-secret"}


@pytest.mark.parametrize(
    ("text", "raised", "outcome"), [("refuse", OwnReason, "refused"), ("fail", ZeroDivisionError, "failed")]
)
def test_what_was_not_done_ends_too(config: Path, text: str, raised: type[Exception], outcome: str) -> None:
    with pytest.raises(raised):
        write(config, text)
    assert [one.fields["outcome"] for one in entries(config)] == ["begun", outcome]


def test_the_reason_of_a_refusal_is_personal_where_what_was_given_is(config: Path) -> None:
    with pytest.raises(OwnReason):
        write(config, "refuse")
    end = entries(config)[1].fields
    assert end["detail"] == {"begun": 0, "error": "OwnReason"}
    place = Place.in_folder(load(config).server.state_dir)
    shown = asyncio.run(audit_operations.show(place, 1, None, "account:2", SystemClock().now_us()))
    assert shown.entry.personal == {"why": "not today, p-secret"}


def test_a_look_is_on_record_where_it_names_a_person_and_opens_no_store_where_it_does_not(config: Path) -> None:
    assert see(config) == "seen"
    assert not list(load(config).server.state_dir.glob("control*"))
    assert see(config, client="p-secret") == "seen"
    with pytest.raises(OwnReason):
        see(config, client="refuse")
    seen, refused = (one.fields for one in entries(config))
    assert (seen["operation"], seen["outcome"], seen["detail"]) == ("test.see", "done", {"most": 5})
    assert (refused["outcome"], refused["detail"]) == ("refused", {"most": 5, "error": "OwnReason"})
    assert "p-secret" not in str(seen)
    assert set(seen["personal"]) == {"actor_name", "client"}


def test_what_cannot_be_recorded_is_not_shown(config: Path) -> None:
    see(config, client="first")
    for path in load(config).server.state_dir.glob("control.db*"):
        path.write_bytes(b"\xff" * 4096)
    done.clear()
    with pytest.raises(SchoolgateError):
        see(config, client="second")
    assert done == [], "not even read"


def test_what_the_log_does_not_take_does_not_happen(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(config, "first")
    state = load(config).server.state_dir
    done.clear()

    async def damaged_while_open() -> None:
        async with hosted(config, load(config), SystemClock()) as operations:
            await operations.call(ACTOR, "test.write", {"name": "n", "text": "second"})
            done.clear()
            for path in state.glob("control.db*"):
                path.write_bytes(b"\xff" * path.stat().st_size)
            await operations.call(ACTOR, "test.write", {"name": "n", "text": "third"})

    with pytest.raises((NotRecorded, SchoolgateError)):
        asyncio.run(damaged_while_open())
    assert done == []


def test_one_process_at_a_time_does_operations(config: Path) -> None:
    async def two() -> None:
        settings, clock = load(config), SystemClock()
        async with recording(settings, clock), hosted(config, settings, clock) as operations:
            await operations.call(ACTOR, "test.write", {"name": "n", "text": "t"})

    with pytest.raises(HeldByAnother, match="try again"):
        asyncio.run(two())
    assert done == []


def test_a_begin_without_an_end_is_said_once_by_the_next_process(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    async def cut_off(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as cut:
        cut.setattr("schoolgate.operations.recorder.Recorder.end", cut_off)
        with pytest.raises(Killed):
            write(config, "half")

    async def next_process() -> None:
        async with recording(load(config), SystemClock()):
            pass

    asyncio.run(next_process())
    asyncio.run(next_process())
    assert len(entries(config)) == 2
    last = entries(config)[-1].fields
    assert (last["operation"], last["outcome"], last["detail"]["entries"]) == ("operation.interrupted", "failed", [0])


def test_a_process_that_must_end_says_nothing_of_what_a_thread_still_does(config: Path) -> None:
    """The change may be done a moment later: neither "done" nor "failed" is known, and the next process says so."""
    began, may_end = threading.Event(), threading.Event()

    @changes("test.wait")
    def wait(work: Work) -> None:
        """Waits."""
        began.set()
        may_end.wait()

    async def cancelled() -> None:
        async with hosted(config, load(config), SystemClock()) as operations:
            task = asyncio.create_task(operations.call(ACTOR, "test.wait", {}))
            await asyncio.to_thread(began.wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            may_end.set()

    with pytest.MonkeyPatch.context() as rights_of_the_test:
        rights_of_the_test.setattr(rights, "RIGHTS", {"test.wait": {Role.head: rights.Right.changes}})
        asyncio.run(cancelled())
    del _registered["test.wait"]
    assert [one.fields["outcome"] for one in entries(config)] == ["begun"]


def test_changes_of_one_noun_stand_in_one_line(config: Path) -> None:
    """Each reads what the one before has written: of many feeds added at once, none is lost."""
    manager = Actor("uid:1000", "n", frozenset({Role.network_manager}))
    folder = config.parent / "list.txt"
    folder.write_text("one.example.org\n", encoding="utf-8")

    async def at_once() -> None:
        async with hosted(config, load(config), SystemClock()) as operations:
            await asyncio.gather(
                *(
                    operations.call(
                        manager,
                        "feeds.add",
                        {"place": str(folder), "category": "games", "feed": f"own-{at}", "is_checked": False},
                    )
                    for at in range(12)
                )
            )

    with pytest.MonkeyPatch.context() as all_rights:
        all_rights.setattr(rights, "RIGHTS", rights._read(rights._TABLE))
        asyncio.run(at_once())
    assert len(FeedBook(load(config).server.state_dir).read()) == 12
