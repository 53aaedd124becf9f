"""Reading schoolgate.toml, or starting with no file at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from schoolgate.config.problems import ConfigInvalid, Problem
from schoolgate.config.reading import parse_toml, read
from schoolgate.config.service_user import user_to_be
from schoolgate.config.settings import Settings, problems_across
from schoolgate.config.shipped import shipped_lists

# A settings file is a page or two; more is the wrong file.
LARGEST_FILE_OCTETS = 4 * 1024 * 1024


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of `path`, or the defaults. Raises `ConfigInvalid` with every problem of the file."""
    if path is None:
        return parse("", "defaults", environ=environ)
    return parse(read_text(path), str(path), folder=path.absolute().parent, environ=environ)


def parse(text: str, file: str, folder: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings written in `text`. `folder` is where relative paths start."""
    raw, problems = parse_toml(text, file)
    if problems:
        raise ConfigInvalid(problems)
    variables = os.environ if environ is None else environ
    context = {"folder": folder, "state_dir": default_state_dir(variables), "lists_dir": shipped_lists()}
    reading = read(Settings, raw, file, context)
    settings = reading.value
    problems = reading.with_checks(problems_across(settings, file) if settings else ())
    if settings is None or problems:
        raise ConfigInvalid(problems)
    return settings


def default_state_dir(environ: Mapping[str, str]) -> Path:
    """Where state lives when the file does not say."""
    if environ.get("SCHOOLGATE_STATE_DIR"):
        return Path(environ["SCHOOLGATE_STATE_DIR"]).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/schoolgate")
    return Path(environ.get("HOME") or Path.home()) / ".local" / "state" / "schoolgate"


def config_label(config: Path | None) -> str:
    """How messages name the settings file."""
    return str(config) if config is not None else "defaults"


def read_text(path: Path) -> str:
    """The text of a file a person wrote; raises `ConfigInvalid` that says why it cannot be read."""
    try:
        if path.stat().st_size > LARGEST_FILE_OCTETS:
            raise ConfigInvalid([Problem(str(path), "", "is too large for a settings file", "check the path")])
        return path.read_text(encoding="utf-8")
    except PermissionError as error:
        raise ConfigInvalid([Problem(str(path), "", "cannot be read: permission denied", user_to_be(path))]) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        problem = Problem(str(path), "", f"cannot be read: {reason}", "check the path and rights")
        raise ConfigInvalid([problem]) from error
    except UnicodeDecodeError as error:
        raise ConfigInvalid([Problem(str(path), "", "is not UTF-8 text", "save the file as UTF-8")]) from error
