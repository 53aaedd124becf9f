"""The process in which lists are fetched and compared, and backups made: `schoolgate.operations.update_process`.

What others publish is read apart from the process that holds the audit log, and its memory ends with it. One JSON line
in; {"event": ...} lines and then one {"done": ...} or {"refused": ...} out. It ends when standard input does.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from schoolgate.config import config_label, load
from schoolgate.errors import SchoolgateError
from schoolgate.lists.progress import Event


def main() -> int:
    """Does one task."""
    asked = orjson.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        done = _TASKS[asked.pop("task")](**asked)
    except (SchoolgateError, OSError) as error:
        kind = error if isinstance(error, SchoolgateError) else None
        code = kind.exit_code if kind is not None else 1
        _write({"refused": {"type": type(error).__name__, "message": str(error), "exit_code": code}})
        return 1
    _write({"done": done})
    return 0


def _end_with_parent() -> None:
    """An update that is killed has changed nothing, or all."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(2)


def _lists(config: str | None, only: list[str], accept: list[str], force: bool, who: str) -> dict[str, Any]:
    from schoolgate.lists.update import Updater, Wish
    from schoolgate.replay.feed_news import weigher

    path = None if config is None else Path(config)
    settings, now = load(path), dt.datetime.now(dt.UTC)
    wish = Wish(frozenset(only), force, frozenset(accept), who)
    weigh = weigher(settings, config_label(path), now)
    report = Updater(settings, lambda event: _write({"event": asdict(event)}), weigh=weigh).update(wish, now)
    built = report.built
    return {
        "exit_code": report.exit_code,
        "feeds": [
            {
                "feed": one.feed,
                "outcome": one.kind,
                "message": one.message,
                "warnings": list(one.state.warnings) if one.kind == "changed" else [],
            }
            for one in report.outcomes
        ],
        "serial": report.serial,
        "is_new": built is not None,
        "names": None if built is None else built.names,
        "entries": None if built is None else built.entries,
        "problems": list(report.problems),
        "weighed": list(report.weighed),
    }


def _sealed(config: str | None, who: str) -> list[dict[str, Any]]:
    from schoolgate.sealed.supplier_feeds import SealedFetching

    settings = load(None if config is None else Path(config))
    fetching = SealedFetching(settings.server.state_dir, who, settings.lists.proxy)
    done = []
    for feed in settings.sealed.feeds:
        _write({"event": asdict(Event("fetching", feed.supplier))})
        one = fetching.fetch(feed, dt.datetime.now(dt.UTC))
        serial = None if one.report is None else one.report.facts.serial
        done.append({"supplier": one.supplier, "serial": serial, "failure": one.failure})
    return done


def _changes(config: str | None, before: int, after: int, most: int) -> dict[str, Any]:
    from schoolgate.lists.kept_serials import difference

    settings = load(None if config is None else Path(config))
    return asdict(difference(settings.server.state_dir, before, after, most))


def _backups(config: str | None) -> dict[str, Any]:
    from schoolgate.backup.listing import listed

    found = listed(load(None if config is None else Path(config)))
    return {
        "backups": [{**asdict(one), "at": one.at.isoformat()} for one in found.backups],
        "failed": dict(found.failed),
        "locked": dict(found.locked),
    }


def _backup(config: str | None, has_query_log: bool | None, actor: str) -> dict[str, Any]:
    from schoolgate.backup import creating
    from schoolgate.backup.targets import targets_of

    path = None if config is None else Path(config)
    settings, now = load(path), dt.datetime.now(dt.UTC)
    _write({"event": asdict(Event("reading", text="making the backup"))})
    made = creating.create(settings, path, targets_of(settings), actor=actor, now=now, has_query_log=has_query_log)
    return {
        "name": made.made.name,
        "at": made.made.at.isoformat(),
        "octets": made.made.octets,
        "targets": [one.target for one in made.made.placed],
        "failed": dict(made.made.failed),
        "problems": list(made.problems),
    }


def _write(value: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, default=str) + b"\n")
    sys.stdout.buffer.flush()


_TASKS: dict[str, Callable[..., Any]] = {
    "lists": _lists,
    "sealed": _sealed,
    "changes": _changes,
    "backups": _backups,
    "backup": _backup,
}

if __name__ == "__main__":
    sys.exit(main())
