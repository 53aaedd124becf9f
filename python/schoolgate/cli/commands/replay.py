"""`policy replay`."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path

from schoolgate._core import Snapshot
from schoolgate.cli.commands.terminal import note, out, say, say_json, table
from schoolgate.config import config_label, load, read_text
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.policy.active_policy import active_or_first, compile_active_policy, read_ground, read_policy
from schoolgate.querylog import QueryLog
from schoolgate.replay.replaying import Change, Replay, SegmentReplay, Side, replay
from schoolgate.storage import state_dir


def show(config: Path | None, draft: Path | None, serial: int | None, days: int, most: int, as_json: bool) -> None:
    """What would close and open, by segment."""
    settings = load(config)
    state_dir.refuse_strangers(settings.server.state_dir)
    now = dt.datetime.now(dt.UTC)
    ground = read_ground(settings, config_label(config))
    number, text, file = active_or_first(settings)
    active = compile_active_policy(read_policy(text, file, ground), ground, number, now).compiled.description
    new = active
    if draft is not None:
        checked = read_policy(read_text(draft), str(draft), ground)
        new = compile_active_policy(checked, ground, number, now).compiled.description
    store = SnapshotStore(settings.server.state_dir)
    current = store.open_best().snapshot
    lists = current if serial is None else Snapshot.open(str(store.path(serial)))
    with QueryLog(settings.server.state_dir) as log:
        since = now - dt.timedelta(days=days)
        found = replay(log, Side(current, active), Side(lists, new), since, most=most)
    if as_json:
        say_json(asdict(found))
        return
    _print(found, days)


def _print(found: Replay, days: int) -> None:
    for one in found.segments:
        _print_segment(one)
    if not found.segments:
        say(f"the query log holds no names of the last {days} days: nothing to decide again")
    elif not found.changes:
        say(f"nothing that was asked for in the last {days} days would close or open")
    if found.names_left_out:
        note(f"{found.names_left_out} names that were asked for least were left out", "yellow")
    for segment in found.segments_left_out:
        note(f"segment {segment} is not in both policies and was left out", "yellow")
    for problem in found.problems:
        note(problem, "yellow")


def _print_segment(one: SegmentReplay) -> None:
    who = one.segment or "clients in no segment"
    say(f"{who}: {one.names} names, {one.rows} rows decided again", "bold")
    for word, style, change in (("close", "red", one.closed), ("open", "green", one.opened)):
        if change.names:
            say(f"  would {word}: {change.names} names, {change.rows} rows, {change.devices} devices", style)
            _print_names(change)


def _print_names(change: Change) -> None:
    rows = table("   name", "rows", "devices", "layer", "category", "list or rule")
    for one in change.first:
        by = one.feed or one.rule or "-"
        rows.add_row(f"   {one.name}", str(one.rows), str(one.devices), one.layer, one.category or "-", by)
    out.print(rows)
    if change.names > len(change.first):
        note(f"   and {change.names - len(change.first)} more; --most {change.names} shows all")
