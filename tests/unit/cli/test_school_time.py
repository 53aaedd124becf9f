"""Times for people are on the school's clock and carry its zone."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from schoolgate.cli.commands import school_time
from schoolgate.cli.commands.terminal import moment
from schoolgate.config import load
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


def test_no_command_prints_a_time_of_another_clock() -> None:
    for path in (ROOT / "cli").rglob("*.py"):
        assert ".astimezone()" not in path.read_text(encoding="utf-8"), path
