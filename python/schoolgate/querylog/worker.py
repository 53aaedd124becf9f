"""The process in which the log is read and rewritten: `python -m schoolgate.querylog.worker FOLDER read|maintain`.

One JSON line in, one out. Its memory, threads, time and files are bounded, so that a search over a year can fail
without an effect on others. It ends when its parent does.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import duckdb
import orjson

from schoolgate.querylog import counting, searching
from schoolgate.querylog.asked_names import devices_asking, names_by_segment
from schoolgate.querylog.connection import bound_this_process, connect
from schoolgate.querylog.layout import LogFolder
from schoolgate.querylog.log_query import LogProblem, Query
from schoolgate.querylog.read_files import Reader
from schoolgate.querylog.rewriting import REWRITES
from schoolgate.querylog.scratch import scratch

Operation = Callable[[dict[str, Any]], Any]
INTERRUPT_EVERY_S: Final = 0.02
"""DuckDB forgets an interrupt that falls between two statements, so one alone may be lost."""


def main() -> int:
    """Answers until standard input ends."""
    folder, task = Path(sys.argv[1]), sys.argv[2]
    bound_this_process()
    log = LogFolder(folder)
    # Maintenance takes one core at most: it runs beside the server all day.
    threads = 1 if task == "maintain" else None
    with scratch(log.scratch) as work, connect(folder, work, threads) as connection:
        operations = _reading(Reader(log, connection, work)) if task == "read" else _rewriting(connection, work)
        for line in sys.stdin.buffer:
            sys.stdout.buffer.write(orjson.dumps(_answer(connection.interrupt, operations, orjson.loads(line))) + b"\n")
            sys.stdout.buffer.flush()
    return 0


def _answer(interrupt: Callable[[], None], operations: dict[str, Operation], request: dict[str, Any]) -> dict[str, Any]:
    """{"answer": ...}, or {"problem": time|memory|disk|cursor|failed, "text": ...}."""
    try:
        with _ended_after(request["limit_s"], interrupt):
            return {"answer": operations[request["do"]](request)}
    except duckdb.InterruptException:
        return {"problem": "time", "text": ""}
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        return {"problem": "memory", "text": str(error)}
    except LogProblem as error:
        return {"problem": type(error).__name__, "text": str(error)}
    except (duckdb.Error, OSError) as error:
        return {"problem": "failed", "text": str(error).partition("\n")[0]}


@contextlib.contextmanager
def _ended_after(limit_s: float, interrupt: Callable[[], None]) -> Iterator[None]:
    """Past the limit, interrupts until what is done within has ended; never what is done after it."""
    has_ended = threading.Event()

    def ring() -> None:
        wait_s = limit_s
        while not has_ended.wait(wait_s):
            interrupt()
            wait_s = INTERRUPT_EVERY_S

    bell = threading.Thread(target=ring, daemon=True)
    bell.start()
    try:
        yield
    finally:
        has_ended.set()
        bell.join()


def _reading(reader: Reader) -> dict[str, Operation]:
    def search(asked: dict[str, Any]) -> Any:
        query, clients = query_from(asked), asked["clients"]
        return reader.ask(
            query.since, lambda look: searching.search(look, query, clients, asked["most"], asked["after"])
        )

    def top(asked: dict[str, Any]) -> Any:
        query, clients = query_from(asked), asked["clients"]
        return reader.ask(query.since, lambda look: counting.top(look, asked["what"], query, clients, asked["most"]))

    def totals(asked: dict[str, Any]) -> Any:
        query, clients = query_from(asked), asked["clients"]
        return reader.ask(query.since, lambda look: counting.totals(look, query, clients))

    def count(asked: dict[str, Any]) -> Any:
        query, clients = query_from(asked), asked["clients"]
        return reader.ask(query.since, lambda look: counting.count(look, query, clients))

    def by_hour(asked: dict[str, Any]) -> Any:
        query, clients = query_from(asked), asked["clients"]
        return reader.ask(query.since, lambda look: counting.by_hour(look, query, clients))

    def rollup(asked: dict[str, Any]) -> Any:
        since, until = _moment(asked["since"]), _moment(asked["until"])
        own = _own_query(asked, since, until) if asked["own"] else None
        return reader.ask(since, lambda look: counting.rollup(look, since, until, asked["by"], asked["segments"], own))

    def names_asked(asked: dict[str, Any]) -> Any:
        query = _without_own(asked)
        return reader.ask(query.since, lambda look: counting.names_asked(look, asked["names"], query))

    def clients(asked: dict[str, Any]) -> Any:
        return reader.ask(None, lambda look: counting.clients_like(look, asked["beginning"]))

    def asked_names(asked: dict[str, Any]) -> Any:
        query = _without_own(asked)
        return reader.ask(query.since, lambda look: names_by_segment(look, query, asked["most"]))

    def devices(asked: dict[str, Any]) -> Any:
        query = _without_own(asked)
        return reader.ask(query.since, lambda look: devices_asking(look, asked["names"], query))

    def status(_: dict[str, Any]) -> Any:
        return reader.ask(None, counting.held)

    return {
        "search": search,
        "top": top,
        "totals": totals,
        "count": count,
        "by hour": by_hour,
        "rollup": rollup,
        "names": names_asked,
        "clients": clients,
        "asked names": asked_names,
        "devices": devices,
        "status": status,
    }


def _rewriting(connection: duckdb.DuckDBPyConnection, work: Path) -> dict[str, Operation]:
    def bound(rewrite: Callable[..., Any]) -> Operation:
        return lambda asked: rewrite(connection, work, **asked["what"])

    return {name: bound(rewrite) for name, rewrite in REWRITES.items()}


def query_from(asked: dict[str, Any]) -> Query:
    """A query as it crossed the pipe."""
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in asked["query"].items()
    }
    for name in ("since", "until"):
        if fields[name] is not None:
            fields[name] = _moment(fields[name])
    return Query(**fields)


def _without_own(asked: dict[str, Any]) -> Query:
    """What devices asked since then."""
    return Query(since=_moment(asked["since"]), own_checks="without", own=asked["own"])


def _own_query(asked: dict[str, Any], since: dt.datetime, until: dt.datetime) -> Query:
    """What our own checks asked."""
    return Query(since=since, until=until, actions=tuple(asked["own_actions"]), own_checks="only", own=asked["own"])


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


if __name__ == "__main__":
    sys.exit(main())
