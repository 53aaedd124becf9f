"""How the monitor is, for those in other processes: `schoolgate status`, metrics."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import orjson

# It writes every few seconds; a machine under load skips some.
UNSEEN_S = 60


def path_of(state_dir: Path) -> Path:
    return state_dir / "monitor" / "status.json"


def read(state_dir: Path) -> dict[str, Any] | None:
    """None where no monitor ever ran, or what it wrote cannot be read."""
    try:
        found = orjson.loads(path_of(state_dir).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return found if isinstance(found, dict) else None


def section(state_dir: Path, now: dt.datetime) -> dict[str, Any] | None:
    """For `status`: what it wrote, with its age."""
    report = read(state_dir)
    return None if report is None else report | {"age_s": _age_s(report, now)}


def problems(report: dict[str, Any] | None, is_wanted: bool) -> list[str]:
    """What an operator should look at. `is_wanted`: a query log is written, so a monitor should follow it."""
    if report is None:
        return ["nothing watches the query log; start `schoolgate monitor`"] if is_wanted else []
    if report["age_s"] is None or report["age_s"] > UNSEEN_S:
        return [f"the monitor was last seen {_ago(report['age_s'])}; start `schoolgate monitor`"] if is_wanted else []
    return [str(one) for one in report.get("problems", [])]


def _age_s(report: dict[str, Any], now: dt.datetime) -> int | None:
    try:
        return max(0, round((now - dt.datetime.fromisoformat(report["alive_at"])).total_seconds()))
    except (KeyError, ValueError, TypeError):
        return None


def _ago(age_s: int | None) -> str:
    if age_s is None:
        return "at an unknown time"
    return f"{age_s} s ago" if age_s < 600 else f"{age_s // 60} minutes ago"
