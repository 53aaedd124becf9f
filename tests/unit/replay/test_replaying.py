"""The log decided again: what a draft of policy or lists would close and open, by segment, by the engine."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.stand_in.query_log import row, wal, write_rows

from schoolgate._core import ListFile, PolicyTable, Snapshot, compile_snapshot, decide_names
from schoolgate.querylog import QueryLog
from schoolgate.replay.replaying import Replay, Side, replay

NOW = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
SINCE = NOW - dt.timedelta(days=30)


def side(folder: Path, listed: str, effect: str = "deny", segments: tuple[str, ...] = ("pupils", "staff")) -> Side:
    """Lists that call these names games, and a policy that says `effect` of games to pupils; staff may everything."""
    path = folder / f"games-{abs(hash(listed))}.txt"
    path.write_text(listed, encoding="utf-8")
    out = folder / f"{path.stem}.snapshot"
    compile_snapshot([ListFile(path, "feeds/games", "games", reviewed=True)], str(out), 1)
    policies: list[dict[str, Any]] = [
        {
            "id": "pupil", "action": "nxdomain", "unknown": "allow", "rewrites": ["engine"],
            "categories": {"games": {"layer": 9, "effect": effect}},
        },
        {"id": "staff", "action": "nxdomain", "unknown": "allow"},
    ]  # fmt: skip
    description = {
        "serial": 1, "policies": policies, "strictest": "pupil", "allowed_clients": ["192.0.2.0/24"],
        "rewrites": [{"id": "engine", "names": ["www.engine.example.net"], "target": "safe.engine.example.net"}],
        "segments": [
            {"id": one, "prefixes": [f"192.0.2.{at}/32"], "policy": "staff" if one == "staff" else "pupil"}
            for at, one in enumerate(segments, start=1)
        ],
    }  # fmt: skip
    return Side(Snapshot.open(str(out)), orjson.dumps(description))


def asked(state_dir: Path, rows: list[tuple[str, str, str, int]]) -> None:
    """Rows of (segment, name, client, how often), a day ago."""
    made = [
        row(time=NOW - dt.timedelta(days=1, seconds=number), segment=segment, qname=name, client=client)
        for segment, name, client, often in rows
        for number in range(often)
    ]
    write_rows(state_dir, wal(1), made)


def decided(state_dir: Path, before: Side, after: Side, **bounds: int) -> Replay:
    with QueryLog(state_dir) as log:
        return replay(log, before, after, SINCE, **bounds)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    asked(
        tmp_path,
        [
            ("pupils", "play.example.com", "192.0.2.11", 3),
            ("pupils", "play.example.com", "192.0.2.12", 1),
            ("pupils", "www.play.example.com", "192.0.2.12", 2),
            ("pupils", "old.example.com", "192.0.2.13", 5),
            ("pupils", "lesson.example.com", "192.0.2.11", 9),
            ("staff", "play.example.com", "192.0.2.21", 7),
            ("", "play.example.com", "192.0.2.31", 1),
        ],
    )
    return tmp_path


def test_what_would_close_and_open_is_counted_by_segment_with_devices_counted_once(state: Path) -> None:
    found = decided(state, side(state, "old.example.com\n"), side(state, "play.example.com\n"))
    by_segment = {one.segment: one for one in found.segments}
    pupils = by_segment["pupils"]
    assert (pupils.names, pupils.rows) == (4, 20)
    assert (pupils.closed.names, pupils.closed.rows, pupils.closed.devices) == (2, 6, 2)
    assert (pupils.opened.names, pupils.opened.rows, pupils.opened.devices) == (1, 5, 1)
    first = pupils.closed.first[0]
    assert (first.name, first.rows, first.devices) == ("play.example.com", 4, 2)
    assert (first.layer, first.category, first.feed) == ("category", "games", "feeds/games")
    assert by_segment["staff"].closed.names == by_segment["staff"].opened.names == 0
    assert by_segment[""].closed.names == 1, "clients in no segment have the strictest policy"


def test_a_draft_policy_is_replayed_as_lists_are(state: Path) -> None:
    listed = "play.example.com\nold.example.com\n"
    found = decided(state, side(state, listed), side(state, listed, "allow"))
    pupils = next(one for one in found.segments if one.segment == "pupils")
    assert (pupils.closed.names, pupils.opened.names, pupils.opened.devices) == (0, 3, 3)
    assert found.changes
    assert not decided(state, side(state, listed), side(state, listed)).changes


def test_what_is_beyond_the_bound_or_in_one_policy_only_is_named_not_forgotten(state: Path) -> None:
    before, after = side(state, ""), side(state, "play.example.com\n", segments=("pupils",))
    found = decided(state, before, after, most_names=2)
    assert found.names_left_out == 4
    assert found.segments_left_out == ("staff",)
    assert [one.segment for one in found.segments] == ["pupils"]


def test_a_log_without_rows_and_one_that_is_not_there_decide_nothing(tmp_path: Path) -> None:
    assert decided(tmp_path, side(tmp_path, ""), side(tmp_path, "a.example\n")).segments == ()


def test_the_engine_decides_many_names_as_it_explains_one(tmp_path: Path) -> None:
    one = side(tmp_path, "play.example.com\n")
    names = ["play.example.com", "x.play.example.com", "lesson.example.com", "www.engine.example.net", "a..b"]
    table = PolicyTable.compile(one.description)
    found = decide_names(one.snapshot, table, [("pupils", names), ("staff", names), ("", [])])
    assert [list(octets) for octets in found] == [[1, 1, 0, 2, 3], [0, 0, 0, 0, 3], []]
    with pytest.raises(ValueError, match="no segment"):
        decide_names(one.snapshot, table, [("gone", names)])
