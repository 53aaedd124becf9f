"""Filters of a search that nothing can match: a misspelt segment is an error, not an empty answer.

What a policy or a list had once is in the log still, so a value that the log holds is known too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from schoolgate.config.problems import did_you_mean
from schoolgate.querylog.log import QueryLog
from schoolgate.querylog.log_query import BadQuery, Query

# Fields of a query that take one of known values, as people name one of them.
NAMED = {"segments": "segment", "policies": "policy", "categories": "category", "layers": "layer"}


def refuse_unknown(log: QueryLog, query: Query, known: Mapping[str, Collection[str]]) -> None:
    """Raises `BadQuery` with a suggestion for each value that is neither in `known` nor in the log. `known`: by the
    field of the query; a field that is missing there is not looked at."""
    problems: list[str] = []
    for field, word in NAMED.items():
        for value in getattr(query, field) if field in known else ():
            if value and value not in known[field] and not _is_in_log(log, field, value):
                problems.append(f"there is no {word} {value}; {did_you_mean(value, known[field])}")
    if problems:
        raise BadQuery("\n".join(problems))


def _is_in_log(log: QueryLog, field: str, value: str) -> bool:
    only: dict[str, Any] = {field: (value,)}
    return bool(log.search(replace(Query(), **only), most=1).rows)
