"""Logs go to standard error: lines for a person on a terminal, JSON for everything else.

Never a client's address with a name: who asked for what is the query log's, under its own rules.
"""

from __future__ import annotations

import logging
import sys
from functools import cached_property
from typing import TextIO

LEVELS = ("debug", "info", "warning", "error")


class Logger:
    """Takes events of one part of the program: a few words, and what belongs to them by name."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def info(self, event: str, **fields: object) -> None:
        self._take(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._take(logging.WARNING, event, fields)

    def error(self, event: str, *, exc_info: BaseException | None = None, **fields: object) -> None:
        self._take(logging.ERROR, event, fields, exc_info)

    def _take(self, level: int, event: str, fields: dict[str, object], exc_info: BaseException | None = None) -> None:
        self._logger.log(level, event, exc_info=exc_info, extra={"fields": fields})


def configure_logs(level: str = "info", stream: TextIO | None = None) -> None:
    """Sets up logging of the whole process, also of modules that use `logging` itself."""
    out = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(out)
    handler.setFormatter(_Formatter(out.isatty()))
    logging.getLogger().handlers = [handler]
    set_level(level)


def set_level(level: str) -> None:
    """`level` is one of `LEVELS`."""
    logging.getLogger().setLevel(level.upper())


class _Formatter(logging.Formatter):
    """What turns events into text is loaded with the first of them: until then the server has better things to do."""

    def __init__(self, for_people: bool) -> None:
        super().__init__()
        self._for_people = for_people

    @cached_property
    def _loaded(self) -> logging.Formatter:
        from schoolgate.telemetry.rendering import formatter

        return formatter(self._for_people)

    def format(self, record: logging.LogRecord) -> str:
        return self._loaded.format(record)
