"""Failed and refused attempts on the audit log, in transactions of their own, bounded under a flood.

The first attempt of an actor at an operation in a minute is an entry at once. Further ones of that minute are counted,
and become one entry with their number. So 10,000 refused requests cost two entries, and a process that is killed
loses no more than the count of the current minute.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from schoolgate.audit.event import Event, Outcome
from schoolgate.audit.own_entries import ATTEMPTS
from schoolgate.storage.audit_log import append
from schoolgate.storage.store import Store

MINUTE_US = 60_000_000
# Actors and operations told apart in one minute: an attacker invents names without end.
MOST_KINDS = 1024
# Stands for all actors beyond that.
OTHERS = "others"


@dataclass
class _Count:
    first_us: int
    last_us: int
    more: int = 0


class Attempts:
    """Counts attempts of the current minute. One for each process; call `flush` each minute and before closing."""

    def __init__(self, store: Store, most_kinds: int = MOST_KINDS) -> None:
        self._store = store
        self._most_kinds = most_kinds
        self._minute = 0
        self._counts: dict[tuple[str, str, str, Outcome], _Count] = {}

    async def record(self, event: Event) -> None:
        """Records an attempt that was refused or failed. Raises what `Store.change` raises."""
        # Those under way at once come mixed about a full minute, and a clock may go back: neither begins a minute anew.
        if event.at_us // MINUTE_US > self._minute:
            await self.flush()
            self._minute = event.at_us // MINUTE_US
        key = (event.actor, event.operation, event.scope, event.outcome)
        if key not in self._counts and len(self._counts) >= self._most_kinds:
            is_bounded = len(self._counts) < 2 * self._most_kinds
            key = (OTHERS, event.operation if is_bounded else OTHERS, "", event.outcome)
        known = self._counts.get(key)
        if known is not None:
            known.more += 1
            known.last_us = max(known.last_us, event.at_us)
            return
        # Counted before it is written: a second attempt may come while this one waits for the lock.
        self._counts[key] = _Count(event.at_us, event.at_us)
        try:
            async with self._store.change() as change:
                await append(change, replace(event, actor=key[0], operation=key[1], scope=key[2]))
        except BaseException:
            count = self._counts[key]
            count.more += 1  # not written, so the count has it
            raise

    async def flush(self) -> None:
        """Writes one entry for each kind of attempt that came more than once. Counts stay where that fails."""
        counts, self._counts = self._counts, {}
        repeated = {key: count for key, count in counts.items() if count.more}
        if not repeated:
            return
        try:
            async with self._store.change() as change:
                for (actor, operation, scope, outcome), count in repeated.items():
                    detail = {
                        "operation": operation,
                        "count": count.more,
                        "first_us": count.first_us,
                        "last_us": count.last_us,
                    }
                    await append(change, Event(count.last_us, actor, ATTEMPTS, scope, outcome, detail))
        except BaseException:
            for key, count in repeated.items():
                self._counts.setdefault(key, _Count(count.first_us, count.last_us)).more += count.more
            raise
