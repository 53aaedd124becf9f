"""A client that was busy asks nothing more, while the others of its segment go on: it may have left by another way.

When several go quiet together a class has closed its devices, the bell has rung, or the network is down: that is no
finding about a client. Nor is it one on a day without pupils, when a device is switched off for good.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from schoolgate._core import LogRow
from schoolgate.alerts.findings import Finding
from schoolgate.monitoring.bounded_states import BoundedStates
from schoolgate.monitoring.rows import US
from schoolgate.policy.monitoring import Silence
from schoolgate.policy.school_calendar import SchoolCalendar

MOST_CLIENTS = 20_000
BIN_S = 300
# Of a segment, in the same five minutes. Two pupils may share a hotspot; more are a lesson that ends.
MOST_TOGETHER = 2


@dataclass(slots=True)
class _Pulse:
    """Questions in each bin of five minutes (bin number -> count), the newest few."""

    segment: str = ""
    bins: dict[str, int] = field(default_factory=dict)
    told_bin: int = 0


class SilentClients:
    """Looks once a bin, when the bin is over."""

    name = "silence"

    def __init__(
        self,
        settings: Silence,
        zone: ZoneInfo | None = None,
        calendar: Callable[[], SchoolCalendar] = SchoolCalendar,
    ) -> None:
        self._settings = settings
        self._zone = zone or ZoneInfo("UTC")
        self._calendar = calendar
        self._busy_bins = max(1, -(-settings.busy_minutes * 60 // BIN_S))
        self._quiet_bins = max(1, -(-settings.quiet_minutes * 60 // BIN_S))
        self._looked = 0
        self._clients: BoundedStates[_Pulse] = BoundedStates(_Pulse, MOST_CLIENTS)

    def feed(self, rows: Iterable[LogRow]) -> Iterator[Finding]:
        for row in rows:
            pulse = self._clients.of(row.client)
            pulse.segment = row.segment
            here = str(row.time_s // BIN_S)
            if here not in pulse.bins:
                pulse.bins[here] = 0
                self._trim(pulse)
            pulse.bins[here] += 1
        return iter(())

    def _trim(self, pulse: _Pulse) -> None:
        if len(pulse.bins) > self._busy_bins + self._quiet_bins + 1:
            pulse.bins.pop(min(pulse.bins, key=int))

    def look(self, now_s: int) -> Iterator[Finding]:
        over = now_s // BIN_S  # this bin goes on; those below it are over
        if over == self._looked:
            return
        self._looked = over
        quiet = range(over - self._quiet_bins, over)
        busy = range(quiet.start - self._busy_bins, quiet.start)
        was_busy: Counter[str] = Counter()
        talking: Counter[str] = Counter()
        gone: list[tuple[str, _Pulse]] = []
        for client, pulse in self._clients.items():
            is_busy = all(pulse.bins.get(str(one), 0) >= self._settings.busy_queries for one in busy)
            is_quiet = not any(pulse.bins.get(str(one), 0) for one in quiet)
            was_busy[pulse.segment] += is_busy
            talking[pulse.segment] += any(pulse.bins.get(str(one), 0) for one in (quiet[-1], over))
            if is_busy and is_quiet and pulse.told_bin < busy.start:
                gone.append((client, pulse))
            if int(max(pulse.bins, key=int, default="0")) < busy.start:
                self._clients.drop(client)
        if self._calendar().is_closed(dt.datetime.fromtimestamp(now_s, self._zone).date()):
            return
        went = Counter(pulse.segment for _, pulse in gone)
        for client, pulse in gone:
            share = went[pulse.segment] / max(1, was_busy[pulse.segment])
            is_alone = went[pulse.segment] == 1 or share <= self._settings.most_share
            if (
                went[pulse.segment] <= MOST_TOGETHER
                and is_alone
                and talking[pulse.segment] >= self._settings.least_others
            ):
                pulse.told_bin = over
                yield self._finding(client, pulse, over, talking[pulse.segment])

    def _finding(self, client: str, pulse: _Pulse, over: int, others: int) -> Finding:
        minutes = self._quiet_bins * BIN_S // 60
        return Finding(
            self.name, "notice", pulse.segment, client, over * BIN_S * US, self._quiet_bins * BIN_S,
            f"A device that was busy has asked nothing for {minutes} minutes while {others} others of its network went"
            " on. It may be switched off, or use another way to the internet.",
            evidence={"quiet_minutes": minutes, "others": others},
        )  # fmt: skip

    def saved(self) -> Any:
        return {"looked": self._looked, "clients": self._clients.saved()}

    def load(self, saved: Any) -> None:
        self._looked = int(saved["looked"])
        self._clients.load(saved["clients"])
