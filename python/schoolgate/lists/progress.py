"""What an update tells while it works: for a terminal, a log, or a console that shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Step = Literal[
    "fetching", "reading", "changed", "unchanged", "held", "failed", "not due", "compiling", "proving", "publishing",
    "published", "same", "pinned",
]  # fmt: skip


@dataclass(frozen=True)
class Event:
    """One step. `feed` is None for steps that concern all; octets and total (None: not said) while fetching."""

    step: Step
    feed: str | None = None
    octets: int = 0
    total: int | None = None
    text: str = ""


Tell = Callable[[Event], None]
