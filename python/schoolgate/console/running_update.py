"""An update of the lists that was begun here: how far each feed is, for the pages that show it.

The control process does it; where this process ends before it, only the view is lost.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from schoolgate.console.screen import CLIENT, Page
from schoolgate.errors import SchoolgateError

# Steps that stand for a feed that is done with.
_ENDED: Final = frozenset({"changed", "unchanged", "failed", "held", "not due"})


@dataclass
class RunningUpdate:
    """`steps`: the latest of each subject, "" is the whole. `result` or `error` once it has ended."""

    begun: dt.datetime
    steps: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    result: Mapping[str, Any] | None = None
    error: str | None = None
    task: asyncio.Task[None] | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it is over, well or not."""
        return self.result is not None or self.error is not None

    @property
    def feeds(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The latest step of each feed, those at work first."""
        named = [(name, step) for name, step in self.steps.items() if name]
        return sorted(named, key=lambda one: (one[1].get("step") in _ENDED, one[0]))

    @property
    def ended_feeds(self) -> int:
        """How many feeds are done with."""
        return sum(step.get("step") in _ENDED for name, step in self.steps.items() if name)

    def say(self, said: Mapping[str, Any]) -> None:
        """Keeps what the control process says; diagnostics come with the result."""
        if "sentence" in said and "severity" not in said:
            self.steps[str(said.get("subject") or "")] = said


class Updates:
    """The one that runs, or ran last, in this process."""

    def __init__(self) -> None:
        self.last: RunningUpdate | None = None

    def begin(self, page: Page, arguments: Mapping[str, Any]) -> RunningUpdate:
        """Begins one in the name of who asks; while one runs it is that one."""
        if self.last is not None and not self.last.has_ended:
            return self.last
        self.last = one = RunningUpdate(dt.datetime.now(dt.UTC))
        one.task = asyncio.get_running_loop().create_task(_run(one, page, arguments))
        return one

    async def close(self) -> None:
        """Waits for no update: the control process ends it."""
        if self.last is not None and self.last.task is not None:
            self.last.task.cancel()
            await asyncio.gather(self.last.task, return_exceptions=True)


UPDATES: Final = web.AppKey("updates", Updates)


def keep_updates(app: web.Application) -> None:
    """Gives an application its place for them."""
    app[UPDATES] = Updates()
    app.on_cleanup.append(_close)


async def _close(app: web.Application) -> None:
    await app[UPDATES].close()


async def _run(one: RunningUpdate, page: Page, arguments: Mapping[str, Any]) -> None:
    client = page.request.app[CLIENT]
    try:
        one.result = await client.call(page.viewer.caller, "lists.update", arguments, one.say)
    except SchoolgateError as error:
        one.error = str(error)
    except BaseException:
        one.error = "The update was begun and its end is not known here; the history below has it once it has ended."
        raise
