"""How many questions of each network have a device, and what to do where few have. It names no device."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from schoolgate.identity.attribution import Attribution
from schoolgate.operations.log.log_rows import MOST_ROWS_A_PAGE, LogFilters, opened
from schoolgate.operations.registry import looks
from schoolgate.operations.work import Work
from schoolgate.querylog import Row

HOURS = 24
# Of the newest rows alone, so that it takes no longer in a year.
MOST_PAGES = 4
# Below this part, something is missing rather than away.
ENOUGH = 0.9


@dataclass(frozen=True)
class SegmentAttributed:
    """Rows of one network; `with_device`: of these, so many were of a known device. `advice`: what to do, or ""."""

    segment: str
    rows: int
    with_device: int
    advice: str


@dataclass(frozen=True)
class Attributed:
    """By network, in order of name. `is_cut`: of the newest rows alone. `is_wanted`: whether a source is set."""

    is_wanted: bool
    segments: tuple[SegmentAttributed, ...]
    is_cut: bool
    problems: tuple[str, ...]


@looks("device.attributed")
def attributed(work: Work) -> Attributed:
    """How many questions of the last 24 hours have a device, by network. Raises `LogProblem`."""
    if not work.settings.identity.sources:
        return Attributed(False, (), False, ())
    rows: list[Row] = []
    problems: dict[str, None] = {}
    cursor: str | None = None
    with opened(work) as log:
        query = LogFilters(since=work.now - dt.timedelta(hours=HOURS)).query(None)
        for _ in range(MOST_PAGES):
            page = log.search(query, most=MOST_ROWS_A_PAGE, after=cursor)
            rows += page.rows
            problems |= dict.fromkeys(page.problems)
            cursor = page.cursor
            if cursor is None:
                break
    # Rows without a client were only counted.
    rows = [one for one in rows if one.client]
    attribution = Attribution.existing(work.settings.server.state_dir)
    if attribution is None:
        return Attributed(True, tuple(_counted(rows, {})), cursor is not None, tuple(problems))
    with attribution:
        since_us = work.now_us - HOURS * 3600 * 1_000_000
        spans = attribution.spans_of_clients({one.client for one in rows}, since_us, work.now_us)
    times = {client: [(one.since_us, one.until_us) for one in some] for client, some in spans.items()}
    return Attributed(True, tuple(_counted(rows, times)), cursor is not None, tuple(problems))


def _counted(rows: Iterable[Row], times: dict[str, list[tuple[int, int]]]) -> Iterable[SegmentAttributed]:
    counts: Counter[str] = Counter()
    known: Counter[str] = Counter()
    for row in rows:
        at_us = int(row.time.timestamp() * 1_000_000)
        counts[row.segment] += 1
        if any(since_us <= at_us < until_us for since_us, until_us in times.get(row.client, ())):
            known[row.segment] += 1
    for segment, count in sorted(counts.items()):
        yield SegmentAttributed(segment, count, known[segment], _advice(count, known[segment]))


def _advice(rows: int, known: int) -> str:
    if known >= ENOUGH * rows:
        return ""
    if known:
        return (
            "add the lease file of each DHCP server of this network to [identity], and for IPv6 the neighbours of the"
            " kernel; look for devices with fixed addresses"
        )
    return "no source of [identity] knows this network: add the lease file of its DHCP server"
