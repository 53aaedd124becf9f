"""What news of a feed would close of the school's day: shown first, held when it is much; and false hits left out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from tests.integration.feed_school import DAWN, School, lists_dir, names
from tests.integration.feed_server import FeedServer
from tests.integration.test_query_log_commands import schoolgate
from tests.stand_in.query_log import row, wal, write_rows

from schoolgate.lists.feed_book import ExceptedName, FeedBook
from schoolgate.replay.feed_news import weigher

POLICY = """
format = 1
strictest = "pupil"
time_zone = "Europe/London"
allowed_clients = ["192.0.2.0/24"]
[policies.pupil]
categories = { games = "deny", gambling = "deny" }
[policies.staff]
categories = { gambling = "deny" }
[segments.pupils]
prefixes = ["192.0.2.0/25"]
policy = "pupil"
[segments.staff]
prefixes = ["192.0.2.128/25"]
policy = "staff"
"""


@pytest.fixture(scope="module")
def server() -> Iterator[FeedServer]:
    with FeedServer() as serving:
        yield serving


@pytest.fixture
def school(tmp_path: Path, server: FeedServer) -> School:
    """A school with a feed that was good yesterday, and a log in which pupils ask for lessons and a shop."""
    lists_dir(tmp_path / "lists")
    (tmp_path / "policy.toml").write_text(POLICY, encoding="utf-8")
    school = School(tmp_path)
    school.state_dir.mkdir()
    server.text("/feed", names(200))
    school.choose(url=server.url("/feed"))
    assert school.update().exit_code == 0
    rows = [("lesson.example.org", 60), ("shop.example.org", 40), ("game-3.example.com", 5)]
    made = [
        row(time=DAWN - dt.timedelta(days=1, seconds=second), segment="pupils", qname=name, client=f"192.0.2.{client}")
        for name, often in rows
        for second in range(often)
        for client in (11 + second % 4,)
    ]
    write_rows(school.state_dir, wal(1), made)
    school.weigh = lambda snapshot: weigher(school.settings, "schoolgate.toml", school.now)(snapshot)
    return school


def test_what_an_update_closes_is_said_before_it_is_published(school: School, server: FeedServer) -> None:
    server.text("/feed", names(200) + "rare.example.org\nshop.example.org.example.com\n")
    report = school.update()
    assert (report.exit_code, report.weighed) == (0, ()), "nobody asked for these"
    server.text("/feed", names(199, start=1) + "never.example.org\n")
    assert school.update().weighed == ()


def test_news_that_close_much_of_the_day_wait_for_a_person(school: School, server: FeedServer) -> None:
    server.text("/feed", names(200) + "shop.example.org\n")
    report = school.update()
    (outcome,) = report.outcomes
    assert (report.exit_code, outcome.kind) == (3, "held")
    assert "feed 40 rows (38.1% of a network)" in outcome.message
    assert "lists update --accept feed" in outcome.message
    assert school.said_of("shop.example.org") == set()
    (said,) = report.weighed
    assert said == (
        "for pupils the new lists close 1 names of the last 7 days (40 of 105 rows, 4 devices): "
        "shop.example.org (feeds/feed)"
    )
    assert school.update(accept="feed").exit_code == 0
    assert school.said_of("shop.example.org") == {"games"}


def test_a_feed_that_was_just_chosen_closes_what_it_was_chosen_for(school: School, server: FeedServer) -> None:
    server.text("/new", names(100, "bet") + "shop.example.org\n")
    school.choose("new", url=server.url("/new"), category="gambling")
    report = school.update()
    assert {one.feed: one.kind for one in report.outcomes}["new"] == "changed"
    assert any("shop.example.org (feeds/new)" in one for one in report.weighed)


def test_a_log_that_cannot_be_read_stops_no_update(school: School, server: FeedServer) -> None:
    for file in (school.state_dir / "log").rglob("*.parquet"):
        file.write_bytes(b"damaged")
    server.text("/feed", names(200) + "shop.example.org\n")
    assert school.update().exit_code == 0
    assert school.said_of("shop.example.org") == {"games"}


def test_a_false_hit_is_left_out_of_its_feed_and_of_no_other(school: School, server: FeedServer) -> None:
    server.text("/feed", "||shop.example.org^$important\n" + names(200))
    school.weigh = School.weigh
    assert school.update().exit_code == 0
    assert school.said_of("www.shop.example.org") == {"games"}
    book = FeedBook(school.state_dir)
    one = ExceptedName(name="shop.example.org", reason="the school's own shop", who="test", at=DAWN)
    book.add(book.read()["feed"].model_copy(update={"excepted": (one,)}))
    assert book.read()["feed"].excepted == (one,)
    server.text("/bets", "shop.example.org\n" + names(100, "bet"))
    school.choose("bets", url=server.url("/bets"), category="gambling")
    assert school.update(force=True).exit_code == 0
    assert school.said_of("www.shop.example.org") == {"gambling"}


def test_commands_leave_a_name_out_and_replay_a_draft(school: School, tmp_path: Path) -> None:
    config = tmp_path / "schoolgate.toml"
    config.write_text(
        f'[server]\nstate_dir = "{school.state_dir}"\n[policy]\nfile = "policy.toml"\n'
        f'[lists]\ndir = "{tmp_path / "lists"}"\n',
        encoding="utf-8",
    )
    given = ("--config", str(config))
    assert schoolgate(school.state_dir, "feeds", "except", "feed", "x.example.org", *given).returncode == 1
    made = schoolgate(school.state_dir, "feeds", "except", "feed", "x.example.org", "--reason", "lessons", *given)
    assert made.returncode == 0, made.stderr
    assert "x.example.org: lessons" in schoolgate(school.state_dir, "feeds", "show", "feed", *given).stdout
    draft = tmp_path / "draft.toml"
    draft.write_text(POLICY.replace("[policies.staff]", 'deny = ["lesson.example.org"]\n[policies.staff]'), "utf-8")
    run = schoolgate(school.state_dir, "policy", "replay", str(draft), "--days", "366", "--json", *given)
    assert run.returncode == 0, run.stderr
    pupils = orjson.loads(run.stdout)["segments"][0]
    assert (pupils["closed"]["names"], pupils["closed"]["rows"], pupils["closed"]["devices"]) == (1, 60, 4)
    shown = schoolgate(school.state_dir, "policy", "replay", str(draft), "--days", "366", *given).stdout
    assert "would close: 1 names, 60 rows, 4 devices" in shown
    assert "lesson.example.org" in shown
