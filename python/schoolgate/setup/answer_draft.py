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


def fitting(given: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The answers of a draft for who goes on with them: a group that is missing, or has not the form of one, is as in
    `known`. What was mistyped stays."""
    made: dict[str, Any] = dict(known)
    for name in known.keys() & given.keys():
        fit = _FORMS.get(name, _as_known)(given[name], known[name])
        made[name] = known[name] if fit is None else fit
    return made


def _as_known(value: Any, known: Any) -> Any:
    if isinstance(known, dict):
        is_group = isinstance(value, dict) and all(isinstance(one, str | int) for one in value.values())
        return {**known, **{key: value[key] for key in known.keys() & value.keys()}} if is_group else None
    if isinstance(known, list):
        return value if _are_texts(value) else None
    return value if isinstance(value, type(known)) else None


def _as_segments(value: Any, _: Any) -> Any:
    if not isinstance(value, dict):
        return None
    made = {}
    for name, one in value.items():
        if not isinstance(one, dict) or not isinstance(one.get("policy"), str):
            return None
        lists = {key: one.get(key, []) for key in ("networks", "asked")}
        if not all(map(_are_texts, lists.values())):
            return None
        made[str(name)] = {"policy": one["policy"], **lists}
    return made


def _as_accounts(value: Any, _: Any) -> Any:
    empty = {"login": "", "display_name": "", "mail": "", "role": "network_manager"}
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        return None
    made = [{key: one.get(key, default) for key, default in empty.items()} for one in value]
    return made if all(_are_texts(list(one.values())) for one in made) else None


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


_FORMS = {"segments": _as_segments, "accounts": _as_accounts}


def _path(state_dir: Path) -> Path:
    return folder_of(state_dir) / "draft.json"
