"""The search against a filter in plain Python, over rows that nobody would think of."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.stand_in.query_log import NOON, row, same, wal, write_rows, write_wals

from schoolgate.querylog import Query, QueryLog, Row
from schoolgate.querylog.check_rows import CheckRows
from schoolgate.querylog.tail import matches

# SQL, terminal escapes, formulas, wildcards: all of them just names.
NAMES = [
    "example.org", "www.example.org", "a.www.example.org", "notexample.org", "example.com", "", "(withheld)", ".",
    "x' OR 1=1 --.example.net", '"; DROP TABLE rows; --', "=cmd|calc.example.net", "\\027[31mred.example.net",
    "100%_.example.net", "{?}.example.net",
]  # fmt: skip
CLIENTS = ["192.0.2.1", "192.0.2.2", "2001:db8::5", ""]
names = st.sampled_from(NAMES)
few = st.sampled_from([0, 0, 1, 60, 3600, 86_399, 86_400, 3 * 86_400])
rows = st.lists(
    st.builds(
        row,
        time=st.builds(lambda s, us: NOON - dt.timedelta(seconds=s, microseconds=us), few, st.integers(0, 2)),
        client=st.sampled_from(CLIENTS),
        segment=st.sampled_from(["pupils", "staff", ""]),
        policy=st.sampled_from(["pupil", "staff"]),
        qname=names,
        qtype=st.sampled_from([1, 28, 65]),
        action=st.sampled_from(["allow", "deny", "deny-revealed"]),
        layer=st.sampled_from(["allow", "categories", "sealed"]),
        category=st.sampled_from([None, "games", "gambling"]),
        source=st.sampled_from(["cache", "policy"]),
        class_=st.sampled_from(["ordinary", "safeguarding"]),
    ),
    max_size=60,
)  # fmt: skip


def some(*values: object) -> st.SearchStrategy[tuple[object, ...]]:
    return st.one_of(st.just(()), st.lists(st.sampled_from(values), min_size=1, max_size=2).map(tuple))


queries = st.builds(
    Query,
    since=st.none() | few.map(lambda s: NOON - dt.timedelta(seconds=s)),
    until=st.none() | few.map(lambda s: NOON - dt.timedelta(seconds=s)),
    client=st.none() | st.sampled_from([one for one in CLIENTS if one]),
    segments=some("pupils", "staff"),
    policies=some("pupil"),
    name=st.none() | names.filter(bool),
    match=st.just("contains"),
    categories=some("games"),
    actions=some("deny", "allow"),
    layers=some("sealed"),
    sources=some("cache"),
    class_=st.sampled_from([None, "ordinary", "safeguarding"]),
    qtypes=some(1, 65),
)
by_name = st.builds(
    Query,
    name=st.sampled_from(["example.org", "www.example.org", ".", "example.com"]),
    match=st.sampled_from(["exact", "suffix"]),
)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def worker(place: Path) -> Iterator[QueryLog]:
    """One worker for all examples: each finds another log in the same place."""
    with QueryLog(place) as log:
        yield log


def laid_out(place: Path, made: list[Row]) -> None:
    for path in sorted(place.rglob("*.parquet")):
        path.unlink()
    half = len(made) // 2
    write_rows(place, wal(1), made[:half])
    write_rows(place, wal(2), made[half:])


def paged(log: QueryLog, query: Query, most: int) -> list[Row]:
    found: list[Row] = []
    cursor = None
    while True:
        page = log.search(query, most=most, after=cursor)
        assert len(page.rows) <= most
        assert page.problems == ()
        found += page.rows
        cursor = page.cursor
        if cursor is None:
            return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=rows, query=queries | by_name, most=st.sampled_from([1, 3, 7, 100]))
def test_pages_hold_each_matching_row_once_newest_first(
    place: Path, worker: QueryLog, made: list[Row], query: Query, most: int
) -> None:
    laid_out(place, made)
    wanted = [one for one in made if oracle(query, one)]
    found = paged(worker, query, most)
    assert same(found, wanted)
    assert [one.time for one in found] == sorted((one.time for one in wanted), reverse=True)
    assert worker.totals(query).rows == len(wanted)
    tops = worker.top("names", query)
    named = Counter(one.qname for one in wanted if one.qname not in ("", "(withheld)"))
    assert {top.value: top.rows for top in tops} == dict(named)


@settings(max_examples=200, deadline=None)
@given(one=rows.filter(bool).map(lambda made: made[0]), query=queries | by_name)
def test_tail_shows_what_a_search_finds(one: Row, query: Query) -> None:
    logged = replace(query, name=query.name.lower() if query.name and query.match == "contains" else query.name)
    clients = [] if query.client is None else [query.client]
    assert matches(logged, clients, one, CheckRows()) == oracle(query, one)


def oracle(query: Query, one: Row) -> bool:
    """The filter, as slowly and plainly as it can be said."""
    if query.since and one.time < query.since:
        return False
    if query.until and not one.time < query.until:
        return False
    if query.client and one.client != query.client:
        return False
    if query.class_ and one.class_ != query.class_:
        return False
    for wanted, value in (
        (query.segments, one.segment),
        (query.policies, one.policy),
        (query.categories, one.category),
        (query.actions, one.action),
        (query.layers, one.layer),
        (query.sources, one.source),
        (query.qtypes, one.qtype),
    ):
        if wanted and value not in wanted:
            return False
    if query.name is None:
        return True
    if query.match == "contains":
        return one.qname.find(query.name.lower()) >= 0
    labels, wanted_labels = one.qname.split("."), query.name.split(".")
    if query.match == "exact" or query.name == ".":
        return one.qname == query.name or (query.match == "suffix" and query.name == ".")
    return labels[-len(wanted_labels) :] == wanted_labels


def test_pages_go_on_where_they_ended_while_rows_arrive_and_files_are_compacted(tmp_path: Path) -> None:
    made = [row(time=NOON - dt.timedelta(seconds=second // 3), client=f"192.0.2.{second % 4}") for second in range(60)]
    write_wals(tmp_path, made, each=20)
    with QueryLog(tmp_path) as log:
        first = log.search(Query(), most=25)
        for path in (tmp_path / "log" / "wal").iterdir():
            path.unlink()
        write_rows(tmp_path, f"day-{1:020}-{3:020}", made, order="client, time")
        write_rows(tmp_path, wal(4), [row(time=NOON + dt.timedelta(seconds=9))])
        rest: list[Row] = []
        cursor = first.cursor
        while cursor is not None:
            page = log.search(Query(), most=7, after=cursor)
            rest += page.rows
            cursor = page.cursor
    assert same([*first.rows, *rest], made)
