"""`check run | record | list | show | finish | coverage | plan`: what operations return, for a terminal."""

from __future__ import annotations

import base64
import datetime as dt
import mimetypes
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from schoolgate.checks.segment_check import NetworkChecked
from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import note, out, say, say_json, table
from schoolgate.errors import SchoolgateError
from schoolgate.governance.check_coverage import Cell
from schoolgate.governance.record_store import MOST_ATTACHMENT_OCTETS
from schoolgate.operations.governance.check_drift import DriftShown
from schoolgate.operations.governance.check_plans import CoverageShown
from schoolgate.operations.governance.check_records import CheckPage, CheckRow, CheckShown
from schoolgate.operations.governance.check_runs import SegmentsRun

# What a program asks for: something is wrong, or due.
EXIT_FOUND = 3
# Of a file that is sent as base64 in one request of 8 MiB.
MOST_FILE_OCTETS = min(MOST_ATTACHMENT_OCTETS, 5 * 1024 * 1024)
_MARKS = {"good": ("ok  ", None), "failed": ("FAIL", "bold red"), "not covered": ("????", "yellow")}


class ActionUnclear(SchoolgateError):
    """An action was not written as day, owner and words, or a time not as one."""

    exit_code = 2


class FileUnreadable(SchoolgateError):
    """A file to attach cannot be read."""


def run(config: Path | None, as_json: bool, is_all: bool) -> int:
    """The exit code: 3 where a network fails, or none was asked from."""
    made: SegmentsRun = ask(config, "checks.run")
    if as_json:
        say_json({**made.found.whole(), "number": made.number})
        return 0 if made.found.state == "good" else EXIT_FOUND
    for one in made.found.networks:
        _say_network(one, is_all)
    if made.found.without_name:
        note(f"no list has a test name for: {', '.join(made.found.without_name)}", "yellow")
    if not made.found.networks:
        note("the policy names no network, so nothing was asked", "yellow")
    if made.not_kept:
        note(made.not_kept, "yellow")
    if made.number is not None:
        say(f"recorded as check {made.number}")
    return 0 if made.found.state == "good" else EXIT_FOUND


def record(
    config: Path | None,
    given: dict[str, Any],
    at: str | None,
    actions: Sequence[str],
    files: Sequence[Path],
    as_json: bool,
) -> None:
    """Keeps a person's check and its files."""
    contents = [(one.name, _content(one)) for one in files]
    made: CheckRow = ask(config, "checks.add", **given, at=_moment(at), actions=[_action(one) for one in actions])
    for name, content in contents:
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        ask(config, "checks.attach", number=made.number, name=name, content=content, media_type=kind)
    if as_json:
        say_json(asdict(made))
        return
    say(f"recorded as check {made.number}, {made.state}" + (f"; due {made.due}" if made.due else ""))


def list_all(config: Path | None, is_open: bool, is_of_people: bool, before: int | None, as_json: bool) -> None:
    """A page of checks."""
    states = ["open"] if is_open else []
    kind = False if is_of_people else None
    page: CheckPage = ask(config, "checks.list", states=states, is_automatic=kind, before=before)
    if as_json:
        say_json([asdict(one) for one in page.checks])
        return
    if not page.checks:
        say("no check is recorded; `schoolgate check run` makes one, `schoolgate check record` keeps yours")
        return
    rows = table("number", "when", "who", "state", "device", "place", "group or line", "due")
    for one in page.checks:
        device = "server" if one.is_automatic else f"{one.device_kind} {one.system}".strip()
        whom = one.group or one.line
        due = str(one.due) if one.due else ""
        rows.add_row(str(one.number), _time(one.at), one.who, one.state, device, one.place, whom, due)
    out.print(rows)
    if page.before is not None:
        say(f"older ones: --before {page.before}")


def show(config: Path | None, number: int, as_json: bool) -> None:
    """One check."""
    shown: CheckShown = ask(config, "checks.show", number=number)
    if as_json:
        say_json(asdict(shown))
        return
    row = shown.row
    say(f"check {row.number}: {row.result}", "bold green" if row.result == "passed" else "bold red")
    say(f"  when:   {_time(row.at)} by {row.who}")
    say(f"  tested: {row.tested}")
    where = ", ".join(filter(None, (row.place, row.group, row.line, "" if row.is_on_site else "off site")))
    say(f"  device: {row.device_kind} {row.system}".rstrip() + (f"; {where}" if where else ""))
    if row.findings:
        say(f"  found:  {row.findings}")
    for count, action in enumerate(row.actions, start=1):
        done = f"done by {action.done_by}" if action.done_us is not None else f"due {action.due}"
        say(f"  action {count}: {action.what} ({action.owner}, {done})")
    for network in shown.networks:
        mark, style = _MARKS.get(network.state, _MARKS["not covered"])
        say(f"  {mark} {network.segment} {network.network}: {network.reason or 'as the policy says'}", style)
    for answer in shown.answers:
        said = f"{answer.name}: should be {answer.expected}, came back as {answer.came}"
        say(f"    {said} ({answer.network or answer.about})", None if answer.is_well else "red")
    for file in shown.files:
        say(f"  file:   {file.name}, {file.size_octets} octets, SHA-256 {file.sha256}")


def finish(config: Path | None, number: int, action: int, words: str) -> None:
    """One action is done."""
    made: CheckRow = ask(config, "checks.finish", number=number, action=action, note=words)
    say(f"check {made.number} is {made.state} now")


def coverage(config: Path | None, as_json: bool) -> int:
    """The exit code: 3 where checks are due."""
    shown: CoverageShown = ask(config, "checks.coverage")
    if as_json:
        say_json(asdict(shown))
        return EXIT_FOUND if shown.due else 0
    say(f"{shown.due} of {len(shown.cells)} are due; checks since {shown.since:%Y-%m-%d} count", "bold")
    for one in shown.cells:
        style = "yellow" if one.is_due else "bold red" if one.result == "failed" else None
        say(f"  {'due ' if one.is_due else 'ok  '} {_cell(one)}: {_last(one)}", style)
    if shown.is_first:
        note("no plan was made; places and groups are examples: make one with `schoolgate check plan`", "yellow")
    return EXIT_FOUND if shown.due else 0


def drift(config: Path | None, number: int | None, reason: str | None, as_json: bool) -> int:
    """The exit code: 3 where something was changed outside an operation."""
    if number is None:
        shown: DriftShown = ask(config, "checks.drift")
    else:
        shown = ask(config, "checks.accept_drift", number=number, reason=reason)
    if as_json:
        say_json(shown.whole())
    elif not shown.changed:
        say("what is set up is what was agreed", "bold green")
    else:
        say(f"changed outside an operation since {shown.since:%Y-%m-%d %H:%M} UTC (drift {shown.number}):", "bold red")
        for one in shown.changed:
            say(f"  {one}")
        note(f"if it is meant: `schoolgate check drift --accept {shown.number} --reason WORDS`", "yellow")
    return EXIT_FOUND if shown.changed else 0


def plan(
    config: Path | None, places: Sequence[str], groups: Sequence[str], lines: Sequence[str], every_days: int | None
) -> None:
    """What is to be checked from now on."""
    version: int = ask(
        config, "checks.plan", places=list(places), groups=list(groups), lines=list(lines), every_days=every_days
    )
    say(f"the plan is kept (version {version}); `schoolgate check coverage` shows what is due")


def _say_network(one: NetworkChecked, is_all: bool) -> None:
    mark, style = _MARKS[one.state]
    asked = f", {len(one.answers)} questions from {one.source} at {one.at}" if one.answers else ""
    said = one.reason or "a device there gets what the policy says"
    say(f"{mark} {one.segment} ({one.network}), policy {one.policy}: {said}{asked}", style)
    for answer in one.answers if is_all else one.wrong if len(one.wrong) < len(one.answers) else ():
        verdict = "ok  " if answer.is_well else "FAIL"
        words = f"{answer.name} ({answer.about}) over {answer.transport}"
        say(f"       {verdict} {words}: should be {answer.expected}, came back as {answer.came}; {answer.said}")


def _cell(one: Cell) -> str:
    if one.line:
        return f"internet line {one.line}"
    return f"{one.device_kind} device, {one.place}, {one.group}"


def _last(one: Cell) -> str:
    if one.at_us is None:
        return "never checked"
    return f"{one.result} on {dt.datetime.fromtimestamp(one.at_us / 1e6, dt.UTC):%Y-%m-%d} (check {one.number})"


def _moment(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ActionUnclear(f"--at {text!r} is no time; write one such as 2026-11-20T14:00") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)


def _action(text: str) -> dict[str, str]:
    day, _, rest = text.partition(";")
    owner, _, what = rest.partition(";")
    try:
        dt.date.fromisoformat(day.strip())
    except ValueError:
        day = ""
    if not (day.strip() and owner.strip() and what.strip()):
        raise ActionUnclear(f"--action {text!r}: write day, owner and words, such as '2026-12-18;A. Head;call'")
    return {"due": day.strip(), "owner": owner.strip(), "what": what.strip()}


def _content(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_FILE_OCTETS:
            raise FileUnreadable(f"{path}: a file may have {MOST_FILE_OCTETS // 2**20} MiB")
        return base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise FileUnreadable(f"{path}: {error.strerror}; nothing was recorded") from error


def _time(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
