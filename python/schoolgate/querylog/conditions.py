"""From filters to the WHERE of a search. Every value is a bound parameter: what a pupil asked for, or a person typed,
is never part of the SQL text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schoolgate.querylog.log_query import PSEUDONYM, Query, microseconds

# The columns of filters that take one of several values.
_ONE_OF = {
    "segment": "segments",
    "policy": "policies",
    "category": "categories",
    "action": "actions",
    "layer": "layers",
    "source": "sources",
    "qtype": "qtypes",
}


@dataclass
class Conditions:
    """Terms joined by AND, and their parameters in order."""

    terms: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, term: str, *values: Any) -> None:
        self.terms.append(term)
        self.values += values

    def one_of(self, column: str, values: Sequence[Any]) -> None:
        if values:
            self.add(f"{column} IN ({', '.join('?' * len(values))})", *values)

    @property
    def text(self) -> str:
        return " AND ".join(self.terms) or "true"


def conditions_of(query: Query, clients: Sequence[str]) -> Conditions:
    """`clients`: the texts under which the log knows the client asked for."""
    found = Conditions()
    between(found, query)
    found.one_of("client", clients)
    if query.pseudonyms:
        found.add("starts_with(client, ?)", PSEUDONYM)
    for column, name in _ONE_OF.items():
        found.one_of(column, getattr(query, name))
    if query.name is not None:
        _name(found, query.name, query)
    if query.own_checks != "with":
        _own_checks(found, query.own or {}, is_only=query.own_checks == "only")
    return found


def between(found: Conditions, query: Query) -> None:
    """The time of a query."""
    if query.since is not None:
        found.add("time >= make_timestamptz(?)", microseconds(query.since))
    if query.until is not None:
        found.add("time < make_timestamptz(?)", microseconds(query.until))


def _name(found: Conditions, name: str, query: Query) -> None:
    if query.match == "contains":
        found.add("contains(qname, ?)", name)
    elif query.match == "exact":
        found.add("qname = ?", name)
    elif name != ".":  # everything is below the root
        found.add("(qname = ? OR ends_with(qname, ?))", name, f".{name}")


def _own_checks(found: Conditions, own: Mapping[str, Any], *, is_only: bool) -> None:
    """Rows that a check made, alone or left out. The client stands first: few rows are of an address of ours."""
    if not own:
        if is_only:
            found.add("false")
        return
    minutes: Mapping[str, Sequence[int]] = own["minutes"]
    of_client = "(client = ? AND list_contains(?::BIGINT[], epoch_us(time) // 60000000))"
    term = (
        f"(client IN ({', '.join('?' * len(minutes))}) AND list_contains(?::VARCHAR[], qname)"
        f" AND ({' OR '.join([of_client] * len(minutes))}))"
    )
    values: list[Any] = [*minutes, own["names"]]
    for client, some in minutes.items():
        values += [client, list(some)]
    found.add(term if is_only else f"NOT {term}", *values)
