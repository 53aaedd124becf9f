"""The detectors' row is a view of the log's: the same columns in the same order, the moment as a number."""

from __future__ import annotations

from schoolgate._core import LogRow
from schoolgate.querylog.log_query import COLUMNS


def test_a_row_has_the_columns_of_the_log_in_their_order() -> None:
    assert ("time", *LogRow.__match_args__[1:]) == COLUMNS
