"""What a check found is kept whole, bounded, and never stops anybody when it cannot be read."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from schoolgate.checks.record import MOST_HISTORY, OLD_AFTER, CheckRecord, check_problems
from schoolgate.checks.resolving import Resolved
from schoolgate.checks.safesearch import SafeSearchCheck, Target, check_safesearch
from schoolgate.config import SocketAddress

NOW = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
FIRST, SECOND = SocketAddress("192.0.2.1", 53), SocketAddress("192.0.2.2", 53)
TARGETS = (Target("safe.example.org", ("one",)), Target("strict.example.org", ("three", "two")))


def asked(answers: dict[tuple[str, SocketAddress], str]) -> SafeSearchCheck:
    def ask(name: str, server: SocketAddress) -> Resolved:
        outcome = answers.get((name, server), "NXDOMAIN")
        return Resolved(name, "answered" if outcome == "answered" else "unresolvable", outcome)

    return check_safesearch(TARGETS, (FIRST, SECOND), NOW, ask=ask)


def test_a_target_that_any_forwarder_knows_is_well() -> None:
    found = asked({("safe.example.org", SECOND): "answered", ("strict.example.org", FIRST): "answered"})
    assert (found.failed, found.sentences()) == ((), ())


def test_a_target_that_is_gone_is_named_with_its_engines() -> None:
    (sentence,) = asked({("safe.example.org", FIRST): "answered"}).sentences()
    for part in ("three, two", "strict[.]example[.]org", "NXDOMAIN", "schoolgate check safesearch"):
        assert part in sentence


def test_when_all_are_gone_it_is_the_line_that_is_in_doubt() -> None:
    (sentence,) = asked({}).sentences()
    assert "do the forwarders reach the internet?" in sentence


def test_without_a_forwarder_nothing_is_well() -> None:
    (sentence,) = check_safesearch(TARGETS, (), NOW).sentences()
    assert "could not be checked" in sentence


def test_the_history_is_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    record = CheckRecord(tmp_path)
    record.folder.mkdir()
    path = record.folder / "reachability-history.jsonl"
    path.write_bytes(b"".join(b'{"number":%d}\n' % number for number in range(MOST_HISTORY + 5)))
    record.keep("reachability", {"at": NOW.isoformat()}, {"number": "last"})
    rows = record.history("reachability")
    assert len(rows) == MOST_HISTORY
    assert rows[-1] == {"number": "last"}
    assert rows[0] == {"number": 6}


def test_lines_and_files_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    record = CheckRecord(tmp_path)
    assert (record.last("safesearch"), record.history("safesearch")) == (None, [])
    record.folder.mkdir()
    (record.folder / "safesearch.json").write_bytes(b"\xff{")
    (record.folder / "reachability-history.jsonl").write_bytes(b'{"rate": 0}\n\x00\xff\n[1]\n{"rate": 1}')
    assert record.last("safesearch") is None
    assert record.history("reachability") == [{"rate": 0}, {"rate": 1}]
    (problem,) = check_problems(tmp_path, NOW)
    assert "an unknown day" in problem


def test_status_hears_of_what_failed_and_of_checks_that_stopped(tmp_path: Path) -> None:
    record = CheckRecord(tmp_path)
    assert check_problems(tmp_path, NOW) == []
    record.keep("safesearch", asked({("safe.example.org", FIRST): "answered"}).whole())
    record.keep("reachability", {}, {"at": NOW.isoformat(), "over_blocked_names": 2})
    problems = check_problems(tmp_path, NOW)
    assert ["strict[.]example[.]org" in problems[0], "2 names that must be open are closed" in problems[1]] == [
        True,
        True,
    ]
    late = check_problems(tmp_path, NOW + OLD_AFTER + dt.timedelta(seconds=1))
    assert len(late) == 2
    assert all("last checked on 23 November 2026" in problem for problem in late)
