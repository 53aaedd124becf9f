"""Rows of the query log that this server made itself, marked as such before a person sees them: those of the
self-test of the sealed lists, and those of the hourly checks.

A row of a sealed name holds no name, so without the mark it would say of a device that it asked for illegal content.
The monitor tells them apart, to the microsecond; what it has not read yet is not marked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from schoolgate.querylog import Row
from schoolgate.querylog.check_rows import check_rows
from schoolgate.querylog.log_query import OWN_CHECK_RULE, SELF_TEST_RULE, microseconds
from schoolgate.reports.self_tests import self_test_rows


def marked(state_dir: Path, rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows in their order."""
    own = check_rows(state_dir)
    rows = [
        replace(row, rule=OWN_CHECK_RULE) if own.has(row.client, row.qname, microseconds(row.time)) else row
        for row in rows
    ]
    times = [row.time for row in rows if row.layer == "sealed"]
    if not times:
        return tuple(rows)
    found = self_test_rows(state_dir, min(times), max(times) + dt.timedelta(milliseconds=1))
    tests = {(one.at, one.segment, one.client) for one in found}
    return tuple(
        replace(row, rule=SELF_TEST_RULE) if (row.time, row.segment, row.client) in tests else row for row in rows
    )
