"""The command `schoolgate`, also as `python -m schoolgate`.

A server that starts again is waited for by a whole school: `serve` and `run`, written as a service manager writes them,
begin without the parser of all the commands. Every other line, and each that has a mistake in it, is the parser's.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from schoolgate.errors import SchoolgateError

# The state directory is for this user alone.
UMASK = 0o077
# As the parser has it: what a program ends with that was interrupted (128 and the number of SIGINT).
INTERRUPTED = 130

_OPTIONS = {"--config": "config", "-c": "config", "--log-level": "log_level"}


class PlainStart(NamedTuple):
    """A line that needs no parser."""

    command: str
    config: Path | None
    log_level: str


def main() -> None:
    """The entry point: what a person can act on is printed as it is, with its exit code; wrong usage has code 2."""
    os.umask(UMASK)
    try:
        _obey(sys.argv[1:])
    except SchoolgateError as error:
        print(_on_school_clock(str(error)), file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # `schoolgate ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        print(_refusal(error), file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _on_school_clock(text: str) -> str:
    if " UTC" not in text:  # else the policy is read, for its time zone
        return text
    from schoolgate.cli.commands.school_time import on_school_clock

    return on_school_clock(text)


def _refusal(error: OSError) -> str:
    """What the machine refuses, with what to do next: one sentence for all commands."""
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes)) else None
    if path is None:
        return f"{error.strerror or error}; look at the service's log and at `schoolgate status`"
    if isinstance(error, PermissionError):
        from schoolgate.config.service_user import denied

        return denied(path)
    return f"{path}: {error.strerror or error}; check the path, rights and space"


def _obey(arguments: Sequence[str]) -> None:
    plain = plain_start(arguments, os.environ)
    if plain is None:
        from schoolgate.cli.application import app

        app()
        return
    # What a start makes stays, so there is nothing to collect yet; the service begins with it when it is ready.
    gc.disable()
    from schoolgate.cli.commands import serve as service

    begin = service.run if plain.command == "run" else service.serve
    begin(plain.config, plain.log_level)


def plain_start(arguments: Sequence[str], environ: Mapping[str, str]) -> PlainStart | None:
    """What the parser would make of these arguments; None where that takes the parser."""
    if not arguments or len(arguments) % 2 == 0:
        return None
    command, *rest = arguments
    given = {_OPTIONS.get(option): value for option, value in zip(rest[::2], rest[1::2], strict=True)}
    config = given.get("config", environ.get("SCHOOLGATE_CONFIG") or None)
    log_level = given.get("log_level", "info")
    if command not in ("run", "serve") or None in given or not _is_known(log_level) or not _is_readable(config):
        return None
    return PlainStart(command, _config(config), log_level)


def _is_known(level: str) -> bool:
    from schoolgate.telemetry import LEVELS

    return level in LEVELS


def _is_readable(config: str | None) -> bool:
    try:
        return config is None or (Path(config).is_file() and os.access(config, os.R_OK))
    except OSError:  # a directory on the way is closed to us, or the name is too long
        return False


def _config(given: str | None) -> Path | None:
    from schoolgate.cli.commands.config_file import config_path

    return config_path(Path(given) if given is not None else None)


if __name__ == "__main__":
    main()
