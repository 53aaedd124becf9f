"""From files of the log to stored alerts, over restarts, SIGKILL and disks that refuse."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from tests.unit.monitoring.conftest import NOW, denied, made_row

from schoolgate._core import LogRow, log_read, log_write_sample
from schoolgate.alerts.alert_store import AlertStore, AlertsUnavailable
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import AlertRules
from schoolgate.monitoring.category_facts import CategoryFacts
from schoolgate.monitoring.detectors import watch
from schoolgate.monitoring.detectors.circumvention import CircumventionScore
from schoolgate.monitoring.observation import Observation
from schoolgate.policy.monitoring import AlertRule, Monitoring, Repeated

LONDON = ZoneInfo("Europe/London")
CLIENT = "192.0.2.7"
SETTINGS = Monitoring(repeated=Repeated(attempts=4))
RULES = AlertRules({"again": AlertRule(detectors=("repeated-attempts",), to=("lead@school.example",))}, LONDON)


def with_client(row: LogRow) -> LogRow:
    values: dict[str, Any] = {column: getattr(row, column) for column in LogRow.__match_args__}
    return LogRow(**(values | {"client": CLIENT}))


class School:
    """A log, and an observation of it that can be started again."""

    def __init__(self, folder: Path, known: CategoryFacts) -> None:
        self.wal, self.own = folder / "log" / "wal", folder / "monitor"
        self.wal.mkdir(parents=True)
        self.own.mkdir()
        self.known = known
        self.store = AlertStore.open(self.own / "alerts.db")
        self.observation = self.start()
        self.written = 0

    def start(self) -> Observation:
        made = Observation(self.wal.parent, self.own, log_read, self.store, Outbox(self.store))
        made.install(watch(SETTINGS, self.known, LONDON), RULES)
        return made

    def kill(self) -> None:
        """SIGKILL: what was not saved is lost."""
        self.observation = self.start()

    def write(self, *rows: LogRow, class_: str = "safeguarding") -> None:
        self.written += 1
        log_write_sample(self.wal, class_, self.written, [with_client(row) for row in rows])

    def tries(self, *at_s: int) -> None:
        self.write(*(denied(f"n{at}.example.org", "gambling", at=at) for at in at_s))

    def read(self, at_s: float = 0) -> None:
        """Until there is no more."""
        for _ in range(20):
            if not self.observation.step(NOW + dt.timedelta(seconds=at_s)):
                return

    def alerts(self) -> list[tuple[str, int]]:
        return [(one.rule, one.count) for one in self.store.alerts(("new",), 100)]


@pytest.fixture
def school(tmp_path: Path, known: CategoryFacts) -> School:
    return School(tmp_path, known)


def test_rows_become_an_alert_with_its_message(school: School) -> None:
    school.tries(0, 60, 120, 180)
    school.read()
    assert school.alerts() == [("again", 1)]
    assert Outbox(school.store).counts() == {"waiting": 1}
    assert school.observation.rows_read == {"safeguarding": 4, "ordinary": 0}


def test_what_was_counted_survives_sigkill(school: School) -> None:
    school.tries(0, 60)
    school.read()
    school.observation.save(NOW)
    school.tries(120)
    school.read()  # counted, and not saved
    school.kill()
    school.tries(180)
    school.read()
    assert school.alerts() == [("again", 1)]


def test_killed_after_an_alert_was_stored_it_is_not_raised_again(school: School) -> None:
    school.tries(0, 60, 120)
    school.read()
    school.observation.save(NOW)
    school.tries(180)
    school.read(1)
    school.kill()
    school.read()
    assert school.observation.rows_read["safeguarding"] == 1, "the last rows are read again"
    assert school.alerts() == [("again", 1)]
    assert Outbox(school.store).counts() == {"waiting": 1}


def test_a_file_counts_as_read_when_its_place_is_saved(school: School) -> None:
    school.tries(0)
    school.tries(60)
    school.read()
    assert not school.observation.is_read("safeguarding", 2)
    school.observation.save(NOW)
    assert school.observation.is_read("safeguarding", 1)
    assert not school.observation.is_read("safeguarding", 2), "it may still grow"
    assert not school.observation.is_read("ordinary", 1)
    written = orjson.loads((school.own / "positions.json").read_bytes())
    assert written["safeguarding"]["number"] == 2


def test_files_of_ours_are_nobody_elses(school: School) -> None:
    school.read()
    school.observation.save(NOW)
    modes = {path.name: path.stat().st_mode & 0o777 for path in school.own.iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_while_alerts_cannot_be_stored_findings_wait_and_none_is_lost(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    school.tries(0, 60, 120, 180)
    with monkeypatch.context() as patched:
        patched.setattr(AlertStore, "remember", _disk_full)
        with pytest.raises(AlertsUnavailable, match="full"):
            school.read()
        before = school.observation._saved_positions["safeguarding"]
        school.observation.save(NOW)
        assert school.observation._saved_positions["safeguarding"] == before, "what is not stored is not read"
    school.read(60)
    assert school.alerts() == [("again", 1)]


def _disk_full(*_: object) -> bool:
    raise sqlite3.OperationalError("database or disk is full")


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 99}', b'{"version": 1, "positions": 7}', b"[]"])
def test_a_damaged_state_begins_anew(content: bytes, school: School) -> None:
    (school.own / "state.json").write_bytes(content)
    school.kill()
    school.tries(0, 60, 120, 180)
    school.read()
    assert school.alerts() == [("again", 1)]


def test_one_detectors_damaged_state_is_said_and_the_others_keep_theirs(school: School) -> None:
    school.tries(0, 60, 120)
    school.read()
    school.observation.save(NOW)
    state = orjson.loads((school.own / "state.json").read_bytes())
    state["detectors"]["tunnel"] = [1, 2]
    (school.own / "state.json").write_bytes(orjson.dumps(state))
    school.kill()
    assert school.observation.problems == ["monitoring: what tunnel had counted could not be used; it begins anew"]
    school.tries(180)
    school.read()
    assert school.alerts() == [("again", 1)]


def test_new_thresholds_keep_what_was_counted(school: School) -> None:
    school.tries(0, 60)
    school.read()
    stricter = Monitoring(repeated=Repeated(attempts=3))
    school.observation.install(watch(stricter, school.known, LONDON), RULES)
    school.tries(120)
    school.read()
    assert school.alerts() == [("again", 1)]


def test_the_lag_is_the_age_of_the_newest_row_while_there_are_more(school: School) -> None:
    assert school.observation.lag_s(NOW) == 0
    school.write(made_row("a.example.org"), class_="ordinary")
    school.write(made_row("b.example.org"), class_="ordinary")
    later = NOW + dt.timedelta(seconds=90)
    school.observation.step(later)
    assert school.observation.lag_s(later) == 90
    school.read(90)
    assert school.observation.lag_s(later) == 0


def test_a_finding_from_a_job_goes_through_the_rules(school: School) -> None:
    at_us = int(NOW.timestamp() * 1e6)
    school.observation.report(Finding("safesearch", "urgent", "", "", at_us, 0, "SafeSearch is not enforced."), NOW)
    assert school.alerts() == [("urgent", 1)]


def test_a_detector_with_a_defect_blinds_no_other_and_is_named(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CircumventionScore, "feed", _stumble)
    school.tries(0, 60, 120, 180)
    school.read()
    assert school.alerts() == [("again", 1)]
    assert school.observation.what_is_wrong() == [
        "detector circumvention has a defect and may miss something: KeyError: 1"
    ]


def _stumble(*_: object) -> Iterator[Finding]:
    yield from ()
    raise KeyError(1)


def test_an_alert_counts_every_question_and_its_rule_counts_moments(tmp_path: Path, known: CategoryFacts) -> None:
    """Twelve questions: A, AAAA and HTTPS of one name, at four moments."""
    school = School(tmp_path, known)
    rules = school.observation.alert_rules.rules
    rules["two"] = AlertRule(categories=("gambling",), count=2, to=("lead@school.example",))
    rows = [
        denied("bets.example.org", "gambling", at=moment * 30 + step / 10, qtype=qtype)
        for moment in range(4)
        for step, qtype in enumerate((1, 28, 65))
    ]
    school.write(*rows[:1])
    school.observation.step(NOW)
    school.write(*rows[1:])
    school.observation.step(NOW)
    school.observation.step(NOW + dt.timedelta(minutes=5))  # what repeats and waits for no other question is counted
    (alert,) = (one for one in school.store.alerts(("new",), 10) if one.rule == "two")
    assert (alert.questions, alert.shown_count) == (12, 12)
    del rules["two"]
