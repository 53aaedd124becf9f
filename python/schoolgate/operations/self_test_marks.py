"""Rows of the query log that the self-test of the sealed lists made, marked as such before a person sees them.

A row of a sealed name holds no name, so without the mark it would say of a device that it asked for illegal content.
The monitor tells them apart, to the microsecond; what it has not read yet is not marked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from schoolgate.querylog import Row
from schoolgate.querylog.log_query import SELF_TEST_RULE
from schoolgate.reports.self_tests import self_test_rows


def marked(state_dir: Path, rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows in their order."""
    times = [row.time for row in rows if row.layer == "sealed"]
    if not times:
        return tuple(rows)
    found = self_test_rows(state_dir, min(times), max(times) + dt.timedelta(milliseconds=1))
    tests = {(one.at, one.segment, one.client) for one in found}
    return tuple(
        replace(row, rule=SELF_TEST_RULE) if (row.time, row.segment, row.client) in tests else row for row in rows
    )
