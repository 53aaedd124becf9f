"""Tells reports what is due, by a file: kinds and times, and nothing that a person wrote."""

from __future__ import annotations

import asyncio
from pathlib import Path

from schoolgate.governance.due_calendar import dues_before, words_of
from schoolgate.governance.due_file import DueLine, write_dues
from schoolgate.governance.plain_form import DAY_US
from schoolgate.storage.store import Store

# A report of a term is made from it, at the latest when the next change is written.
AHEAD_DAYS = 120


async def write_due_lines(store: Store, state_dir: Path, now_us: int) -> None:
    """Writes the file anew where it changed. Raises `OSError`, a `StoreProblem`."""
    async with store.reading() as connection:
        found = await dues_before(connection, store.site_id, now_us + AHEAD_DAYS * DAY_US)
    lines = [DueLine(words_of(one.kind), one.due_us) for one in found]
    await asyncio.to_thread(write_dues, state_dir, lines)
