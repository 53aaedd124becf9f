"""What came, against what must come; what is told of it, once; and the questions of a check among those of devices."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schoolgate.checks.own_questions import OwnQuestions, QuestionsFile, Window, announce_questions, read_questions
from schoolgate.checks.probes import Probe
from schoolgate.checks.probing import NO_ANSWER, REFUSED, Answered, is_as_expected
from schoolgate.checks.record import CheckRecord, check_problems
from schoolgate.checks.segment_check import NetworkChecked, SegmentsChecked, SegmentsNotChecked
from schoolgate.checks.segment_record import keep_segments, segments_alone
from schoolgate.jobs.segment_alerts import drift_findings, segment_findings

NOON = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
GOOD = NetworkChecked("pupils", "10.1.0.0/16", "pupil", "10.1.0.53", "10.1.0.53:53", "good", "")
BAD = replace(GOOD, state="failed", reason="every one of 60 questions: no answer")
AWAY = replace(GOOD, state="not covered", reason="not checked from inside", source=None, at=None)


@pytest.mark.parametrize(
    ("expected", "good"),
    [
        ("closed", {"closed", "sealed"}),
        ("not closed", {"open", "no such name", "no address", "server failure", "safe mode"}),
        ("safe mode", {"safe mode", "closed", "sealed"}),
        ("no such name", {"no such name"}),
        ("open", {"open"}),
        ("sealed", {"sealed"}),
    ],
)
def test_only_what_the_policy_asks_for_is_well(expected: str, good: set[str]) -> None:
    every = {
        "closed",
        "sealed",
        "open",
        "no such name",
        "no address",
        "server failure",
        "safe mode",
        NO_ANSWER,
        REFUSED,
    }
    probe = Probe("p", "n.example", expected, "")  # type: ignore[arg-type]
    assert {one for one in every if is_as_expected(probe, one)} == good


def kept(state: Path, network: NetworkChecked, minutes: int) -> list[tuple[str, str, str]]:
    found = SegmentsChecked(NOON + dt.timedelta(minutes=minutes), 1, (network,), ())
    told = segment_findings(keep_segments(state, found))
    return [(one.detector, one.severity, f"{one.at:%H:%M}") for one in told]


def test_a_failure_is_told_when_it_begins_and_its_end_once(tmp_path: Path) -> None:
    assert kept(tmp_path, GOOD, 0) == []
    assert kept(tmp_path, BAD, 10) == [("segment-check", "urgent", "12:10")]
    assert kept(tmp_path, BAD, 20) == [("segment-check", "urgent", "12:10")], "the same finding, which is told once"
    assert [one for one in check_problems(tmp_path, NOON) if "from inside fails" in one] == [
        "the check from inside fails for pupils; look at `schoolgate check run`"
    ]
    assert kept(tmp_path, GOOD, 30) == [("segment-recovered", "warning", "12:30")]
    assert kept(tmp_path, GOOD, 40) == [("segment-recovered", "warning", "12:30")]
    assert kept(tmp_path, AWAY, 50) == [("segment-check", "warning", "12:50")], "no longer looked at is not well"
    assert check_problems(tmp_path, NOON + dt.timedelta(hours=8)), "a check that stopped is a problem"


def test_a_network_that_was_never_covered_is_no_alarm_and_drift_names_what_changed(tmp_path: Path) -> None:
    assert kept(tmp_path, AWAY, 0) == []
    (finding,) = drift_findings({"changed": ["settings: forwarders"], "since": NOON.isoformat()})
    assert "settings: forwarders" in finding.sentence
    assert list(drift_findings({"changed": [], "since": NOON.isoformat()})) == []
    assert list(segment_findings({"networks": [{"state": "failed"}]})) == []


def test_a_result_too_long_to_be_read_back_keeps_what_was_wrong(tmp_path: Path) -> None:
    fine = Answered("c", "n.example", "x" * 300, "udp", "closed", "closed", "", True)
    wrong = replace(fine, is_well=False)
    networks = tuple(replace(BAD, network=str(one), answers=(wrong, *[fine] * 60)) for one in range(60))
    keep_segments(tmp_path, SegmentsChecked(NOON, 1, networks, ()))
    read = CheckRecord(tmp_path).last("segments")
    assert read is not None
    assert [len(one["answers"]) for one in read["networks"]] == [1] * 60


def test_two_checks_do_not_ask_at_once(tmp_path: Path) -> None:
    with segments_alone(tmp_path), pytest.raises(SegmentsNotChecked, match="just now"), segments_alone(tmp_path):
        pass
    with segments_alone(tmp_path):
        pass


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 100), st.integers(0, 100)), max_size=6),
    st.sampled_from("abcd"),
    st.sampled_from(["n1", "n2"]),
    st.integers(0, 200),
)
def test_a_row_is_of_a_check_exactly_when_it_was_announced(
    windows: list[tuple[str, int, int]], client: str, name: str, at_s: int
) -> None:
    own = OwnQuestions(["n1"], [Window((one,), since * 10**6, (since + most) * 10**6) for one, since, most in windows])
    wanted = name == "n1" and any(one == client and since - 1 <= at_s <= since + most for one, since, most in windows)
    assert own.has(client, name, at_s * 10**6) is wanted


def test_announced_questions_are_read_back_by_who_watches(tmp_path: Path) -> None:
    file = QuestionsFile(tmp_path)
    assert not file.current().has("a", "n", 5)
    announce_questions(tmp_path, ["n"], Window(("a", "p-x"), 0, 10))
    announce_questions(tmp_path, ["m"], Window(("b",), 20, 30))
    assert [file.current().has(*one) for one in (("a", "n", 5), ("p-x", "n", 5), ("b", "m", 25), ("b", "n", 25))] == [
        True, True, True, True,
    ]  # fmt: skip
    assert not file.current().has("a", "n", 3_000_000)
    (tmp_path / "checks/own-questions.json").write_bytes(b'{"names": 5}')
    assert read_questions(tmp_path).windows == (), "a broken file passes no row for a check's"
