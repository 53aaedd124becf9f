"""How an event is written: a line for a person, or one JSON object a line."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import orjson

from schoolgate.telemetry.alone import structlog

if TYPE_CHECKING:
    from structlog.types import EventDict, Processor, WrappedLogger


def formatter(for_people: bool) -> logging.Formatter:
    """For a handler of `logging`."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            # First: what the record says of itself stands.
            _add_fields,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if for_people else "iso", utc=not for_people),
        ],
        processors=[_without_record, *_shown(for_people)],
    )


def _shown(for_people: bool) -> list[Processor]:
    if for_people:
        return [structlog.dev.ConsoleRenderer()]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]


def _add_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """What `Logger` was given by name; records of other loggers have nothing."""
    event.update(getattr(event["_record"], "fields", {}))
    return event


def _without_record(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """structlog's own bookkeeping is not for readers."""
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(_logger, _method, event)


def _json(event: EventDict, **_: object) -> str:
    return orjson.dumps(event, default=str).decode()
