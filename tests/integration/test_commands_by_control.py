"""Commands whose operations run in the control process: what they print, write and end with is the same."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from tests.program.forked import Forked, ran
from tests.stand_in.query_log import row, wal, write_rows
from tests.waiting import until

from schoolgate._core import log_pseudonym
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import AlertRules
from schoolgate.operations.system_clock import SystemClock
from schoolgate.storage import audit_operations
from schoolgate.storage.audit_operations import Place
from schoolgate.suggestions.queue import Queue
from schoolgate.suggestions.suggest import Suggestion

PATIENT_S = 120.0
KEY = bytes(range(16))
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
# The log has a file for each day, in UTC.
TODAY = NOW.replace(hour=0, minute=0, second=0)
ADDRESS = "192.0.2.77"


class School:
    """A control process over a query log: two rows of a device under a lost key, of yesterday, and one of today under
    a key that is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state, self.config = folder, folder / "state", folder / "schoolgate.toml"
        self.config.write_text(f'[server]\nlisten = ["127.0.0.1:0"]\nstate_dir = "{self.state}"\n', encoding="utf-8")
        old, new = log_pseudonym(bytes(16), ADDRESS), log_pseudonym(KEY, ADDRESS)
        at = [TODAY - dt.timedelta(minutes=10), TODAY - dt.timedelta(minutes=5), NOW]
        write_rows(
            self.state, wal(1), [row(time=time, client=text) for time, text in zip(at, (old, old, new), strict=True)]
        )
        self.state.chmod(0o700)
        text = orjson.dumps({"key": KEY.hex(), "made_at": TODAY.isoformat(), "id": "one"})
        (self.state / "log" / "pseudonym.json").write_bytes(text)
        self.log = folder / "control.log"
        with self.log.open("ab") as log:
            self.process = Forked(["control", "--config", str(self.config)], log, log, os.environ)
        until((self.state / "operations.sock").exists, self.log.read_text, PATIENT_S, process=self.process)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "COLUMNS": "200"}
        return ran([*arguments, "--config", str(self.config)], timeout=PATIENT_S, env=environ)

    def audit(self) -> list[dict[str, Any]]:
        found = asyncio.run(audit_operations.log(Place.in_folder(self.state), SystemClock().now_us()))
        return [dict(one.fields) for one in found[::-1]]


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    made = School(tmp_path)
    yield made
    made.process.terminate()
    assert made.process.wait(PATIENT_S) == 0, made.log.read_text()
    assert "Traceback" not in made.log.read_text()


def test_exit_codes_files_and_records_are_those_of_a_command_alone(school: School) -> None:
    found = school.run("log", "search", "--client", ADDRESS, "--json")
    assert (found.returncode, len(found.stdout.splitlines())) == (3, 1), found.stderr
    assert "2 rows cannot be searched" in found.stderr
    assert orjson.loads(found.stdout)["time"].endswith(".000000Z")
    file = school.folder / "rows.jsonl"
    export = ("log", "export", "--client", ADDRESS, "--reason", "request 7", "--out", str(file))
    assert school.run(*export).returncode == 3
    assert len(file.read_bytes().splitlines()) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "there already" in school.run(*export).stderr
    unknown = school.run("log", "reveal", log_pseudonym(bytes(16), ADDRESS), "--reason", "concern 12")
    assert (unknown.returncode, unknown.stdout) == (3, "")
    wrong = school.run(*export[:3], "nobody", *export[4:-1], str(school.folder / "none"))
    assert (wrong.returncode, "is no client" in wrong.stderr) == (1, True)
    assert not (school.folder / "none").exists(), "half an export is none"
    assert [(one["operation"], one["outcome"]) for one in school.audit()] == [
        ("log.search", "done"), ("log.export", "begun"), ("log.export", "done"),
        ("log.reveal", "begun"), ("log.reveal", "refused"), ("log.export", "begun"), ("log.export", "refused"),
    ]  # fmt: skip


def test_what_maintenance_says_comes_as_it_goes(school: School) -> None:
    done = school.run("log", "maintain")
    assert (done.returncode, done.stdout) == (0, "0 files of 0 rows converted, 1 compacted\n"), done.stderr
    status = orjson.loads(school.run("log", "status", "--json").stdout)
    assert status["classes"]["ordinary"]["rows"] == 3
    assert set(status) == {"classes", "octets", "days", "waiting", "erasures_pending", "problems", "retention"}


# What only looks, and says no time of its own.
SAME = (
    "alerts list --all --json",
    "alerts show 1 --json",
    "alerts show 1",
    "alerts export",
    "alerts digest --day 2026-11-20 --json",
    "lists words list --json",
    "lists words list --history",
    "lists words try bet --category gambling",
    "lists suggestions --json",
    "log search --json",
    "log top names --json",
    "report list --json",
)


def test_what_is_printed_is_the_same_with_and_without_a_control_process(school: School) -> None:
    with_alert(school.state)
    Queue(school.state).add([Suggestion("g00gle.example", "look-alike", "google", "phishing", 3)], NOW)
    added = school.run("lists", "words", "add", "puffbar", "--category", "alcohol-vaping", "--note", "slang")
    assert "puffbar is in the library, version 1" in added.stdout, added.stderr
    kept = school.run("report", "daily", "--of", "2026-11-20", "--keep")
    assert kept.stdout.strip().endswith("2026-11-20-daily-it.html"), kept.stderr
    closed = school.run("alerts", "close", "1", "--outcome", "other", "--note", "a test")
    assert closed.stdout == "alert 1 closed: other\n", closed.stderr
    by_control = {line: school.run(*line.split()) for line in SAME}
    school.process.terminate()
    assert school.process.wait(PATIENT_S) == 0
    assert {line: one.stderr for line, one in by_control.items() if one.returncode} == {}
    assert all(one.stdout for one in by_control.values())
    for line, one in by_control.items():
        alone = school.run(*line.split())
        assert (one.stdout, one.stderr) == (alone.stdout, alone.stderr), line


def with_alert(state: Path) -> None:
    folder = state / "monitor"
    folder.mkdir(mode=0o700)
    with contextlib.closing(AlertStore.open(folder / "alerts.db")) as store:
        found = Finding(
            "attempt", "urgent", "pupils", ADDRESS, int(NOW.timestamp() * 1e6), 0, "A device asked.", "self-harm",
            {"questions": 2, "share": 0.5}, ("of-it.example.org",),
        )  # fmt: skip
        AlertRules({}, ZoneInfo("UTC")).apply([found], store, Outbox(store), NOW)
