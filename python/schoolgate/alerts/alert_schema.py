"""The tables of alerts.db. A change raises SCHEMA_VERSION and adds what brings a file of the version before there."""

from __future__ import annotations

SCHEMA_VERSION = 2
# From version 1: questions are counted apart from findings, repeats fulfil no count, alerts can be held.
FROM_VERSION_1 = (
    "ALTER TABLE hits ADD COLUMN questions INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE hits ADD COLUMN is_repeat INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE alerts ADD COLUMN questions INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE alerts ADD COLUMN hold TEXT",
)

SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS findings (
    identity TEXT PRIMARY KEY, seen_at TEXT NOT NULL, at_us INTEGER NOT NULL, detector TEXT NOT NULL,
    severity TEXT NOT NULL, category TEXT, segment TEXT NOT NULL, client TEXT NOT NULL, sentence TEXT NOT NULL,
    names TEXT NOT NULL, evidence TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS findings_by_time ON findings (seen_at);
CREATE TABLE IF NOT EXISTS hits (
    rule TEXT NOT NULL, segment TEXT NOT NULL, client TEXT NOT NULL, at_us INTEGER NOT NULL, finding TEXT NOT NULL,
    questions INTEGER NOT NULL DEFAULT 1, is_repeat INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (rule, segment, client, at_us, finding)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, urgency TEXT NOT NULL, severity TEXT NOT NULL,
    detector TEXT NOT NULL, category TEXT, segment TEXT NOT NULL, client TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('new', 'acknowledged', 'closed')),
    opened_at TEXT NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, count INTEGER NOT NULL,
    sentence TEXT NOT NULL, names TEXT NOT NULL, evidence TEXT NOT NULL, outcome TEXT, escalated_at TEXT,
    questions INTEGER NOT NULL DEFAULT 0, hold TEXT
);
CREATE INDEX IF NOT EXISTS alerts_by_subject ON alerts (rule, segment, client, last_us);
CREATE INDEX IF NOT EXISTS alerts_by_state ON alerts (state, opened_at);
CREATE TABLE IF NOT EXISTS history (
    id INTEGER PRIMARY KEY AUTOINCREMENT, alert INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    at TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, note TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS history_by_alert ON history (alert);
CREATE TRIGGER IF NOT EXISTS history_only_grows BEFORE UPDATE ON history
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TABLE IF NOT EXISTS outbox (
    key TEXT PRIMARY KEY, alert INTEGER REFERENCES alerts (id) ON DELETE SET NULL, recipient TEXT NOT NULL,
    urgency TEXT NOT NULL, message TEXT NOT NULL, state TEXT NOT NULL
        CHECK (state IN ('waiting', 'sent', 'held', 'summarised', 'dead')),
    made_at TEXT NOT NULL, not_before TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, sent_at TEXT, error TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (state, not_before);
CREATE INDEX IF NOT EXISTS outbox_sent ON outbox (recipient, sent_at);
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""
