"""`request ...`: prints what the operations on change requests return."""

from __future__ import annotations

import base64
import datetime as dt
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.school_time import on_the_wall
from schoolgate.cli.commands.terminal import note, out, say, say_json, table
from schoolgate.errors import SchoolgateError

if TYPE_CHECKING:
    from schoolgate.operations.governance.request_results import RequestEffect, RequestShown

_STATES: Final[Mapping[str, tuple[str, ...]]] = {
    "open": ("suggested", "requested", "approved"),
    "applied": ("applied",),
    "over": ("refused", "withdrawn", "expired", "ended"),
}
_REFUSED = 1


class FileNotWritten(SchoolgateError):
    """The file exists, or cannot be written."""


def changed(config: Path | None, operation: str, given: Mapping[str, Any]) -> None:
    """Does a step, and says what came of it. A request that was refused at once exits 1."""
    made = ask(config, operation, **given)
    say(f"request {made.number}: {_text(made.said)}")
    if made.state == "refused" and operation != "request.decide":
        raise typer.Exit(_REFUSED)


def decide(config: Path | None, number: int, choice: str, reason: str, conditions: str) -> None:
    """Decides the newest version."""
    version = ask(config, "request.show", number=number).version
    given = {"number": number, "version": version, "decision": choice, "reason": reason, "conditions": conditions}
    changed(config, "request.decide", given)


def end(config: Path | None, number: int, reason: str) -> None:
    """Ends the newest version."""
    version = ask(config, "request.show", number=number).version
    changed(config, "request.end", {"number": number, "version": version, "reason": reason})


def list_(config: Path | None, which: str, text: str, most: int, before: int | None, as_json: bool) -> None:
    """Rows, newest first."""
    found = ask(
        config, "request.list", states=_STATES.get(which, ()), text=text, is_mine=which == "mine",
        is_for_me=which == "for-me", most=most, before=before,
    )  # fmt: skip
    if as_json:
        say_json(_plain("request.list", found))
        return
    rows = table("Number", "State", "What", "For", "Until", "Asked by", "Purpose")
    for one in found.requests:
        what = " ".join((one.action, *(one.names or (one.wanted,))))
        askers = ", ".join(found.people[actor].name for actor in one.askers)
        whom = ", ".join(one.segments) or "the whole school"
        rows.add_row(str(one.number), one.state, _text(what), whom, _moment(one.until_us), askers, _text(one.purpose))
    if rows.row_count:
        out.print(rows)
    else:
        note("no request is like that; `schoolgate request file` asks for a change")
    if found.before is not None:
        note(f"there may be older ones: --before {found.before}")


def show(config: Path | None, number: int, has_effect: bool, as_json: bool) -> None:
    """One request, step by step."""
    found: RequestShown = ask(config, "request.show", number=number, has_effect=has_effect)
    if as_json:
        say_json(_plain("request.show", found))
        return
    fields = found.fields
    is_alone = fields.decision is not None and fields.decision.is_alone
    say(f"request {found.number}, version {found.version}: {found.state}", "bold")
    for name, value in (
        ("what", f"{fields.action} {' '.join(fields.names) or fields.wanted}"),
        ("for", ", ".join(fields.segments) or "the whole school"),
        ("purpose", fields.purpose),
        ("until", _moment(fields.until_us)),
        ("alternatives", fields.alternatives),
        ("refused because", fields.refused_because),
        ("decided", "by one person, who had asked for it; reported to governors and directors" if is_alone else ""),
        ("not in force", fields.problem.said if fields.problem is not None else ""),
    ):
        if value:
            say(f"  {name}: {_text(value)}")
    for step in fields.steps:
        who = found.people[step.actor].name if step.actor in found.people else step.actor
        say(f"  {_moment(step.at_us)}  {step.what}, {who}" + (f": {_text(step.note)}" if step.note else ""))
    if found.effect is not None:
        _say_effect(found.effect)


def bundle(config: Path | None, number: int, file: Path, pdf: Path | None = None) -> None:
    """Writes the file, and the document, readable by their owner alone."""
    for one in (file, pdf):
        if one is not None and one.exists():
            raise FileNotWritten(f"{one} exists; name a new file")
    made = ask(config, "request.bundle", number=number, has_pdf=pdf is not None)
    _write(file, made.text.encode())
    if pdf is not None:
        _write(pdf, base64.b64decode(made.pdf))
    note(f"{file}: verify it with `schoolgate request check-bundle {file}`")


def _write(file: Path, octets: bytes) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as written:
            written.write(octets)
    except OSError as error:
        raise FileNotWritten(f"{file}: {error.strerror}") from error


def check_bundle(file: Path, keys: tuple[str, ...]) -> None:
    """Says what is wrong with a bundle, and exits with its code."""
    from schoolgate.governance.bundle_check import check

    try:
        octets = file.read_bytes()
    except OSError as error:
        raise FileNotWritten(f"{file}: {error.strerror}") from error
    found = check(octets, keys)
    for one in found.problems:
        note(f"{file}: {_text(one)}", "bold red")
    if not found.problems:
        more = f"; {found.unproved} of older epochs, which an export of the log shows" if found.unproved else ""
        signed = "signed by a key you gave" if found.is_signed else "consistent with itself only: give --key"
        say(f"{file}: {found.entries} entries of the audit log proved{more}; {signed}")
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def _say_effect(effect: RequestEffect) -> None:
    if effect.why_not is not None:
        note(f"what it would open cannot be said: {_text(effect.why_not)}", "yellow")
    for one in effect.segments:
        for word, change in (("close", one.closed), ("open", one.opened)):
            if change.names:
                first = ", ".join(name.name for name in change.first[:5])
                segment = one.segment or "clients of no network"
                say(f"  {segment}: {change.names} names would {word}, for {change.devices} devices: {_text(first)}")
    for other in effect.others:
        say(f"  {_text(other.name)}: {other.why}")


def _plain(operation: str, found: Any) -> Any:
    from schoolgate.operations.registry import find

    return find(operation).returns.dump_python(found, mode="json")


def _moment(at_us: int | None) -> str:
    return "" if at_us is None else on_the_wall(dt.datetime.fromtimestamp(at_us / 1_000_000, dt.UTC))


def _text(value: str) -> str:
    """One line without characters that steer a terminal."""
    return "".join(one if one.isprintable() else " " for one in " ".join(value.split()))
