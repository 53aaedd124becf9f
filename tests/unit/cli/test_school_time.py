"""Times for people are on the school's clock and carry its zone."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from schoolgate import __main__ as program
from schoolgate.cli.commands import feeds, school_time
from schoolgate.cli.commands.terminal import moment, note
from schoolgate.config import load
from schoolgate.errors import SchoolgateError
from schoolgate.lists.feed_book import ChosenFeed, FeedBook
from schoolgate.lists.update import Updater, Wish
from schoolgate.policy.active_policy import policy_files
from schoolgate.querylog.moments import moment as typed

POLICY = """
format = 1
time_zone = "Asia/Tokyo"
allowed_clients = ["127.0.0.0/8"]
strictest = "s"
[policies.s]
"""
NOON = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
ROOT = Path(__file__).resolve().parents[3] / "python" / "schoolgate"


@pytest.fixture(autouse=True)
def other_tests_have_their_own_zone() -> Iterator[None]:
    yield
    school_time.of_settings(None)


@pytest.fixture
def school(tmp_path: Path) -> Path:
    config = tmp_path / "schoolgate.toml"
    (tmp_path / "state").mkdir(mode=0o700)
    config.write_text('[server]\nstate_dir = "state"\n')
    school_time.of_settings(config)
    return config


def test_the_zone_is_that_of_the_policy_in_force(school: Path) -> None:
    policy_files(load(school)).store.apply(POLICY, who="test", why="test", now=NOON)
    assert moment(NOON.isoformat()) == "2026-07-01 21:00:00 JST"
    assert typed("09:30", school_time.now()).utcoffset() == dt.timedelta(hours=9)
    assert typed("2026-07-01", school_time.now()).astimezone(dt.UTC) == dt.datetime(2026, 6, 30, 15, tzinfo=dt.UTC)


def test_where_it_cannot_be_read_the_machines_zone_stands_beside_the_time(tmp_path: Path) -> None:
    school_time.of_settings(tmp_path / "missing.toml")
    assert re.fullmatch(r"2026-07-0\d \d\d:\d\d:00 [A-Z+0-9-]+", moment(NOON.isoformat()))


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (
            "is of 01 July 2026 12:00 UTC, more than 24 hours away",
            "is of 01 July 2026 21:00 JST, more than 24 hours away",
        ),
        ("2026-07-01 23:30 UTC and 2026-07-02 00:30 UTC", "2026-07-02 08:30 JST and 2026-07-02 09:30 JST"),
        ("2026-07-01T12:00:00Z is for programs", "2026-07-01T12:00:00Z is for programs"),
        ("the 45 Augusta 2026 12:00 UTC", "the 45 Augusta 2026 12:00 UTC"),
    ],
)
def test_what_the_service_says_in_utc_is_shown_on_the_schools_clock(
    school: Path, capsys: pytest.CaptureFixture[str], said: str, wanted: str
) -> None:
    policy_files(load(school)).store.apply(POLICY, who="test", why="test", now=NOON)
    assert school_time.on_school_clock(said) == wanted
    note(said)
    assert wanted in capsys.readouterr().err


def test_an_error_that_ends_a_command_is_on_the_schools_clock(
    school: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    policy_files(load(school)).store.apply(POLICY, who="test", why="test", now=NOON)

    def refuse(arguments: object) -> None:
        raise SchoolgateError("the oldest of 2026-07-01 12:00 UTC")

    monkeypatch.setattr(program, "_obey", refuse)
    with pytest.raises(SystemExit):
        program.main()
    assert capsys.readouterr().err == "the oldest of 2026-07-01 21:00 JST\n"


def test_the_times_of_a_feed_are_on_the_schools_clock(school: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load(school)
    policy_files(settings).store.apply(POLICY, who="test", why="test", now=NOON)
    place = school.parent / "games.txt"
    place.write_text("games.example.org\n")
    FeedBook(settings.server.state_dir).add(ChosenFeed(id="ours", added_at=NOON, path=str(place), category="games"))
    Updater(settings, lambda _: None).update(Wish(), NOON)
    feeds.show(school, "ours", as_json=False)
    out = capsys.readouterr().out
    assert "2026-07-01 21:00:00 JST" in out
    assert re.search(r"\+00:00|Z\b", out) is None


def test_no_command_prints_a_time_of_another_clock() -> None:
    for path in (ROOT / "cli").rglob("*.py"):
        assert ".astimezone()" not in path.read_text(encoding="utf-8"), path
