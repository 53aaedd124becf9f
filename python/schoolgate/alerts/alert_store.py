"""Alerts, their history and what is still to be sent, in one SQLite file: who was notified of what, and what they did
about it.

An alert and its messages are written in one transaction: after a crash there are both or neither. History only grows.
Several processes use the file at once: the monitor writes alerts, a person acknowledges them from the command line.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from schoolgate.alerts.alert import Alert, alert_of, stamp
from schoolgate.alerts.alert_schema import FROM_VERSION_1, SCHEMA, SCHEMA_VERSION
from schoolgate.alerts.findings import ATTEMPT, REPEATED, SELF_TEST, SEVERITIES, Finding
from schoolgate.errors import SchoolgateError
from schoolgate.policy.monitoring import LONGEST_WINDOW_MINUTES
from schoolgate.storage.sqlite_file import SqliteFile, make_private

OUTCOMES = ("concern", "false-alarm", "expected-lesson", "known-person", "other")
# Another process holds the file for milliseconds; a person does not wait longer than this.
BUSY_TIMEOUT_S = 5.0
# A rule that fires without end fills no disk: the oldest closed alerts go first, then the oldest of all.
MOST_ALERTS = 100_000
MOST_FINDINGS = 500_000
# Counts of all rules and devices; the oldest go first.
MOST_HITS = 500_000
LONGEST_NOTE = 2000
# What a person reads of one alert; the log has the others.
MOST_NAMES_OF_ALERT = 20
# What goes on for days is reported again each day.
LONGEST_ALERT_S = 86400
# Counts of a rule are needed as long as the longest window of a rule.
HITS_KEPT_US = LONGEST_WINDOW_MINUTES * 60 * 1_000_000
# How the keys of its messages begin.
_END = dt.datetime.max.replace(tzinfo=dt.UTC)
ESCALATION = "escalation"
# The same of messages of the steps of [escalation].
STEP = "step"
# One question, and the same again and again, are one matter.
_ATTEMPTS = (ATTEMPT, REPEATED)
# Escalated in one go; the next go comes within seconds.
MOST_ESCALATED = 1000


class AlertsUnavailable(SchoolgateError):
    """The file of alerts cannot be read or written."""


class AlertRefused(SchoolgateError):
    """What was asked of an alert cannot be done."""


class AlertStore(SqliteFile):
    """Blocking; each call is one transaction. Made by `open`. Rules, delivery and jobs use it from several threads."""

    unavailable = AlertsUnavailable

    @classmethod
    def empty(cls) -> AlertStore:
        """A store without alerts, in memory: for those who look before there is a file."""
        db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        db.row_factory = sqlite3.Row
        db.executescript(SCHEMA)
        return cls(Path(":memory:"), db)

    @classmethod
    def open(cls, path: Path) -> AlertStore:
        """Makes the file if need be (mode 0600). Raises `AlertsUnavailable`."""
        try:
            make_private(path)
            db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA foreign_keys=ON")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == 1:
                _upgrade(db)
            elif version not in (0, SCHEMA_VERSION):
                db.close()
                raise AlertsUnavailable(f"{path} is of another version ({version}); use the schoolgate that wrote it")
            db.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise AlertsUnavailable(f"{path}: {error}; check rights and space, or move the file away") from error
        return cls(path, db)

    # -- what the monitor writes ----------------------------------------------------------------------------------

    def remember(self, db: sqlite3.Connection, finding: Finding, now: dt.datetime) -> bool:
        """Whether the finding is new: one that is made again after a crash is not."""
        values = (
            finding.identity, stamp(now), finding.at_us, finding.detector, finding.severity, finding.category,
            finding.segment, finding.client, finding.sentence, _json(finding.names), _json(dict(finding.evidence)),
        )  # fmt: skip
        return db.execute(f"INSERT OR IGNORE INTO findings VALUES ({_marks(values)})", values).rowcount == 1

    def hit(self, db: sqlite3.Connection, rule: str, finding: Finding, window_s: int, most: int) -> int:
        """Counts a finding for a rule; returns how many its client (or segment) has within the window: `most` at
        most."""
        found = db.execute(
            "SELECT count(*) FROM (SELECT 1 FROM hits WHERE rule = ? AND segment = ? AND client = ? AND at_us > ?"
            " AND NOT is_repeat LIMIT ?)",
            (rule, finding.segment, finding.client, finding.at_us - window_s * 1_000_000, most),
        )
        before = int(found.fetchone()[0])
        if before >= most:
            return most
        values = (
            rule, finding.segment, finding.client, finding.at_us, finding.identity, finding.questions, finding.is_repeat
        )  # fmt: skip
        columns = "rule, segment, client, at_us, finding, questions, is_repeat"
        made = db.execute(f"INSERT OR IGNORE INTO hits ({columns}) VALUES ({_marks(values)})", values).rowcount
        return before + (0 if finding.is_repeat else made)

    def add_repeats(self, db: sqlite3.Connection, rule: str, finding: Finding, window_s: int) -> None:
        """Questions that repeat others, for the alert that is open for those; else they wait for it."""
        open_one = self._open_alert(db, rule, finding, window_s)
        if open_one is not None:
            db.execute(
                "UPDATE alerts SET questions = questions + ?, last_us = max(last_us, ?) WHERE id = ?",
                (finding.questions, finding.at_us, open_one.id),
            )

    def _of_matter(self, db: sqlite3.Connection, rule: str, finding: Finding, window_s: int) -> tuple[int, int]:
        """(findings, questions) of a finding's own matter within the window: a rule may speak of several."""
        same = _ATTEMPTS if finding.detector in _ATTEMPTS else (finding.detector,)
        row = db.execute(
            "SELECT count(*) FILTER (WHERE NOT is_repeat), sum(hits.questions) FROM hits"
            " JOIN findings ON findings.identity = hits.finding"
            " WHERE rule = ? AND hits.segment = ? AND hits.client = ? AND hits.at_us > ? AND findings.category IS ?"
            f" AND findings.detector IN ({_marks(same)})",
            (
                rule, finding.segment, finding.client, finding.at_us - window_s * 1_000_000, finding.category, *same
            ),
        ).fetchone()  # fmt: skip
        return max(1, row[0]), max(finding.questions, row[1] or 0)

    def raise_alert(
        self, db: sqlite3.Connection, rule: str, urgency: str, finding: Finding, window_s: int, now: dt.datetime
    ) -> tuple[int, str | None]:
        """(id, what is sent: `alert`, `worse`, or nothing). One that is open for the same matter within the
        window only counts up, unless it gets worse."""
        open_one = self._open_alert(db, rule, finding, window_s)
        if open_one is not None:
            is_worse = SEVERITIES.index(finding.severity) > SEVERITIES.index(open_one.severity)
            self._count_up(db, open_one, finding)
            if is_worse:
                self._worsen(db, open_one, finding, now)
            return open_one.id, "worse" if is_worse else None
        count, questions = self._of_matter(db, rule, finding, window_s)
        values = (
            rule, urgency, finding.severity, finding.detector, finding.category, finding.segment, finding.client, "new",
            stamp(now), finding.at_us, finding.at_us, count, finding.sentence, _json(finding.names),
            _json(dict(finding.evidence)), questions,
        )  # fmt: skip
        columns = (
            "rule, urgency, severity, detector, category, segment, client, state, opened_at, first_us, last_us, count,"
            " sentence, names, evidence, questions"
        )
        made = db.execute(f"INSERT INTO alerts ({columns}) VALUES ({_marks(values)})", values).lastrowid
        assert made is not None
        self.note(db, made, now, "schoolgate", "new", finding.sentence)
        return made, "alert"

    def _open_alert(self, db: sqlite3.Connection, rule: str, finding: Finding, window_s: int) -> Alert | None:
        """The one that a finding adds to: of its device *and* its matter, so that nothing hides behind another."""
        same = _ATTEMPTS if finding.detector in _ATTEMPTS else (finding.detector,)
        oldest_us = finding.at_us - window_s * 1_000_000
        first_us = finding.at_us - max(window_s, LONGEST_ALERT_S) * 1_000_000
        found = db.execute(
            "SELECT * FROM alerts WHERE rule = ? AND segment = ? AND client = ? AND last_us > ? AND first_us > ?"
            f" AND state != 'closed' AND category IS ? AND detector IN ({_marks(same)}) ORDER BY id DESC LIMIT 1",
            (rule, finding.segment, finding.client, oldest_us, first_us, finding.category, *same),
        ).fetchone()
        return None if found is None else alert_of(found)

    def _count_up(self, db: sqlite3.Connection, alert: Alert, finding: Finding) -> None:
        names = tuple(dict.fromkeys((*alert.names, *finding.names)))[:MOST_NAMES_OF_ALERT]
        db.execute(
            "UPDATE alerts SET count = count + 1, questions = questions + ?, last_us = max(last_us, ?), names = ?"
            " WHERE id = ?",
            (finding.questions, finding.at_us, _json(names), alert.id),
        )

    def _worsen(self, db: sqlite3.Connection, alert: Alert, finding: Finding, now: dt.datetime) -> None:
        """A person who has seen the alert has not seen this: it is new again, and escalated again."""
        names = tuple(dict.fromkeys((*finding.names, *alert.names)))[:MOST_NAMES_OF_ALERT]
        values = (
            finding.severity, finding.detector, finding.sentence, _json(names), _json(dict(finding.evidence)), alert.id,
        )  # fmt: skip
        assigned = "severity = ?, detector = ?, sentence = ?, names = ?, evidence = ?"
        db.execute(f"UPDATE alerts SET state = 'new', escalated_at = NULL, {assigned} WHERE id = ?", values)
        self.note(db, alert.id, now, "schoolgate", "worse", finding.sentence)

    def mark_escalated(self, db: sqlite3.Connection, alert: int, now: dt.datetime) -> None:
        db.execute("UPDATE alerts SET escalated_at = ? WHERE id = ?", (stamp(now), alert))
        self.note(db, alert, now, "schoolgate", "escalated", "it was not acknowledged")

    def forget_before(self, oldest: dt.datetime) -> int:
        """Findings, counts and closed alerts older than the log they rest on; returns how many alerts went."""
        with self.transaction() as db:
            db.execute("DELETE FROM findings WHERE seen_at < ?", (stamp(oldest),))
            newest_us = db.execute("SELECT max(at_us) FROM hits").fetchone()[0] or 0
            db.execute("DELETE FROM hits WHERE at_us < ?", (newest_us - HITS_KEPT_US,))
            newest_kept = "SELECT at_us FROM hits ORDER BY at_us DESC LIMIT 1 OFFSET ?"
            db.execute(f"DELETE FROM hits WHERE at_us <= ({newest_kept})", (MOST_HITS,))
            surplus = db.execute("SELECT max(0, count(*) - ?) FROM findings", (MOST_FINDINGS,)).fetchone()[0]
            oldest_first = "SELECT identity FROM findings ORDER BY seen_at LIMIT ?"
            db.execute(f"DELETE FROM findings WHERE identity IN ({oldest_first})", (surplus,))
            gone = db.execute(
                "DELETE FROM alerts WHERE state = 'closed' AND opened_at < ? AND hold IS NULL", (stamp(oldest),)
            ).rowcount
            surplus = db.execute("SELECT max(0, count(*) - ?) FROM alerts", (MOST_ALERTS,)).fetchone()[0]
            gone += db.execute(
                "DELETE FROM alerts WHERE id IN"
                " (SELECT id FROM alerts WHERE hold IS NULL ORDER BY state != 'closed', id LIMIT ?)",
                (surplus,),
            ).rowcount
        return int(gone)

    # -- what people do -------------------------------------------------------------------------------------------

    def acknowledge(self, alert: int, who: str, note: str, now: dt.datetime) -> Alert:
        """Records that a person has seen it. Raises `AlertRefused` when it is closed already."""
        with self.transaction() as db:
            found = self.one(db, alert)
            if found.state == "closed":
                raise AlertRefused(f"alert {alert} is closed already; see `schoolgate alerts show {alert}`")
            db.execute("UPDATE alerts SET state = 'acknowledged' WHERE id = ?", (alert,))
            _withdraw_escalation(db, alert)
            self.note(db, alert, now, who, "acknowledged", note)
            return self.one(db, alert)

    def close_alert(self, alert: int, outcome: str, who: str, note: str, now: dt.datetime) -> Alert:
        """What came of it. A closed alert may be closed again with another outcome; both stay in its history."""
        if outcome not in OUTCOMES:
            raise AlertRefused(f"there is no outcome {outcome!r}; use one of: {', '.join(OUTCOMES)}")
        with self.transaction() as db:
            self.one(db, alert)
            db.execute("UPDATE alerts SET state = 'closed', outcome = ? WHERE id = ?", (outcome, alert))
            _withdraw_escalation(db, alert)
            self.note(db, alert, now, who, f"closed: {outcome}", note)
            return self.one(db, alert)

    def close_self_test(self, db: sqlite3.Connection, alert: int, now: dt.datetime) -> None:
        """What the self-test of sealed lists asked is a record, and nothing to do."""
        db.execute("UPDATE alerts SET state = 'closed', outcome = 'self-test' WHERE id = ?", (alert,))
        self.note(db, alert, now, "schoolgate", "closed: self-test", "asked by `schoolgate sealed selftest`")

    def hold(self, alert: int, reason: str | None, who: str, now: dt.datetime) -> Alert:
        """Nothing of a held alert is erased, nor are rows of its device on request; None lets it go."""
        with self.transaction() as db:
            before = self.one(db, alert)
            if reason is None and before.hold is None:
                raise AlertRefused(f"alert {alert} is not held; see `schoolgate alerts show {alert}`")
            if reason is not None and not reason.strip():
                raise AlertRefused("a hold needs a reason; it is kept with the alert")
            db.execute("UPDATE alerts SET hold = ? WHERE id = ?", (reason, alert))
            self.note(db, alert, now, who, "held" if reason is not None else "released", reason or "")
            return self.one(db, alert)

    def of_clients(self, clients: Sequence[str]) -> list[Alert]:
        """Those that are theirs, newest first."""
        found = self.rows(f"SELECT * FROM alerts WHERE client IN ({_marks(clients)}) ORDER BY id DESC", clients)
        return [alert_of(one) for one in found]

    def opened_since(self, detector: str, since: dt.datetime, of: str = "") -> int:
        """How many matters of a detector became alerts since then. `of`: how their clients begin."""
        found = self.rows(
            "SELECT count(DISTINCT client) AS many FROM alerts WHERE detector = ? AND opened_at > ?"
            " AND substr(client, 1, ?) = ?",
            (detector, stamp(since), len(of), of),
        )
        return int(found[0]["many"])

    def erase_clients(self, clients: Sequence[str]) -> int:
        """Forgets whose alerts they are: device, names and messages go, rule, time and outcome stay. Returns how many
        alerts there were. Raises `AlertRefused` where one is held: then nothing goes."""
        marks = _marks(clients)
        with self.transaction() as db:
            held = db.execute(
                f"SELECT id, hold FROM alerts WHERE client IN ({marks}) AND hold IS NOT NULL ORDER BY id", (*clients,)
            ).fetchall()
            if held:
                raise AlertRefused(told_held([(row["id"], row["hold"]) for row in held]))
            theirs = f"SELECT id FROM alerts WHERE client IN ({marks})"
            db.execute(f"DELETE FROM outbox WHERE alert IN ({theirs})", (*clients,))
            db.execute(f"DELETE FROM hits WHERE client IN ({marks})", (*clients,))
            for table in ("findings", "alerts"):
                blank = "client = '', names = '[]', evidence = '{}'"
                erased = db.execute(f"UPDATE {table} SET {blank} WHERE client IN ({marks})", (*clients,)).rowcount
        return int(erased)

    def note(self, db: sqlite3.Connection, alert: int, now: dt.datetime, who: str, what: str, note: str) -> None:
        """Adds a line to an alert's history, within the caller's transaction."""
        db.execute(
            "INSERT INTO history (alert, at, who, what, note) VALUES (?, ?, ?, ?, ?)",
            (alert, stamp(now), who[:200], what, note[:LONGEST_NOTE]),
        )

    # -- reading --------------------------------------------------------------------------------------------------

    def get(self, alert: int) -> Alert:
        with self._lock:
            return self.one(self._db, alert)

    def one(self, db: sqlite3.Connection, alert: int) -> Alert:
        found = db.execute("SELECT * FROM alerts WHERE id = ?", (alert,)).fetchone()
        if found is None:
            raise AlertRefused(f"there is no alert {alert}; see `schoolgate alerts list --all`")
        return alert_of(found)

    def alerts(
        self, states: Sequence[str], most: int, since: dt.datetime | None = None, *, self_tests: bool = False,
        before: int | None = None,
    ) -> list[Alert]:  # fmt: skip
        """Newest first. `self_tests`: those of the self-test of sealed lists, and no others. `before`: older than this
        alert."""
        found = self.rows(
            f"SELECT * FROM alerts WHERE state IN ({_marks(states)}) AND opened_at >= ?"
            f" AND (detector = ?) = ? AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?",
            (*states, stamp(since) if since else "", SELF_TEST, self_tests, before, before, most),
        )
        return [alert_of(one) for one in found]

    def alerts_between(self, first_us: int, last_us: int, most: int) -> list[Alert]:
        """Alerts that were found between two times, in microseconds since 1970; newest first, without self-tests."""
        until = stamp(dt.datetime.fromtimestamp(last_us / 1e6, dt.UTC))
        found = self.rows(
            "SELECT * FROM alerts WHERE opened_at <= ? AND last_us >= ? AND detector != ? ORDER BY id DESC LIMIT ?",
            (until, first_us, SELF_TEST, most),
        )
        return [alert_of(one) for one in found]

    def history(self, alert: int) -> list[dict[str, Any]]:
        found = self.rows("SELECT at, who, what, note FROM history WHERE alert = ? ORDER BY id", (alert,))
        return [dict(one) for one in found]

    def summary(self, since: dt.datetime, until: dt.datetime | None = None) -> dict[str, Any]:
        """How many alerts each rule raised, how they ended, and the share of false alarms among those that were
        judged."""
        found = self.rows(
            "SELECT rule, state, outcome, count(*) AS alerts FROM alerts WHERE opened_at >= ? AND opened_at < ?"
            " AND detector != ? GROUP BY 1, 2, 3",
            (stamp(since), stamp(until or _END), SELF_TEST),
        )
        rules: dict[str, dict[str, Any]] = {}
        for one in found:
            row = rules.setdefault(one["rule"], {"alerts": 0, "open": 0, "outcomes": {}})
            row["alerts"] += one["alerts"]
            if one["state"] == "closed":
                row["outcomes"][one["outcome"]] = row["outcomes"].get(one["outcome"], 0) + one["alerts"]
            else:
                row["open"] += one["alerts"]
        for row in rules.values():
            judged = sum(row["outcomes"].values())
            row["false_alarm_rate"] = row["outcomes"].get("false-alarm", 0) / judged if judged else None
        return {"since": stamp(since), "rules": rules}

    def minutes_to_seen(self, since: dt.datetime, until: dt.datetime | None = None) -> list[int]:
        """How long alerts waited until a person saw or closed them, those of self-tests left out."""
        found = self.rows(
            "SELECT opened_at, (SELECT min(at) FROM history WHERE alert = alerts.id AND who != 'schoolgate') AS seen"
            " FROM alerts WHERE opened_at >= ? AND opened_at < ? AND detector != ? AND seen IS NOT NULL",
            (stamp(since), stamp(until or _END), SELF_TEST),
        )
        waits = [dt.datetime.fromisoformat(one["seen"]) - dt.datetime.fromisoformat(one["opened_at"]) for one in found]
        return [max(0, int(one.total_seconds() // 60)) for one in waits]

    def sentences_of(self, detector: str, since: dt.datetime) -> list[str]:
        """What a detector found since then, newest first; a sentence names no device."""
        found = self.rows(
            "SELECT sentence FROM findings WHERE detector = ? AND at_us >= ? ORDER BY at_us DESC LIMIT 1000",
            (detector, int(since.timestamp() * 1_000_000)),
        )
        return [str(one["sentence"]) for one in found]

    def unacknowledged(self, rule: str, since: dt.datetime) -> list[tuple[Alert, dt.datetime]]:
        """Those of a rule that are new, or worse, since this moment or longer and not escalated, with their moment;
        oldest first."""
        moment = "(SELECT max(at) FROM history WHERE alert = alerts.id AND what IN ('new', 'worse'))"
        found = self.rows(
            f"SELECT *, {moment} AS since FROM alerts WHERE rule = ? AND state = 'new' AND escalated_at IS NULL"
            " AND since <= ? ORDER BY since, id LIMIT ?",
            (rule, stamp(since), MOST_ESCALATED),
        )
        return [(alert_of(one), dt.datetime.fromisoformat(one["since"])) for one in found]

    def unseen(
        self, db: sqlite3.Connection, severities: Sequence[str], since: dt.datetime, prefix: str
    ) -> list[tuple[Alert, dt.datetime, set[str]]]:
        """Those that are new, or worse, since a moment after `since`, newest first: with their moment, and with what
        their history has since then that begins with `prefix`, without it and in small letters."""
        last = "(SELECT max(id) FROM history WHERE alert = alerts.id AND what IN ('new', 'worse'))"
        rows = db.execute(
            "SELECT alerts.*, begun.at AS since, begun.id AS line FROM alerts"
            f" JOIN history AS begun ON begun.id = {last}"
            f" WHERE state = 'new' AND severity IN ({_marks(severities)}) AND detector != ? AND begun.at > ?"
            " ORDER BY begun.id DESC LIMIT ?",
            (*severities, SELF_TEST, stamp(since), MOST_ESCALATED),
        ).fetchall()
        found = []
        for one in rows:
            lines = db.execute("SELECT what FROM history WHERE alert = ? AND id > ?", (one["id"], one["line"]))
            done = {what.removeprefix(prefix).casefold() for (what,) in lines if what.startswith(prefix)}
            found.append((alert_of(one), dt.datetime.fromisoformat(one["since"]), done))
        return found


def told_held(held: Sequence[tuple[int, str]]) -> str:
    """Why an erasure is refused."""
    which = "; ".join(f"alert {number} ({reason})" for number, reason in held)
    return f"nothing was erased: a hold is set on {which}; who set it decides: `schoolgate alerts release N` lets it go"


def _upgrade(db: sqlite3.Connection) -> None:
    """From version 1. Whole or not at all; of two processes that open the file at once, one does it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        if db.execute("PRAGMA user_version").fetchone()[0] == 1:
            for statement in FROM_VERSION_1:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _withdraw_escalation(db: sqlite3.Connection, alert: int) -> None:
    """Cancels escalations of alerts that were acknowledged."""
    db.execute(
        f"DELETE FROM outbox WHERE alert = ? AND (key LIKE '{ESCALATION}-%' OR key LIKE '{STEP}-%')"
        " AND state IN ('waiting', 'held')",
        (alert,),
    )


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))
