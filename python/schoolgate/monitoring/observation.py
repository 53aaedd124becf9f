"""The blocking half of the monitor: reads the log, feeds the detectors, stores what they find, remembers how far it
came.

Counters and positions are one file. After SIGKILL the last few seconds are read again *with the counters of that
moment*, so that nothing is counted twice or missed; a finding made again has the same identity, and no alert is sent
twice.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import orjson

from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import AlertRules
from schoolgate.monitoring.detectors import Watch
from schoolgate.monitoring.follow import CLASSES, Follower, Position, ReadRows
from schoolgate.storage.atomic_file import PRIVATE, write_whole

STATE_VERSION = 1
# Rows of one step: some tens of milliseconds of Python, so that positions are saved and jobs run in between.
MOST_ROWS = 2_000
# After SIGKILL so much is read again.
SAVE_EVERY_S = 10
# With nothing read since. A school at night wears out no disk.
SAVE_IDLE_EVERY_S = 300
LOOK_EVERY_S = 10
SAVE_FILTER_EVERY_S = 600
# What was written before this many seconds ago has been brought to the file: the server does so each second.
SETTLED_AFTER_S = 3
# While alerts cannot be stored, so many findings wait; reading stops rather than that one is lost.
MOST_WAITING = 10_000
LARGEST_STATE_OCTETS = 256 * 1024 * 1024


class Observation:
    """`step(now)` from one thread at a time."""

    def __init__(self, log_dir: Path, own_dir: Path, read: ReadRows, store: AlertStore, outbox: Outbox) -> None:
        self._own_dir = own_dir
        self._store = store
        self._outbox = outbox
        self._saved_state = _read_state(own_dir / "state.json")
        self.followers = {
            class_: Follower(log_dir / "wal", class_, read, _position(self._saved_state, class_)) for class_ in CLASSES
        }
        self._saved_positions = {class_: one.position for class_, one in self.followers.items()}
        self._watch: Watch
        self.alert_rules: AlertRules
        self.problems: list[str] = []
        self.rows_read = dict.fromkeys(CLASSES, 0)
        self.findings = 0
        self.newest_us = 0
        self._waiting: list[Finding] = []
        self._unsaved = 0
        self._last: dict[str, dt.datetime] = {}

    def install(self, watch: Watch, alert_rules: AlertRules) -> None:
        """New thresholds and rules; what was counted goes on."""
        first = not hasattr(self, "_watch")
        saved = self._saved_state.get("detectors", {}) if first else orjson.loads(orjson.dumps(self._watch.saved()))
        if first:
            watch.first_uses.seen.load(self._filter_path)
        else:
            watch.first_uses.seen = self._watch.first_uses.seen
        unusable = watch.load(saved)
        if first and saved and len(watch.first_uses.seen) == 0:
            watch.first_uses.learn_again()
        self.problems = [f"monitoring: what {name} had counted could not be used; it begins anew" for name in unusable]
        self._watch, self.alert_rules = watch, alert_rules

    # -- a step ---------------------------------------------------------------------------------------------------

    def step(self, now: dt.datetime) -> int:
        """Reads what is new and stores what it means; returns the number of rows. Raises `AlertsUnavailable` when
        findings cannot be stored: they wait, and nothing further is read when many do."""
        read = 0
        if len(self._waiting) < MOST_WAITING:
            for class_, follower in self.followers.items():
                passed_over = follower.passed_over
                rows = follower.step(MOST_ROWS)
                if rows and follower.passed_over > passed_over:
                    self._watch.missed_before(rows[0].time_s)
                self._waiting += self._watch.feed(rows)
                self.rows_read[class_] += len(rows)
                self.newest_us = max(self.newest_us, rows[-1].time_us if rows else 0)
                read += len(rows)
            if self.is_at_end and self._is_due("look", now, LOOK_EVERY_S):
                self._waiting += self._watch.look(int(now.timestamp()) - SETTLED_AFTER_S)
        self._store_findings(now)
        self._unsaved += read
        if self._is_due("save", now, SAVE_EVERY_S if self._unsaved else SAVE_IDLE_EVERY_S):
            self.save(now)
        return read

    def report(self, finding: Finding, now: dt.datetime) -> None:
        """A finding from elsewhere."""
        self.alert_rules.apply([finding], self._store, self._outbox, now)
        self.findings += 1

    def _store_findings(self, now: dt.datetime) -> None:
        if self._waiting:
            self.findings += self.alert_rules.apply(self._waiting, self._store, self._outbox, now)
            self._waiting = []

    @property
    def is_at_end(self) -> bool:
        return all(one.is_at_end for one in self.followers.values())

    def lag_s(self, now: dt.datetime) -> float:
        """How old the newest row is that was read, while there are more; 0 at the end of the log."""
        if self.is_at_end or not self.newest_us:
            return 0.0
        return max(0.0, now.timestamp() - self.newest_us / 1e6)

    def what_is_wrong(self) -> list[str]:
        """For `status`."""
        defects = sorted(self._watch.defects.items())
        return self.problems + [
            f"detector {name} has a defect and may miss something: {what}" for name, what in defects
        ]

    def noise_removed(self) -> int:
        return self._watch.sieve.removed

    # -- what survives --------------------------------------------------------------------------------------------

    def is_read(self, class_: str, number: int) -> bool:
        position = self._saved_positions.get(class_)
        return position is not None and position.number > number

    def save(self, now: dt.datetime) -> None:
        """Counters and positions, whole. Raises `OSError`; then the older ones stay."""
        if self._waiting:  # what is not stored must be read again after a crash
            return
        self._own_dir.mkdir(mode=0o700, exist_ok=True)
        seen = self._watch.first_uses.seen
        if seen.wants_saving or self._is_due("filter", now, SAVE_FILTER_EVERY_S):
            image, count = seen.image()
            write_whole(self._filter_path, image, PRIVATE)
            seen.forget(count)
        positions = {class_: one.position for class_, one in self.followers.items()}
        written = {
            "version": STATE_VERSION,
            "positions": positions,
            "detectors": self._watch.saved(),
        }
        write_whole(self._own_dir / "state.json", orjson.dumps(written), PRIVATE)
        write_whole(self._own_dir / "positions.json", orjson.dumps(positions), PRIVATE)
        self._saved_positions = positions
        self._unsaved = 0

    @property
    def _filter_path(self) -> Path:
        return self._own_dir / "seen-domains.bloom"

    def _is_due(self, what: str, now: dt.datetime, every_s: float) -> bool:
        last = self._last.get(what)
        if last is not None and 0 <= (now - last).total_seconds() < every_s:
            return False
        self._last[what] = now
        return True


def _read_state(path: Path) -> dict[str, Any]:
    """What was saved; nothing when there is none, or when it is damaged or of another version."""
    try:
        if path.stat().st_size > LARGEST_STATE_OCTETS:
            return {}
        found = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) and found.get("version") == STATE_VERSION else {}


def _position(state: dict[str, Any], class_: str) -> Position:
    try:
        return Position(**state["positions"][class_])
    except (KeyError, TypeError):
        return Position()
