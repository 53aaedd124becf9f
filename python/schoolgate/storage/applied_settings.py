"""The settings that were last in force, kept in the state directory: what a start falls back on when the file of today
cannot be used, and what a file is compared with that may have been cut short."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from schoolgate.config import ConfigInvalid, Settings, parse, read_text
from schoolgate.config.load import default_state_dir
from schoolgate.config.lost_sections import lost_sections
from schoolgate.storage.checked_file import CheckedFileDamaged, read_checked, write_checked

FILE = "applied-settings.json"
_KIND = "applied-settings"
# In a file that is no TOML any more, where its state directory is.
_STATE_DIR = re.compile(r"""^\s*(?:server\.)?state_dir\s*=\s*(["'])(.+?)\1""", re.MULTILINE)
ACCEPT = "schoolgate reload --accept"


@dataclass(frozen=True)
class AppliedSettings:
    """The text of a settings file as it was applied at `at` (UTC). `config` is its path; None: there was no file."""

    config: str | None
    text: str
    at: dt.datetime


@dataclass(frozen=True)
class FoundSettings:
    """Settings to use, and the text they come from. `problem` says why that is not the text of the file."""

    settings: Settings
    text: str
    problem: str | None = None


def read_applied(state_dir: Path) -> AppliedSettings | None:
    """What was applied last, where that is known."""
    try:
        fields = read_checked(state_dir / FILE, _KIND)
        return AppliedSettings(fields["config"], str(fields["text"]), dt.datetime.fromisoformat(fields["at"]))
    except (OSError, CheckedFileDamaged, KeyError, TypeError, ValueError):
        return None


def write_applied(state_dir: Path, config: Path | None, text: str, now: dt.datetime) -> None:
    """Keeps what is in force now; the same text again is not written. Raises `OSError`."""
    path = _label(config)
    known = read_applied(state_dir)
    if known is None or (known.config, known.text) != (path, text):
        fields = {"config": path, "text": text, "at": now.isoformat(timespec="seconds")}
        write_checked(state_dir / FILE, _KIND, fields)


def find_settings(config: Path | None, environ: Mapping[str, str] | None = None) -> FoundSettings:
    """The settings of the file; those that were applied last where the file cannot be read, has a mistake, or lost
    sections. Raises `ConfigInvalid` where there is nothing to fall back on."""
    variables = os.environ if environ is None else environ
    text, settings, wrong = "", None, None
    try:
        text = read_text(config) if config is not None else ""
        settings = _parsed(text, config, variables)
    except ConfigInvalid as error:
        wrong = error
    applied = next(_applied_before(config, text, settings, variables), None)
    if applied is None:
        if wrong is not None:
            raise wrong
        assert settings is not None
        return FoundSettings(settings, text)
    if wrong is None and settings is not None:
        gone = lost_sections(applied.text, text)
        if not gone:
            return FoundSettings(settings, text)
        reason = f"{_name(config)} no longer says {', '.join(gone)}"
        remedy = f"restore it, or accept that with `{ACCEPT}`"
    else:
        reason, remedy = str(wrong), "mend that, then run `schoolgate reload`"
    return fall_back(applied, reason, remedy, variables, wrong)


def fall_back_from(found: FoundSettings, config: Path | None, error: Exception) -> FoundSettings | None:
    """Where what the file's settings name cannot be used: what was applied last, unless that is the same or unknown."""
    applied = read_applied(found.settings.server.state_dir)
    if applied is None or applied.config != _label(config) or applied.text == found.text:
        return None
    last = fall_back(applied, str(error), "mend that, then run `schoolgate reload`", os.environ, None)
    return last if last.settings.server.state_dir == found.settings.server.state_dir else None


def fall_back(
    applied: AppliedSettings, reason: str, remedy: str, environ: Mapping[str, str], wrong: ConfigInvalid | None
) -> FoundSettings:
    """The applied settings. Raises `wrong` where not even they can be used."""
    config = Path(applied.config) if applied.config is not None else None
    try:
        settings = _parsed(applied.text, config, environ)
    except ConfigInvalid as error:
        raise (wrong or error) from error
    problem = f"{reason}; the settings applied on {applied.at:%d %B %Y %H:%M} UTC are in force: {remedy}"
    return FoundSettings(settings, applied.text, problem)


def _parsed(text: str, config: Path | None, environ: Mapping[str, str]) -> Settings:
    folder = config.absolute().parent if config is not None else None
    return parse(text, _name(config), folder=folder, environ=environ)


def _applied_before(
    config: Path | None, text: str, settings: Settings | None, environ: Mapping[str, str]
) -> Iterator[AppliedSettings]:
    """What was applied from this file; without a file, from any. A file that lost its beginning, or is no TOML, may not
    say where its state is."""
    for state_dir in dict.fromkeys(_state_dirs(config, text, settings, environ)):
        applied = read_applied(state_dir)
        if applied is not None and (config is None or applied.config == _label(config)):
            yield applied


def _state_dirs(
    config: Path | None, text: str, settings: Settings | None, environ: Mapping[str, str]
) -> Iterator[Path]:
    if settings is not None:
        yield settings.server.state_dir
    elif config is not None and (found := _STATE_DIR.search(text)) is not None:
        yield config.absolute().parent / Path(found.group(2)).expanduser()
    yield default_state_dir(environ)


def _label(config: Path | None) -> str | None:
    return str(config.absolute()) if config is not None else None


def _name(config: Path | None) -> str:
    return str(config) if config is not None else "the settings file"
