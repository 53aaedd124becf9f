"""When each supplier's feed was last asked, and why that failed, if it did: for `status` and for people."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import orjson

from schoolgate.storage.atomic_file import write_whole


def record_try(state_dir: Path, supplier: str, now: dt.datetime, failure: str | None) -> None:
    """Keeps the outcome of the latest try."""
    tries = read_tries(state_dir)
    tries[supplier] = {"at": now.isoformat(timespec="seconds"), "failure": failure}
    write_whole(_path(state_dir), orjson.dumps(tries))


def read_tries(state_dir: Path) -> dict[str, dict[str, Any]]:
    """By supplier: `at` and `failure`."""
    try:
        tries: dict[str, dict[str, Any]] = orjson.loads(_path(state_dir).read_bytes())
    except (OSError, ValueError):
        return {}
    return tries if isinstance(tries, dict) else {}


def failing_feeds(state_dir: Path) -> list[str]:
    """What an operator should look at."""
    failed = ((supplier, one) for supplier, one in sorted(read_tries(state_dir).items()) if one["failure"] is not None)
    return [f"sealed list of {supplier} not renewed on {one['at'][:10]}: {one['failure']}" for supplier, one in failed]


def _path(state_dir: Path) -> Path:
    return state_dir / "sealed" / "feeds.json"
