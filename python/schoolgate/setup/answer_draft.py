"""The answers so far, kept until they are applied, so that a setup goes on where it was left: in the terminal or in the
browser, in either order. One draft an installation; its file is the owner's alone, and nothing reads it but a setup."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schoolgate.setup.settings_placing import folder_of
from schoolgate.storage.atomic_file import PRIVATE, write_whole

LARGEST_OCTETS = 512 * 1024


@dataclass(frozen=True)
class AnswerDraft:
    """`answers`: as they were given, so not checked. `step`: the group that comes next. `at`: when, UTC."""

    answers: Mapping[str, Any]
    step: str
    at: dt.datetime


def read_draft(state_dir: Path) -> AnswerDraft | None:
    """The draft; None where there is none, or where it cannot be read: then the questions begin anew."""
    try:
        raw = json.loads(_path(state_dir).read_text(encoding="utf-8"))
        return AnswerDraft(dict(raw["answers"]), str(raw["step"]), dt.datetime.fromisoformat(raw["at"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def keep_draft(state_dir: Path, answers: Mapping[str, Any], step: str, now: dt.datetime) -> None:
    """Replaces the draft. Raises `OSError`, and `ValueError` for one that no person has typed."""
    text = json.dumps({"answers": dict(answers), "step": step, "at": now.isoformat()})
    if len(text) > LARGEST_OCTETS:
        raise ValueError(f"the answers have more than {LARGEST_OCTETS} octets")
    write_whole(_path(state_dir), text.encode(), PRIVATE)


def forget_draft(state_dir: Path) -> None:
    """Removes it: its answers are applied."""
    _path(state_dir).unlink(missing_ok=True)


def _path(state_dir: Path) -> Path:
    return folder_of(state_dir) / "draft.json"
