"""Logs go to standard error: lines for a person on a terminal, JSON for everything else.

Never a client's address with a name: who asked for what is the query log's, under its own rules.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TextIO

import orjson

from schoolgate.telemetry.alone import structlog

if TYPE_CHECKING:
    from structlog.types import EventDict, Processor, WrappedLogger

LEVELS = ("debug", "info", "warning", "error")


def configure_logs(level: str = "info", stream: TextIO | None = None) -> None:
    """Sets up logging of the whole process, also of modules that use `logging` itself."""
    out = sys.stderr if stream is None else stream
    for_people = out.isatty()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if for_people else "iso", utc=not for_people),
    ]
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[_without_record, *_shown(for_people)])
    )
    root = logging.getLogger()
    root.handlers = [handler]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    set_level(level)


def set_level(level: str) -> None:
    """`level` is one of `LEVELS`."""
    logging.getLogger().setLevel(level.upper())


def _shown(for_people: bool) -> list[Processor]:
    if for_people:
        return [structlog.dev.ConsoleRenderer()]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]


def _without_record(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """structlog's own bookkeeping is nobody's business."""
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(_logger, _method, event)


def _json(event: EventDict, **_: object) -> str:
    return orjson.dumps(event, default=str).decode()
