"""What is remembered of feeds: chosen ones, their state, what happened; and what a power cut may leave of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from schoolgate.config.problems import InputRefused
from schoolgate.lists.content_store import ContentStore, digest
from schoolgate.lists.feed_book import ChosenFeed, FeedBook
from schoolgate.lists.feed_catalogue import NoSuchFeed, Published
from schoolgate.lists.history import Event, History, Pin, PinFile
from schoolgate.lists.last_good import FeedState, FeedStates, FeedStateUnreadable

NOW = dt.datetime(2026, 11, 23, 4, 10, tzinfo=dt.UTC)


def own(feed_id: str, **fields: object) -> ChosenFeed:
    return ChosenFeed.model_validate(
        {"id": feed_id, "added_at": NOW, "url": "https://lists.example.org/x", "category": "games"} | fields
    )


def test_chosen_feeds_are_kept_whole(tmp_path: Path) -> None:
    book = FeedBook(tmp_path)
    feed = own("mine", allow_hosts=("a.example.org",), match="exact", key="RWx", refresh_h=3)
    book.add(feed)
    book.add(own("another", enabled=False))
    assert book.read()["mine"] == feed
    assert book.in_use() == ("mine",)
    assert [*book.read()] == ["another", "mine"]


def test_removing_a_feed_that_is_not_there_says_so(tmp_path: Path) -> None:
    FeedBook(tmp_path).add(own("mine"))
    with pytest.raises(NoSuchFeed, match="did you mean mine"):
        FeedBook(tmp_path).remove("mine-")


def test_a_feed_that_the_catalogue_dropped_is_a_problem_and_not_an_end(tmp_path: Path) -> None:
    book = FeedBook(tmp_path)
    book.add(ChosenFeed(id="gone", added_at=NOW, licence="L"))
    book.add(own("mine"))
    sources, problems = book.sources(Published({}, {}, {}))
    assert [one.id for one in sources] == ["mine"]
    assert "its last good list stays" in problems[0]


def test_a_spoilt_book_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "feeds.toml").write_text('[[feed]]\nid = "X Y"\n')
    with pytest.raises(InputRefused, match=r"feed\[0\]\.id"):
        FeedBook(tmp_path).read()


def test_states_that_cannot_be_read_stop_everything_rather_than_forget(tmp_path: Path) -> None:
    states = FeedStates(tmp_path)
    states.write({"mine": FeedState(failure="x", failing_since=NOW)})
    assert states.read()["mine"].failing_since == NOW
    states.path.write_text("{")
    with pytest.raises(FeedStateUnreadable, match="restore it from a backup"):
        states.read()


def test_failing_counts_from_the_first_failure() -> None:
    later = NOW + dt.timedelta(days=2)
    state = FeedState().failed(NOW, "one").failed(later, "two")
    assert (state.failing_since, state.tried_at, state.failure) == (NOW, later, "two")


def test_history_passes_over_a_line_that_a_power_cut_spoilt(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.append(Event(at=NOW, what="published", serial=1, who="timer"))
    with history.path.open("ab") as file:
        file.write(b'{"at": "2026-\n')
    history.append(Event(at=NOW, what="failed", serial=1, who="timer"))
    assert [event.what for event in history.read()] == ["published", "failed"]


def test_a_pin_that_cannot_be_read_still_pins(tmp_path: Path) -> None:
    pins = PinFile(tmp_path)
    pins.write(Pin(serial=3, at=NOW, who="ada"))
    assert pins.read() == Pin(serial=3, at=NOW, who="ada")
    pins.path.write_text("")
    assert pins.read() is not None
    assert pins.lift()
    assert not pins.lift()
    assert pins.read() is None


def test_the_store_holds_octets_under_their_digest(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    file = tmp_path / "list"
    file.write_text("a.example\n")
    expected = digest(file)
    name = store.take(file)
    assert (name, store.intact(name), file.exists()) == (expected, True, False)
    store.path(name).write_text("b.example\n")
    assert not store.intact(name)
    file.write_text("a.example\n")
    assert store.take(file) == name
    assert store.intact(name), "what was damaged is put right"
    assert store.keep_only(()) == 1
    assert not store.intact(name)
