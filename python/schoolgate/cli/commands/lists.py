"""`lists build` and `lists show`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import orjson

from schoolgate.cli.commands.terminal import age, err, moment, names_counted, note, out, say, say_json, table
from schoolgate.config import Settings, load
from schoolgate.errors import SchoolgateError
from schoolgate.lists.address_lines import address_lines
from schoolgate.lists.build import BuildReport, build
from schoolgate.lists.feed_book import FeedBook
from schoolgate.lists.history import PinFile
from schoolgate.lists.last_good import FeedState, FeedStates
from schoolgate.lists.manifests import Manifests
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.lists.update_status import feed_row
from schoolgate.operations.lists.lists import ListsInstalled, installed
from schoolgate.storage import state_dir


class StoredNotInForce(SchoolgateError):
    """Something new is on the disk, and the running service does not use it."""


def build_lists(config: Path | None) -> None:
    """Builds, publishes, and has the running service take it."""
    settings = load(config)
    state_dir.prepare(settings.server.state_dir)
    install(settings, build_with_progress(settings).serial)


def install(settings: Settings, serial: int, *, quiet: bool = False) -> None:
    """Has the running service take the current lists. Raises `StoredNotInForce` when it does not."""
    say_installed(installed(settings, serial), quiet=quiet)


def say_installed(made: ListsInstalled, *, quiet: bool = False) -> None:
    """Raises `StoredNotInForce`."""
    if made.problem is not None:
        raise StoredNotInForce(
            f"serial {made.serial} is published, but the running service does not use it: {made.problem}"
        )
    if not quiet and made.installed is None:
        say("no service runs here; it starts with these lists")
    elif not quiet:
        say(f"the running service now decides by serial {made.installed}")


def build_with_progress(settings: Settings) -> BuildReport:
    """A build with its steps on the terminal."""
    with err.status("building lists") as status:
        report = build(settings, status.update)
    counted = names_counted(report.names, report.entries)
    say(f"lists serial {report.serial}: {counted} of {report.lists} lists, {report.proved} test names proved")
    for reason, skipped in sorted(report.skipped.items()):
        note(f"  {skipped['lines']} lines skipped: {reason}, such as {skipped['examples'][0]}", "yellow")
    for problem in address_lines(settings):
        note(f"  {problem}", "yellow")
    for source in report.sources:
        if not source["rules"]:
            note(f"  {source['feed']} holds no name", "yellow")
    return report


def show(config: Path | None, as_json: bool) -> None:
    """What the current snapshot holds."""
    settings = load(config)
    state_dir.refuse_strangers(settings.server.state_dir)
    store = SnapshotStore(settings.server.state_dir)
    opened = store.open_best()
    meta = orjson.loads(opened.snapshot.meta())
    meta["names"] = Manifests(settings.server.state_dir).names(meta["serial"])
    if as_json:
        feeds = [feed_row(name, state, None, dt.datetime.now(dt.UTC)) for name, state in _in_use(settings).items()]
        meta["feeds"] = feeds
        say_json(meta | {"path": str(opened.path), "built_at": opened.built_at, "serials_kept": store.serials()})
        return
    built = moment(opened.built_at.isoformat())
    counted = names_counted(meta["names"], meta["entries"])
    say(f"lists serial {meta['serial']}, built {built}: {counted}, {meta['size_octets'] / 1024:.0f} KiB")
    say(f"{opened.path}; kept: {', '.join(map(str, store.serials()))}")
    for problem in opened.problems:
        note(problem, "yellow")
    _feeds(settings)
    rows = table("list", "category", "names")
    for source in meta["sources"]:
        rows.add_row(source["feed"], source["category"], str(source["rules"]))
    out.print(rows)


def _feeds(settings: Settings) -> None:
    """How old each feed truly is, and what is wrong with it."""
    now = dt.datetime.now(dt.UTC)
    pin = PinFile(settings.server.state_dir).read()
    if pin is not None:
        note(f"pinned to serial {pin.serial} by {pin.who} since {moment(pin.at.isoformat())}: lists unpin", "yellow")
    rows = table("feed", "state", "names", "confirmed")
    in_use = _in_use(settings)
    for name, state in in_use.items():
        row = feed_row(name, state, None, now)
        old = "never" if row["age_s"] is None else f"{age(row['age_s'])} ago"
        rows.add_row(name, row["condition"], str(row["names"]), old)
    if in_use:
        out.print(rows)
    for name, state in in_use.items():
        if state.failure is not None:
            note(f"{name}: {state.failure}", "yellow")


def _in_use(settings: Settings) -> dict[str, FeedState]:
    states = FeedStates(settings.server.state_dir).read()
    return {name: states.get(name, FeedState()) for name in FeedBook(settings.server.state_dir).in_use()}
