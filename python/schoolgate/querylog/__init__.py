"""The query log: who asked what, kept for a while and found in seconds.

The server writes it and never reads it; everything here runs in other processes, and stopping it stops no answer.
"""

from schoolgate.querylog.log import QueryLog
from schoolgate.querylog.log_query import (
    Asked,
    AskedNames,
    BadCursor,
    BadQuery,
    Bucket,
    LogProblem,
    Page,
    Query,
    Row,
    SearchFailed,
    SearchTooLarge,
    SearchTooLong,
    SegmentName,
    Top,
    Totals,
)

__all__ = [
    "Asked",
    "AskedNames",
    "BadCursor",
    "BadQuery",
    "Bucket",
    "LogProblem",
    "Page",
    "Query",
    "QueryLog",
    "Row",
    "SearchFailed",
    "SearchTooLarge",
    "SearchTooLong",
    "SegmentName",
    "Top",
    "Totals",
]
