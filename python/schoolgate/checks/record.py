"""What the checks found, kept in the state directory: the last result of each whole, and a history of numbers.

Read by `status`, reports and metrics. A file that cannot be read is as good as none: a check must never stop a service.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import orjson

from schoolgate.storage.atomic_file import write_whole

Check = Literal["reachability", "safesearch", "restore", "segments", "drift"]
# Two years of daily checks; a person who checks every minute must not fill the disk.
MOST_HISTORY = 800
# Read by the running service: a result is a few kilobytes, a history some hundred; what is larger is not ours.
MOST_OCTETS = 1 << 20
# Several summaries long.
_TAIL_OCTETS = 4096
# Checks are daily: after this long three have been missed.
OLD_AFTER = dt.timedelta(days=3)
# Segments are checked each hour: after this long several have been missed.
SEGMENTS_OLD_AFTER = dt.timedelta(hours=6)


class CheckRecord:
    """The files in `<state>/checks`."""

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / "checks"

    def keep(self, check: Check, whole: dict[str, Any], summary: dict[str, Any] | None = None) -> None:
        """Keeps a result; `summary` is added to the history. Raises `OSError`."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone():
            write_whole(self._last(check), orjson.dumps(whole, option=orjson.OPT_INDENT_2))
            if summary is not None:
                rows = [*self.history(check), summary][-MOST_HISTORY:]
                write_whole(self._history(check), b"".join(orjson.dumps(row) + b"\n" for row in rows))

    def last(self, check: Check) -> dict[str, Any] | None:
        """The last result; None when there is none that can be read."""
        found = _loads(_read(self._last(check)))
        return found if isinstance(found, dict) else None

    def history(self, check: Check) -> list[dict[str, Any]]:
        """The summaries, oldest first; lines that cannot be read are left out."""
        rows = (_loads(line) for line in _read(self._history(check)).splitlines()[-MOST_HISTORY:])
        return [row for row in rows if isinstance(row, dict)]

    def newest(self, check: Check) -> dict[str, Any] | None:
        """The newest summary. The running service asks for it often, so only the end of the file is read."""
        for line in reversed(_read(self._history(check), most=_TAIL_OCTETS, from_end=True).splitlines()):
            row = _loads(line)
            if isinstance(row, dict):
                return row
        return None

    def _last(self, check: Check) -> Path:
        return self.folder / f"{check}.json"

    def _history(self, check: Check) -> Path:
        return self.folder / f"{check}-history.jsonl"

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """A person's check and the daily one must not lose each other's line."""
        descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def check_summary(state_dir: Path, now: dt.datetime) -> dict[str, Any]:
    """The numbers of the last checks, with their ages; nothing of a check that has not run here."""
    record = CheckRecord(state_dir)
    latest: dict[str, Any] = {}
    for check, result in (("reachability", record.newest("reachability")), ("safesearch", record.last("safesearch"))):
        at = None if result is None else moment_of(result)
        if result is not None and at is not None:
            numbers = {key: value for key, value in result.items() if isinstance(value, (int, float))}
            latest[check] = numbers | {"at": result["at"], "age_s": max(0, int((now - at).total_seconds()))}
    return latest


def check_problems(state_dir: Path, now: dt.datetime) -> list[str]:
    """What `status` asks an administrator to look at. Nothing when no check has run here yet."""
    record = CheckRecord(state_dir)
    found: list[str] = []
    safesearch = record.last("safesearch")
    if safesearch is not None:
        found += _old("SafeSearch", "safesearch", safesearch, now) or [
            str(one) for one in safesearch.get("sentences", [])
        ]
    reachability = record.newest("reachability")
    if reachability is not None:
        found += _old("Reachability", "reachability", reachability, now) or _over_blocked(reachability)
    return [*found, *_segments(record.last("segments"), now), *_drift(record.last("drift"))]


def _segments(result: dict[str, Any] | None, now: dt.datetime) -> list[str]:
    if result is None:
        return []
    at = moment_of(result)
    if at is None or now - at > SEGMENTS_OLD_AFTER:
        return [
            "the networks were last checked from inside more than six hours ago; does `schoolgate control` run?"
            " Check now: `schoolgate check run`"
        ]
    wrong = [one["segment"] for one in result.get("networks", ()) if one.get("state") == "failed"]
    if not wrong:
        return []
    names = ", ".join(dict.fromkeys(map(str, wrong)))
    return [f"the check from inside fails for {names}; look at `schoolgate check run`"]


def _drift(result: dict[str, Any] | None) -> list[str]:
    changed = [str(one) for one in (result or {}).get("changed", ())]
    if not changed:
        return []
    return [f"changed outside an operation: {', '.join(changed)}; look at `schoolgate check drift`"]


def _old(title: str, command: str, result: dict[str, Any], now: dt.datetime) -> list[str]:
    at = moment_of(result)
    if at is not None and now - at <= OLD_AFTER:
        return []
    since = "an unknown day" if at is None else f"{at:%d %B %Y}"
    return [f"{title} was last checked on {since}; is the monitor running? Check now: `schoolgate check {command}`"]


def _over_blocked(result: dict[str, Any]) -> list[str]:
    names = result.get("over_blocked_names", 0)
    if not names:
        return []
    what = "name that must be open is" if names == 1 else "names that must be open are"
    return [f"{names} {what} closed under some policy; look at `schoolgate check reachability`"]


def moment_of(result: dict[str, Any]) -> dt.datetime | None:
    """When a result was found; None where it does not say."""
    try:
        at = dt.datetime.fromisoformat(str(result.get("at")))
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)


def _read(path: Path, *, most: int = MOST_OCTETS, from_end: bool = False) -> bytes:
    try:
        with path.open("rb") as file:
            if from_end:
                file.seek(max(0, os.fstat(file.fileno()).st_size - most))
            return file.read(most)
    except OSError:
        return b""


def _loads(octets: bytes) -> Any:
    with contextlib.suppress(orjson.JSONDecodeError):
        return orjson.loads(octets)
    return None
