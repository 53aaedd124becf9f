"""What one asks of the query log, and what comes back. Plain values: they cross to the worker process as JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Literal

from schoolgate._core import LogRow
from schoolgate.errors import SchoolgateError
from schoolgate.querylog.layout import Class

Match = Literal["exact", "suffix", "contains"]
# Rows of the hourly checks of this server, which no device asked.
OwnRows = Literal["with", "without", "only"]
TopOf = Literal["names", "domains", "categories", "clients", "segments", "rules", "layers"]
BucketBy = Literal["hour", "day", "segment", "action", "layer", "category", "source"]
# Actions that kept something from a client.
DENIALS = ("deny", "deny-revealed")
# How the text of a client begins that is a pseudonym.
PSEUDONYM = "p-"
# In place of a name that is not kept, and of one that was only counted.
WITHHELD, COUNTED = "(withheld)", ""
# The rule of a row that the self-test of the sealed lists made, once the monitor knows it from those of devices.
SELF_TEST_RULE = "self-test of the sealed lists; no device asked"
# That of a row that an hourly check made.
OWN_CHECK_RULE = "hourly check of this server; no device asked"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


class LogProblem(SchoolgateError):
    """The query log could not answer; the message says why and what to do."""


class BadQuery(LogProblem):
    """A filter makes no sense."""


class BadCursor(LogProblem):
    """A page was asked for by a cursor that no search gave."""


class RowsUnderLostKeys(LogProblem):
    """Rows that may be a client's, and that no key tells."""

    exit_code = 3


class SearchTooLong(LogProblem):
    """A search did not end in its time."""


class SearchTooLarge(LogProblem):
    """A search needed more memory than it may have."""


class SearchFailed(LogProblem):
    """A search failed for another reason."""


@dataclass(frozen=True)
class Query:
    """Which rows. Fields together mean "and", the values of one field "or"; `until` itself is outside."""

    since: dt.datetime | None = None
    until: dt.datetime | None = None
    client: str | None = None
    segments: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    name: str | None = None
    match: Match = "suffix"
    categories: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    class_: Class | None = None
    qtypes: tuple[int, ...] = ()
    # Only rows of clients that are kept as pseudonyms.
    pseudonyms: bool = False
    own_checks: OwnRows = "with"
    # Which rows these are, as `CheckRows.between` gives it; `QueryLog` knows it.
    own: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One answered query, as the server recorded it. `time` is UTC; a client may be an address or a pseudonym."""

    time: dt.datetime
    client: str
    segment: str
    policy: str
    policy_serial: int
    door: str
    qname: str
    qname_asked: str | None
    qtype: int
    rcode: int
    action: str
    layer: str
    category: str | None
    rule: str | None
    snapshot_serial: int
    source: str
    latency_us: int
    cname: str | None
    device: str | None
    user: str | None
    class_: str


# As the columns are named in Parquet, and ordered in `LogRow`.
COLUMNS = tuple(field.name for field in fields(Row))[:-1]
_log_values = attrgetter(*LogRow.__match_args__)


@dataclass(frozen=True)
class Page:
    """Rows, newest first. `cursor` gets the next page; None: there is none. `problems`: what could not be read."""

    rows: tuple[Row, ...]
    cursor: str | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Top:
    """How many rows have a value, and how many of them were denied."""

    value: str
    rows: int
    denied: int


@dataclass(frozen=True)
class Totals:
    """Sums over rows. Clients and names are counted once each; rows that were only counted name neither."""

    rows: int
    denied: int
    clients: int
    names: int


@dataclass(frozen=True)
class HourOfRows:
    """Rows of one action in one hour of UTC, and when the first and the last of them came."""

    hour: dt.datetime
    action: str
    rows: int
    first: dt.datetime
    last: dt.datetime


@dataclass(frozen=True)
class Bucket:
    """A sum of a rollup; `key` is in the order that was asked for. Hours and days are UTC."""

    key: tuple[dt.datetime | str | None, ...]
    rows: int


@dataclass(frozen=True)
class Asked:
    """A name that was asked for, itself or something below it."""

    name: str
    rows: int
    newest: dt.datetime


@dataclass(frozen=True, slots=True)
class SegmentName:
    """A name that a segment asked for: so many rows, so many devices (none where the log keeps no clients)."""

    segment: str
    name: str
    rows: int
    devices: int


@dataclass(frozen=True)
class AskedNames:
    """Names by segment, those with most rows first. `all_names` and `all_rows` count those too that are left out."""

    names: tuple[SegmentName, ...]
    all_names: int
    all_rows: int


def microseconds(moment: dt.datetime) -> int:
    """Since 1970; exact, which a float is not."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(time_us: int) -> dt.datetime:
    """The moment of so many microseconds since 1970."""
    return _EPOCH + time_us * _MICROSECOND


def row_of(values: Sequence[Any], class_: str) -> Row:
    """A row from the values of a search, in the order of the columns, the time in microseconds."""
    fields: tuple[Any, ...] = (moment_of(values[0]), *values[1:], class_)
    return Row(*fields)


def row_of_log(row: LogRow, class_: str) -> Row:
    """A row from one of a write-ahead file."""
    return row_of(_log_values(row), class_)
