"""`policy replay`: prints what the operation returns."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import note, out, say, say_json, table
from schoolgate.config import read_text
from schoolgate.operations.policies.policy_views import Replayed
from schoolgate.replay.changes import ReplayChange, SegmentReplay

# As many as a large school asks for in a month.
MOST_NAMES = 500_000


def show(config: Path | None, draft: Path | None, serial: int | None, days: int, most: int, as_json: bool) -> None:
    """What would close and open, by network."""
    given = {} if draft is None else {"text": read_text(draft), "file": str(draft)}
    asked = {"serial": serial, "days": days, "most": most, "most_names": MOST_NAMES}
    found: Replayed = ask(config, "policy.replay", **given, **asked)
    if as_json:
        say_json(asdict(found))
        return
    _print(found, days)


def _print(found: Replayed, days: int) -> None:
    for one in found.segments:
        _print_segment(one)
    if not found.segments:
        say(f"the query log holds no names of the last {days} days: nothing to decide again")
    elif not any(one.closed.names or one.opened.names for one in found.segments):
        say(f"nothing that was asked for in the last {days} days would close or open")
    if found.names_left_out:
        note(f"{found.names_left_out} names that were asked for least were left out", "yellow")
    for segment in found.segments_left_out:
        note(f"network {segment} is not in both policies and was left out", "yellow")
    for problem in found.problems:
        note(problem, "yellow")


def _print_segment(one: SegmentReplay) -> None:
    who = one.segment or "clients in no network"
    say(f"{who}: {one.names} names, {one.rows} rows decided again", "bold")
    for word, style, change in (("close", "red", one.closed), ("open", "green", one.opened)):
        if change.names:
            say(f"  would {word}: {change.names} names, {change.rows} rows, {change.devices} devices", style)
            _print_names(change)


def _print_names(change: ReplayChange) -> None:
    rows = table("   name", "rows", "devices", "layer", "category", "list or rule")
    for one in change.first:
        by = one.feed or one.rule or "-"
        rows.add_row(f"   {one.name}", str(one.rows), str(one.devices), one.layer, one.category or "-", by)
    out.print(rows)
    if change.names > len(change.first):
        note(f"   and {change.names - len(change.first)} more; --most {change.names} shows all")
