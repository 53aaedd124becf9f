"""`lists history`, `lists diff`, `lists rollback` and `lists why`."""

from __future__ import annotations

import ipaddress
from dataclasses import asdict
from pathlib import Path

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.lists import say_installed
from schoolgate.cli.commands.terminal import moment, note, out, say, say_json, table
from schoolgate.config import load
from schoolgate.config.domain_name import asked_name
from schoolgate.errors import SchoolgateError
from schoolgate.lists import kept_serials as past
from schoolgate.lists.history import History, PinFile
from schoolgate.lists.snapshots import SnapshotStore
from schoolgate.operations.lists.list_views import ASKED_FOR_DAYS, ListsChanged
from schoolgate.operations.lists.lists import ListsInstalled
from schoolgate.storage import state_dir


class NoName(SchoolgateError):
    """What was asked for is no domain name."""


def history(config: Path | None, as_json: bool, most: int) -> None:
    """What happened to the lists, newest first."""
    folder = _state_dir(config)
    store, pin = SnapshotStore(folder), PinFile(folder).read()
    events = History(folder).read()[::-1][:most]
    if as_json:
        say_json([event.model_dump(mode="json") for event in events])
        return
    current, kept = store.current_serial(), set(store.serials())
    rows = table("at", "serial", "", "what", "names", "who", "feeds")
    for event in events:
        mark = "in force" if event.serial == current else "kept" if event.serial in kept else ""
        feeds = [*event.changed, *(f"{feed} failed" for feed in event.failed)]
        names = "" if event.names is None else str(event.names)
        serial = "" if event.serial is None else str(event.serial)
        at = moment(event.at.isoformat())
        rows.add_row(at, serial, mark, event.what, names, event.who, ", ".join(feeds) or event.note)
    out.print(rows)
    if pin is not None:
        note(f"pinned to serial {pin.serial} by {pin.who}; schoolgate lists unpin", "yellow")


def diff(config: Path | None, before: int, after: int, most: int, as_json: bool) -> None:
    """Names that came and went between two serials; first those that clients asked for lately."""
    found: ListsChanged = ask(config, "lists.changes", before=before, after=after, most=most)
    if found.not_counted is not None:
        note(f"whether they were asked for cannot be said: {found.not_counted}", "yellow")
    if as_json:
        say_json(asdict(found) | {"asked_for_days": ASKED_FOR_DAYS})
        return
    say(f"serial {before} to {after}: {found.added} names more, {found.removed} fewer")
    for line in found.lists:
        say(f"  {line}")
    for sign, style, names, count in (
        ("+", "green", found.added_names, found.added),
        ("-", "red", found.removed_names, found.removed),
    ):
        for one in names:
            often = f", asked for {one.asked} times in {ASKED_FOR_DAYS} days" if one.asked else ""
            say(f"{sign} {one.name}  {one.category}, {one.feed}{often}", style)
        if count > len(names):
            note(f"{sign} and {count - len(names)} more; --most {count} shows all")


def rollback(config: Path | None, serial: int | None, request: int | None) -> None:
    """Puts an earlier snapshot in force and holds it."""
    made: ListsInstalled = ask(config, "lists.rollback", serial=serial, request=request)
    say(
        f"lists serial {made.serial} is current and pinned: updates fetch, and publish nothing until"
        " `schoolgate lists unpin`"
    )
    say_installed(made)


def why(config: Path | None, name: str, serial: int | None, as_json: bool) -> None:
    """Every line of every list that speaks of a name."""
    name = name if _is_ip_address(name) else asked_name(name)
    try:
        at, lines = past.why(_state_dir(config), name, serial)
    except ValueError as error:
        raise NoName(f"{name}: {error}") from error
    if as_json:
        say_json({"serial": at, "lines": [asdict(line) for line in lines]})
        return
    if not lines:
        say(f"no list of serial {at} speaks of {name}")
    for line in lines:
        counts = f"does not count: {line.refused}" if line.refused else line.category
        say(f"{line.feed}: {line.rule} ({line.kind}), {counts}", None if line.refused else "bold")
        dated = "" if line.dated is None else f", confirmed {moment(line.dated.isoformat())}"
        say(f"  {line.origin}, line {line.line}{dated}: {line.text}")


def _state_dir(config: Path | None) -> Path:
    folder = load(config).server.state_dir
    state_dir.refuse_strangers(folder)
    return folder


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
