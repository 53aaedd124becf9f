"""The query log, for programs that ask it: reports, the monitor, the command line.

Every call blocks until a worker process has answered; from asyncio, call it in a thread. All moments are aware. A log
that was never written is an empty log.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from schoolgate._core import normalise_name
from schoolgate.privacy.pseudonyms import PseudonymKey
from schoolgate.querylog.check_rows import check_rows, moment_us
from schoolgate.querylog.idle_workers import IDLE
from schoolgate.querylog.layout import LogFolder
from schoolgate.querylog.log_query import (
    Asked,
    AskedNames,
    BadQuery,
    Bucket,
    BucketBy,
    HourOfRows,
    Page,
    Query,
    RowsUnderLostKeys,
    SegmentName,
    Top,
    TopOf,
    Totals,
    moment_of,
    row_of,
)
from schoolgate.querylog.pseudonym import gaps, is_pseudonym, is_short, keys_of_log, known_as, owner

TIME_LIMIT_S = 30.0
# A page is held in memory twice.
MOST_ROWS_A_PAGE = 10_000
MOST_TOP = 10_000
_HOUR = dt.timedelta(hours=1)


class QueryLog:
    """`with QueryLog(state_dir) as log: log.search(Query(...))`. Raises `LogProblem` with a text for people."""

    def __init__(self, state_dir: Path, *, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._state_dir = state_dir
        self.folder = LogFolder(state_dir / "log")
        self.problems: tuple[str, ...] = ()
        self._limit_s = time_limit_s
        self._worker = IDLE.take(self.folder.folder)

    def __enter__(self) -> QueryLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the worker process, or keeps it for the next question where this process asks often."""
        IDLE.give_back(self.folder.folder, self._worker)

    def search(self, query: Query, *, most: int = 100, after: str | None = None) -> Page:
        """Matching rows, newest first. `after`: the cursor of the page before."""
        if not 1 <= most <= MOST_ROWS_A_PAGE:
            raise BadQuery(f"a page has 1 to {MOST_ROWS_A_PAGE} rows; ask for more by its cursor")
        found = self._ask("search", {"rows": [], "cursor": None}, **self._filters(query), most=most, after=after)
        rows = tuple(row_of(row[:-1], row[-1]) for row in found["rows"])
        return Page(rows, found["cursor"], self.problems)

    def top(self, what: TopOf, query: Query, *, most: int = 20) -> tuple[Top, ...]:
        """The values with most rows. Names that are withheld, and rows that were only counted, are left out."""
        if not 1 <= most <= MOST_TOP:
            raise BadQuery(f"ask for 1 to {MOST_TOP} values")
        found = self._ask("top", [], **self._filters(query), what=what, most=most)
        return tuple(Top(value, rows, denied) for value, rows, denied in found)

    def totals(self, query: Query) -> Totals:
        """Sums over matching rows."""
        return Totals(*self._ask("totals", (0, 0, 0, 0), **self._filters(query)))

    def count(self, query: Query) -> int:
        """How many rows match."""
        return int(self._ask("count", 0, **self._filters(query)))

    def by_hour(self, query: Query) -> tuple[HourOfRows, ...]:
        """Matching rows by the hour and by what was done, in order. Counts rows, which only filters make quick."""
        found = self._ask("by hour", [], **self._filters(query))
        return tuple(
            HourOfRows(moment_of(hour), action, rows, moment_of(first), moment_of(last))
            for hour, action, rows, first, last in found
        )

    def rollup(
        self,
        since: dt.datetime,
        until: dt.datetime,
        *,
        by: Sequence[BucketBy] = ("hour", "category"),
        segments: tuple[str, ...] = (),
        without_own: Collection[str] = (),
    ) -> tuple[Bucket, ...]:
        """Sums by the hour, from rollups and what is not rolled up yet; in order of the key. Whole hours of UTC:
        `since` is rounded down, `until` up. Rows that were erased stay in these sums, which name no client.
        `without_own`: rows of these actions that our own checks made are taken out, as long as the log has them."""
        since, until = _hour(since), _hour(until + _HOUR - dt.timedelta(microseconds=1))
        found = self._ask(
            "rollup",
            [],
            since=since,
            until=until,
            by=list(by),
            segments=list(segments),
            **self._own_rows(since, until, without_own),
        )
        is_time = [one in ("hour", "day") for one in by]
        return tuple(
            Bucket(tuple(moment_of(key) if time else key for key, time in zip(keys, is_time, strict=True)), rows)
            for *keys, rows in found
        )

    def names_asked_since(self, names: Collection[str], since: dt.datetime) -> tuple[Asked, ...]:
        """Which of these names devices asked for, or something below them; those with most rows first."""
        folded = {name.lower().rstrip(".") for name in names}
        found = self._ask("names", [], names=sorted(folded), since=since, own=self._own(since)) if folded else []
        return tuple(Asked(name, rows, moment_of(time_us)) for name, rows, time_us in found)

    def names_by_segment(self, since: dt.datetime, *, most: int) -> AskedNames:
        """The names that each segment asked for."""
        found = self._ask(
            "asked names", {"names": [], "all": 0, "rows": 0}, since=since, most=most, own=self._own(since)
        )
        return AskedNames(tuple(SegmentName(*row) for row in found["names"]), found["all"], found["rows"])

    def devices_asking(self, names: Mapping[str, Collection[str]], since: dt.datetime) -> dict[str, int]:
        """How many devices of each segment asked for any of its names."""
        given = {segment: sorted(wanted) for segment, wanted in names.items() if wanted}
        return dict(self._ask("devices", {}, names=given, since=since, own=self._own(since))) if given else {}

    def _own_rows(self, since: dt.datetime, until: dt.datetime, actions: Collection[str]) -> dict[str, Any]:
        own = self._own(since, until) if actions else {}
        return {"own": own, "own_actions": sorted(actions)}

    def held(self) -> tuple[tuple[str, int, dt.datetime, dt.datetime], ...]:
        """(class, rows, oldest, newest) of what there is."""
        found = self._ask("status", [])
        return tuple((class_, rows, moment_of(old), moment_of(new)) for class_, rows, old, new in found)

    def known_as(self, client: str) -> list[str]:
        """The texts under which the log may hold a client: its pseudonyms, its address. Raises `BadQuery`."""
        return known_as(self.in_full(client), self.keys())

    def in_full(self, client: str) -> str:
        """The pseudonym in the log that begins so, where that is one; else the text as it is. Raises `BadQuery`."""
        text = client.strip().lower()
        if not is_short(text):
            return client
        found: list[str] = self._ask("clients", [], beginning=text)
        if not found:
            raise BadQuery(f"no client in the log begins with {text}; write it as the log shows it")
        if len(found) > 1:
            raise BadQuery(f"several clients begin with {text}: {', '.join(found)}; write more of it")
        return found[0]

    def keys(self) -> tuple[PseudonymKey, ...]:
        """Every key of pseudonyms that is kept, newest first. Raises `BadQuery`."""
        return keys_of_log(self.folder.folder).keys

    def owner(self, pseudonym: str) -> tuple[PseudonymKey, str] | None:
        """The key and the address of a pseudonym; None where its key is gone. Raises `BadQuery`."""

        def was_seen(text: str, since: dt.datetime | None, until: dt.datetime | None) -> bool:
            return bool(self.search(Query(client=text, since=since, until=until), most=1).rows)

        return owner(pseudonym, self.keys(), was_seen)

    def whole_client(self, client: str) -> str:
        """The address behind a pseudonym, so that rows under every key are found; else the text as it is. For what
        concerns all of a client's rows, and is recorded: erasing and giving access."""
        text = self.in_full(client).strip().lower()
        found = self.owner(text) if is_pseudonym(text) else None
        return text if found is None else found[1]

    def refuse_half(self, query: Query, what: str) -> None:
        """Raises `RowsUnderLostKeys` after an answer about a client that leaves out rows which may be theirs. `what`:
        what was done with the others."""
        lost = self.unsearchable(query)
        if lost:
            raise RowsUnderLostKeys(
                f"{lost} rows cannot be searched: the key of their pseudonyms is gone, so nothing tells whether they"
                f" are of {query.client}. {what}; these rows stay until they are erased by their age"
            )

    def unsearchable(self, query: Query) -> int:
        """Rows that match all but the client, and may be the client's: the key of their pseudonyms is gone."""
        if query.client is None:
            return 0
        text = self.in_full(query.client).strip().lower()
        others = replace(query, client=None, pseudonyms=True)
        if is_pseudonym(text):
            # Its own rows are found as they are; whose they are, and so what else is theirs, only a key can tell.
            if self.owner(text) is not None:
                return 0
            return self.count(others) - self.count(replace(query, pseudonyms=True))
        return sum(
            self.count(replace(others, since=_later(query.since, since), until=_earlier(query.until, until)))
            for since, until in gaps(self.keys())
        )

    def as_logged(self, query: Query) -> Query:
        """The query with its name as the log writes names. Raises `BadQuery`."""
        return replace(query, name=_folded(query))

    def _filters(self, query: Query) -> dict[str, Any]:
        clients = [] if query.client is None else self.known_as(query.client)
        own = None if query.own_checks == "with" else self._own(query.since, query.until)
        return {"query": asdict(replace(self.as_logged(query), own=own)), "clients": clients}

    def _own(self, since: dt.datetime | None, until: dt.datetime | None = None) -> dict[str, Any]:
        """Rows of our own checks in this time."""
        return check_rows(self._state_dir).between(moment_us(since), moment_us(until))

    def _ask(self, do: str, nothing: Any, **what: Any) -> Any:
        if not self.folder.folder.is_dir():
            self.problems = ()
            return nothing
        answer, problems = self._worker.ask(do, self._limit_s, **what)
        self.problems = tuple(problems)
        return answer


def _folded(query: Query) -> str | None:
    """A name as the log writes names."""
    if query.name is None or query.name in ("", "."):
        return query.name or None
    if query.match == "contains":
        # What a name holds is for its owner to choose, so only what a browser shows is refused.
        if "://" in query.name:
            raise BadQuery(f"{query.name!r}: DNS sees only names; search for a part of one, such as shop.example")
        if not query.name.isascii():
            raise BadQuery(f"{query.name!r}: names are logged as they travel (xn--...); search for the whole name")
        return query.name.lower()
    # Loaded with all settings; the worker of each search, which is started for it, has no use for them.
    from schoolgate.config.domain_name import NotAName, asked_name

    try:
        return normalise_name(asked_name(query.name))
    except NotAName as error:
        raise BadQuery(str(error)) from error
    except ValueError as error:
        raise BadQuery(f"{query.name!r}: {error}; to search for part of a name, use contains") from error


def _later(one: dt.datetime | None, other: dt.datetime | None) -> dt.datetime | None:
    return max(one, other) if one is not None and other is not None else one or other


def _earlier(one: dt.datetime | None, other: dt.datetime | None) -> dt.datetime | None:
    return min(one, other) if one is not None and other is not None else one or other


def _hour(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(minute=0, second=0, microsecond=0)
