"""Logs: JSON for programs, lines for people, the same events from both kinds of loggers."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import orjson
import pytest

from schoolgate.telemetry import Logger, configure_logs, set_level


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level


def test_an_event_is_one_json_object_a_line() -> None:
    out = io.StringIO()
    configure_logs(stream=out)
    Logger("schoolgate").info("ready", listening="127.0.0.1:5300")
    event = orjson.loads(out.getvalue())
    assert (event["event"], event["listening"], event["level"]) == ("ready", "127.0.0.1:5300", "info")
    assert event["timestamp"].endswith("Z")


def test_modules_that_use_logging_itself_come_out_alike() -> None:
    out = io.StringIO()
    configure_logs(stream=out)
    logging.getLogger("schoolgate.resolver").warning("%d forwarders are down", 2)
    event = orjson.loads(out.getvalue())
    assert (event["event"], event["level"], event["logger"]) == (
        "2 forwarders are down",
        "warning",
        "schoolgate.resolver",
    )


def test_what_belongs_to_an_event_may_have_any_name() -> None:
    """Also those that `logging` has for itself."""
    out = io.StringIO()
    configure_logs(stream=out)
    Logger("schoolgate").warning("odd", name="one", message="two", args="three", module=4)
    event = orjson.loads(out.getvalue())
    assert [event[name] for name in ("name", "message", "args", "module")] == ["one", "two", "three", 4]


def test_a_defect_given_to_an_event_is_logged_with_its_traceback() -> None:
    out = io.StringIO()
    configure_logs(stream=out)
    try:
        raise RuntimeError("broken")
    except RuntimeError as error:
        defect = error
    Logger("schoolgate").error("a task ended", exc_info=defect)
    assert "RuntimeError: broken" in orjson.loads(out.getvalue())["exception"]


def test_a_person_gets_lines() -> None:
    out = Terminal()
    configure_logs(stream=out)
    Logger("schoolgate").info("ready")
    assert "ready" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_the_level_can_change_while_running() -> None:
    out = io.StringIO()
    configure_logs("warning", stream=out)
    log = Logger("schoolgate")
    log.info("quiet")
    set_level("info")
    log.info("loud")
    assert [orjson.loads(line)["event"] for line in out.getvalue().splitlines()] == ["loud"]


def test_a_defect_is_logged_with_its_traceback() -> None:
    out = io.StringIO()
    configure_logs(stream=out)
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        logging.getLogger("schoolgate").exception("a defect")
    assert "RuntimeError: broken" in orjson.loads(out.getvalue())["exception"]


def test_what_a_record_says_of_itself_stands() -> None:
    out = io.StringIO()
    configure_logs(stream=out)
    Logger("schoolgate").info("level set", level="debug", logger="monitor")
    event = orjson.loads(out.getvalue())
    assert (event["level"], event["logger"]) == ("info", "schoolgate")
