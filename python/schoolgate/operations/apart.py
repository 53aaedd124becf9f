"""Runs a task in a process of its own (update_process.py), so that its memory ends with it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import Any

import orjson

from schoolgate.errors import SchoolgateError
from schoolgate.operations.errors import OperationProblem
from schoolgate.operations.work import Progress, Work


class TaskRefused(OperationProblem):
    """The process did not do it; the message and the exit code are its own. `kind`: the type of its error."""

    def __init__(self, message: str, kind: str, exit_code: int) -> None:
        super().__init__(message)
        self.kind = kind
        self.exit_code = exit_code


class TaskEnded(SchoolgateError):
    """The process ended before it was done."""


def do_apart(work: Work, task: str, **asked: Any) -> Any:
    """What the task returns; its steps are said as progress. Raises `TaskRefused`, `TaskEnded`."""
    config = None if work.config is None else str(work.config)
    line = orjson.dumps({"task": task, "config": config, **asked}) + b"\n"
    command = (sys.executable, "-m", "schoolgate.operations.update_process")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            # One that ended at once reads nothing; what it left unsaid is said below.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(line)
                process.stdin.flush()
            for answer in map(orjson.loads, process.stdout):
                if "event" not in answer:
                    return _outcome(answer)
                work.say(_progress(answer["event"]))
        finally:
            # It ends with its standard input, whatever it is at.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
    raise TaskEnded(f"{task}: the process ended ({process.returncode}) before it was done; what is in force stays")


def _outcome(answer: dict[str, Any]) -> Any:
    if (refused := answer.get("refused")) is not None:
        raise TaskRefused(refused["message"], refused["type"], refused["exit_code"])
    return answer["done"]


def _progress(event: dict[str, Any]) -> Progress:
    """Octets of a feed, or a step."""
    feed, step, text = event["feed"], event["step"], event["text"]
    sentence = ": ".join(one for one in (feed, step if feed or not text else None, text) if one)
    return Progress(sentence, event["octets"], event["total"] or 0, subject=feed, step=step)
