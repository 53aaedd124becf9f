"""What screens of lists and feeds show, and an update with its steps: done in a process apart."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import Serving
from tests.stand_in.query_log import row, wal, write_rows

from schoolgate.operations import apart, asking
from schoolgate.operations.apart import TaskEnded, TaskRefused
from schoolgate.operations.lists.feed_views import FeedShown, RecommendedShown
from schoolgate.operations.lists.list_views import ListsChanged, ListsShown, ListsUpdated, NothingToCompare
from schoolgate.operations.lists.sealed import SealedShown, SealedUpdated
from schoolgate.operations.work import Progress, Said


def ask(school: Serving, operation: str, /, say: Any = lambda _: None, **arguments: Any) -> Any:
    return asking.ask(school.config, operation, say, **arguments)


@pytest.fixture
def school(start: Start) -> Serving:
    return start(policy=POLICY, is_started=False)


@pytest.fixture
def updated(school: Serving) -> Serving:
    """With lists, and a list of the school's own that has changed once."""
    assert school.cli("lists", "build").returncode == 0
    own = school.folder / "own.txt"
    own.write_text("one.example\n" * 1, encoding="utf-8")
    ask(school, "feeds.add", place=str(own), category="gambling", feed="own", is_checked=False)
    return school


def test_an_update_says_its_steps_and_what_came_of_each_feed(updated: Serving) -> None:
    said: list[Said] = []
    done: ListsUpdated = ask(updated, "lists.update", said.append)
    assert [(one.feed, one.outcome) for one in done.feeds] == [("own", "changed")]
    assert (done.exit_code, done.is_new, done.problems) == (0, True, ())
    assert done.installed is not None
    assert (done.installed.serial, done.installed.installed) == (done.serial, None), "no server runs"
    steps = [(one.subject, one.step) for one in said if isinstance(one, Progress)]
    assert ("own", "changed") in steps
    assert {"compiling", "proving", "publishing"} <= {step for _, step in steps}
    again: ListsUpdated = ask(updated, "lists.update", is_forced=True)
    assert (again.is_new, again.serial, again.installed) == (False, done.serial, None)


def test_what_changed_says_first_what_was_asked_for_here(updated: Serving) -> None:
    ask(updated, "lists.update")
    (updated.folder / "own.txt").write_text("one.example\na-site.example\nwanted.example\n", encoding="utf-8")
    ask(updated, "lists.update", is_forced=True, accept=("own",))
    hour_ago = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    write_rows(updated.state, wal(1), [row(time=hour_ago, qname="www.wanted.example")])
    found: ListsChanged = ask(updated, "lists.changes")
    assert (found.added, found.removed, found.asked_for) == (2, 0, 1)
    assert [(one.name, one.asked) for one in found.added_names] == [("wanted.example", 1), ("a-site.example", 0)]
    assert found.not_counted is None
    run = updated.cli("lists", "diff", str(found.before), str(found.after), "--json")
    assert orjson.loads(run.stdout)["added_names"][0]["name"] == "wanted.example"


def test_lists_are_shown_with_their_age_and_history(updated: Serving) -> None:
    done: ListsUpdated = ask(updated, "lists.update")
    found: ListsShown = ask(updated, "lists.show")
    assert found.serial == done.serial
    assert [(one.id, one.condition, one.names) for one in found.feeds] == [("own", "ok", 1)]
    assert found.feeds[0].age_s is not None
    assert found.events[0].what == "published"
    assert found.last_change == found.events[0].at
    assert found.pinned is None
    assert sum(one.names for one in found.sources) > 1000
    ask(updated, "lists.rollback")
    pinned: ListsShown = ask(updated, "lists.show")
    assert pinned.pinned is not None
    assert pinned.pinned.serial == pinned.serial < found.serial


def test_before_a_second_serial_nothing_has_changed(school: Serving) -> None:
    assert school.cli("lists", "build").returncode == 0
    with pytest.raises(NothingToCompare):
        ask(school, "lists.changes")


def test_a_feed_that_is_not_in_use_is_named_and_nothing_is_done(updated: Serving) -> None:
    with pytest.raises(TaskRefused, match="feed owm is not in use"):
        ask(updated, "lists.update", feeds=("owm",))


def test_a_process_that_is_killed_is_said_and_changes_nothing(
    updated: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    before: ListsShown = ask(updated, "lists.show")
    monkeypatch.setattr(apart.sys, "executable", "/bin/false")
    with pytest.raises(TaskEnded, match="what is in force stays"):
        ask(updated, "lists.update")
    assert ask(updated, "lists.show").serial == before.serial


def test_feeds_are_shown_with_their_terms_and_their_exceptions(updated: Serving) -> None:
    ask(updated, "feeds.enable", feed="ut1-games", accepts_licence=True)
    ask(updated, "feeds.except", feed="ut1-games", name="chess.example", reason="the club")
    feeds: tuple[FeedShown, ...] = ask(updated, "feeds.list", in_use=True)
    assert {one.id: one.condition for one in feeds} == {"own": "not fetched", "ut1-games": "not fetched"}
    games: FeedShown = ask(updated, "feeds.show", feed="ut1-games")
    assert games.licence
    assert games.place is not None
    assert games.place.startswith("https://")
    assert [(one.name, one.reason) for one in games.excepted] == [("chess.example", "the club")]
    assert len(ask(updated, "feeds.list")) > len(feeds)


def test_recommended_feeds_say_whose_they_are_and_why(updated: Serving) -> None:
    found: RecommendedShown = ask(updated, "feeds.recommended", phases=("primary",))
    assert all(one.publisher and one.licence and one.why for one in found.recommended)
    assert all("primary" in one.phases for one in found.recommended)
    assert not any(one.in_use for one in found.recommended)


def test_sealed_lists_show_serial_and_age_and_nothing_else(school: Serving, tmp_path: Path) -> None:
    assert ask(school, "sealed.show").lists == ()
    assert ask(school, "sealed.update") == SealedUpdated(())
    plain = tmp_path / "list.txt"
    plain.write_text("forbidden-name.example\n", encoding="utf-8")
    run = school.cli("sealed", "import", str(plain), "--supplier", "watch")
    assert run.returncode == 0, run.stderr
    found: SealedShown = ask(school, "sealed.show")
    assert [(one.supplier, one.state) for one in found.lists] == [("watch", "ok")]
    assert not found.is_in_force
    assert b"forbidden-name" not in orjson.dumps(found)


def test_a_supplier_that_is_away_leaves_the_list_as_it_is(start: Start) -> None:
    credentials = '[[sealed.feeds]]\nsupplier = "watch"\nurl = "https://127.0.0.1:1/list"\n'
    school = start(settings=credentials, policy=POLICY, is_started=False)
    found: SealedUpdated = ask(school, "sealed.update")
    (one,) = found.lists
    assert (one.supplier, one.serial) == ("watch", None)
    assert one.failure
    assert any(one.failure in problem for problem in ask(school, "sealed.show").problems)
