"""What is still to be sent. A message stays until its recipient's server has taken it, or is laid among the dead
letters.

Delivered at least once: the attempt is written down before it is made, so that after a crash the repeat says it is one.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from schoolgate.alerts.alert import stamp
from schoolgate.alerts.alert_store import ESCALATION, STEP, AlertStore
from schoolgate.alerts.messages import Message, summary

# Seconds after the first, second ... failed attempt; then the dead letters. In all about a day: a mail server that is
# mended over night is still reached, and an urgent alert is tried three times within its minute.
RETRY_AFTER_S = (5, 15, 30, 120, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 28_800)
# More a person does not read; a flood of one rule must not bury the next thing that happens.
MOST_AN_HOUR = 20
# Urgent ones have room of their own above that. What is about no alert (a report, a summary) is not counted: in a
# flood it is what a person reads.
MOST_URGENT_AN_HOUR = 60
HOUR = dt.timedelta(hours=1)
# A summary with urgent ones among those it speaks of does not wait for the hour.
URGENT_SUMMARY_AFTER = dt.timedelta(minutes=5)
# Delivered messages say what a person did: they go when they are no longer needed against repeats.
SENT_KEPT = dt.timedelta(days=14)
# Kept waiting at most; a rule with many recipients and no mail server must not fill the disk.
MOST_WAITING = 50_000


@dataclass(frozen=True)
class Due:
    """A message to send now. `attempt` counts from 1."""

    recipient: str
    message: Message
    attempt: int


@dataclass(frozen=True)
class Addressed:
    """A message of an alert that has not arrived."""

    key: str
    alert: int
    recipient: str
    message: Message
    not_before: dt.datetime
    attempts: int

    @property
    def is_escalation(self) -> bool:
        return self.key.startswith(f"{ESCALATION}-")


class Outbox:
    """The table of messages in the file of alerts."""

    def __init__(self, store: AlertStore) -> None:
        self._store = store

    def put(
        self, db: sqlite3.Connection, recipients: Sequence[str], message: Message, now: dt.datetime,
        not_before: dt.datetime | None = None, alert: int | None = None,
    ) -> None:  # fmt: skip
        """One for each recipient, within the caller's transaction. The same key again is the same message."""
        waiting = db.execute("SELECT count(*) FROM outbox WHERE state = 'waiting'").fetchone()[0]
        if alert is not None and waiting >= MOST_WAITING:
            return
        for recipient in dict.fromkeys(recipients):
            db.execute(
                "INSERT OR IGNORE INTO outbox (key, alert, recipient, urgency, message, state, made_at, not_before)"
                " VALUES (?, ?, ?, ?, ?, 'waiting', ?, ?)",
                (
                    f"{message.key}/{recipient}", alert, recipient, message.urgency,
                    orjson.dumps(asdict(message)).decode(), stamp(now), stamp(not_before or now),
                ),
            )  # fmt: skip

    def addressed(self, db: sqlite3.Connection) -> list[Addressed]:
        """Messages of alerts that are still to be sent, or were given up; without those of [escalation], whose
        recipients no rule names."""
        rows = db.execute(
            "SELECT key, alert, recipient, message, not_before, attempts FROM outbox"
            f" WHERE alert IS NOT NULL AND key NOT LIKE '{STEP}-%' AND state IN ('waiting', 'held', 'dead')"
            " ORDER BY made_at, key"
        ).fetchall()
        return [
            Addressed(
                row["key"], row["alert"], row["recipient"], Message(**orjson.loads(row["message"])),
                dt.datetime.fromisoformat(row["not_before"]), row["attempts"],
            )
            for row in rows
        ]  # fmt: skip

    def move(self, db: sqlite3.Connection, one: Addressed, recipients: Sequence[str], now: dt.datetime) -> None:
        """To other recipients, as a first attempt. One that has the message already gets no second."""
        db.execute("DELETE FROM outbox WHERE key = ?", (one.key,))
        # It waits for the end of quiet hours, never for the next attempt at the recipient that is gone.
        self.put(db, recipients, one.message, now, now if one.attempts else max(now, one.not_before), one.alert)

    def due(self, now: dt.datetime, most: int) -> list[Due]:
        """Urgent ones first. What is beyond a recipient's rate is held for the summary. Each one given out counts as an
        attempt from here on."""
        found: list[Due] = []
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT * FROM outbox WHERE state = 'waiting' AND not_before <= ?"
                " ORDER BY urgency = 'urgent' DESC, not_before, alert LIMIT ?",
                (stamp(now), most),
            ).fetchall()
            given: Counter[tuple[str, str]] = Counter()
            for row in rows:
                recipient, attempts = row["recipient"], int(row["attempts"])
                is_counted, kind = row["alert"] is not None, (recipient, row["urgency"])
                if is_counted and attempts == 0 and self._is_too_many(db, row, given[kind], now):
                    db.execute("UPDATE outbox SET state = 'held' WHERE key = ?", (row["key"],))
                    continue
                given[kind] += is_counted
                again = now + dt.timedelta(seconds=RETRY_AFTER_S[min(attempts, len(RETRY_AFTER_S) - 1)])
                db.execute(
                    "UPDATE outbox SET attempts = ?, not_before = ? WHERE key = ?",
                    (attempts + 1, stamp(again), row["key"]),
                )
                message = Message(**{**orjson.loads(row["message"]), "key": row["key"]})
                found.append(Due(recipient, message, attempts + 1))
        return found

    def _is_too_many(self, db: sqlite3.Connection, row: sqlite3.Row, given: int, now: dt.datetime) -> bool:
        sent = db.execute(
            "SELECT count(*) FROM outbox WHERE recipient = ? AND sent_at > ? AND urgency = ? AND alert IS NOT NULL",
            (row["recipient"], stamp(now - HOUR), row["urgency"]),
        ).fetchone()[0]
        most = MOST_URGENT_AN_HOUR if row["urgency"] == "urgent" else MOST_AN_HOUR
        return int(sent) + given >= most

    def sent(self, due: Due, now: dt.datetime) -> None:
        with self._store.transaction() as db:
            db.execute(
                "UPDATE outbox SET state = 'sent', sent_at = ?, error = NULL WHERE key = ?",
                (stamp(now), due.message.key),
            )

    def failed(self, due: Due, error: str, is_final: bool) -> bool:
        """Whether it is now a dead letter."""
        is_dead = is_final or due.attempt > len(RETRY_AFTER_S)
        with self._store.transaction() as db:
            db.execute(
                "UPDATE outbox SET error = ?, state = ? WHERE key = ?",
                (error[:500], "dead" if is_dead else "waiting", due.message.key),
            )
        return is_dead

    def summarise(self, now: dt.datetime) -> int:
        """For each recipient whose time has come: one message that says how many were held. Returns how many were
        made."""
        made = 0
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT recipient, count(*) AS held, sum(urgency = 'urgent') AS urgent, min(made_at) AS first,"
                " min(made_at) FILTER (WHERE urgency = 'urgent') AS first_urgent"
                " FROM outbox WHERE state = 'held' GROUP BY recipient"
            ).fetchall()
            for row in rows:
                is_soon = row["first_urgent"] is not None and row["first_urgent"] <= stamp(now - URGENT_SUMMARY_AFTER)
                if not is_soon and row["first"] > stamp(now - HOUR):
                    continue
                message = summary(row["recipient"], f"summary/{stamp(now)}", row["held"], row["urgent"], now)
                db.execute(
                    "UPDATE outbox SET state = 'summarised' WHERE state = 'held' AND recipient = ?", (row["recipient"],)
                )
                self.put(db, [row["recipient"]], message, now)
                made += 1
        return made

    def forget_before(self, oldest: dt.datetime) -> None:
        with self._store.transaction() as db:
            db.execute(
                "DELETE FROM outbox WHERE state IN ('sent', 'summarised', 'dead') AND made_at < ?", (stamp(oldest),)
            )

    def undelivered(self, most: int = 1000) -> list[dict[str, Any]]:
        """Dead letters and those that have failed so far, newest first."""
        with self._store.transaction() as db:
            found = db.execute(
                "SELECT key, alert, recipient, urgency, state, made_at, not_before, attempts, error FROM outbox"
                " WHERE state = 'dead' OR (state = 'waiting' AND error IS NOT NULL) ORDER BY made_at DESC LIMIT ?",
                (most,),
            ).fetchall()
        return [dict(row) for row in found]

    def counts(self) -> dict[str, int]:
        with self._store.transaction() as db:
            found = db.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall()
        return {row[0]: int(row[1]) for row in found}
