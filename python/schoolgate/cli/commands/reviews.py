"""`review`, `register`, `action`, `evidence`."""

from __future__ import annotations

import base64
import datetime as dt
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.terminal import moment, note, out, say, say_json, table
from schoolgate.errors import SchoolgateError

_STATES = {"met": "as it should be", "look": "to look at", "broken": "NOT MEASURED", "outside": "by other means"}


class NotWritten(SchoolgateError):
    """The file could not be written."""


def list_reviews(config: Path | None, as_json: bool) -> None:
    """A line for each."""
    found = ask(config, "review.list")
    if as_json:
        say_json([asdict(one) for one in found])
        return
    rows = table("review", "why", "state", "begun", "next")
    for one in found:
        rows.add_row(str(one.number), one.trigger, one.state, _moment(one.created_us), one.next_on or "not set")
    _print(rows, "no review is kept here; begin one in the console")


def show_review(config: Path | None, number: int, as_json: bool) -> None:
    """Each field under its words."""
    found = ask(config, "review.show", number=number)
    if as_json:
        say_json(asdict(found))
        return
    review = found.review
    say(f"Review {review.number}, {review.state}, changed {_moment(review.changed_us)}", "bold")
    for one in found.form:
        say("")
        source = review.sources.get(one.name)
        say(one.words + (f" (by the system: {source})" if source else ""), "bold")
        say(str(review.fields[one.name] or "not filled in"))
    for signed in review.signatures:
        say(f"Signed by {signed.who} ({', '.join(signed.roles)}), {_moment(signed.at_us)}")
    if review.waits_for:
        note(f"waits for: {' and '.join(review.waits_for)}", "yellow")


def export_review(config: Path | None, number: int) -> None:
    """As JSON, with its actions."""
    found = ask(config, "review.show", number=number)
    actions = ask(config, "action.list", is_all=True, origin="review", origin_number=number)
    say_json({**asdict(found.review), "actions": [asdict(one) for one in actions.actions]})


def list_register(config: Path | None, kind: str | None, is_all: bool, as_json: bool) -> None:
    """The registers counted, or the lines of one."""
    if kind is None:
        kinds = ask(config, "register.kinds")
        if as_json:
            say_json([{"kind": one.kind, "current": one.current, "overdue": one.overdue} for one in kinds])
            return
        rows = table("register", "current", "overdue")
        for one in kinds:
            rows.add_row(one.kind, str(one.current), str(one.overdue))
        out.print(rows)
        return
    found = ask(config, "register.list", kind=kind, is_all=is_all)
    if as_json:
        say_json([asdict(one) for one in found.lines])
        return
    rows = table("line", "about", "state", "due")
    for one in found.lines:
        due = "never" if one.due_us is None else _moment(one.due_us - 1) + (", overdue" if one.is_overdue else "")
        rows.add_row(str(one.number), one.subject, one.state, due)
    for warning in found.warnings:
        note(warning, "yellow")
    _print(rows, "nothing stands here yet; add lines in the console")


def export_register(config: Path | None, kind: str) -> None:
    """CSV, as it is."""
    sys.stdout.write(ask(config, "register.export", kind=kind))


def list_decisions(config: Path | None, as_json: bool) -> None:
    """A line for each, those with something missing first."""
    found = ask(config, "register.decisions")
    if as_json:
        say_json([asdict(one) for one in found.rows])
        return
    rows = table("what", "is", "why", "who", "again on", "missing")
    for one in found.rows:
        rows.add_row(one.what, one.value, one.reason, one.owner, str(one.review_on or ""), ", ".join(one.missing))
    _print(rows, "the policy decides nothing yet")
    if found.missing:
        note(f"{found.missing} of {len(found.rows)} lack a reason, an owner or a review date", "yellow")


def list_actions(config: Path | None, is_all: bool, as_json: bool) -> None:
    """A line for each."""
    found = ask(config, "action.list", is_all=is_all).actions
    if as_json:
        say_json([asdict(one) for one in found])
        return
    rows = table("action", "what", "who", "by", "state")
    for one in found:
        state = f"done {one.done_on}" if one.state == "done" else "overdue" if one.is_overdue else "open"
        rows.add_row(str(one.number), one.what, one.owner, str(one.due_on), state)
    _print(rows, "no action is open")


def calendar(config: Path | None, days: int, as_json: bool) -> None:
    """The longest overdue first."""
    found = ask(config, "action.calendar", days=days).dues
    if as_json:
        say_json([asdict(one) for one in found])
        return
    rows = table("by", "what", "state")
    for one in found:
        rows.add_row(str(one.due_on), one.words, "overdue" if one.is_overdue else "due")
    _print(rows, f"nothing is due in {days} days")


def add_action(config: Path | None, what: str, owner: str, by: str, origin: str) -> None:
    """Its number."""
    made = ask(config, "action.add", what=what, owner=owner, due_on=by, origin=origin)
    say(f"action {made.number}: {made.what}, by {made.due_on}")


def make_evidence(config: Path | None, to: Path | None) -> None:
    """Its name and digest; what could not be measured goes to standard error."""
    made = ask(config, "evidence.make")
    say(f"{made.pack.name}  {made.pack.size_octets / 1024:.0f} KiB, SHA-256 {made.pack.sha256}")
    if made.pack != made.posts:
        say(f"{made.posts.name}  the same with posts in place of names, to hand out")
    counts = made.counts
    say(f"{counts['met']} as it should be, {counts['look']} to look at, {counts['broken']} not measured")
    for problem in made.broken:
        note(f"not measured: {problem}", "yellow")
    if to is not None:
        octets = base64.b64decode(ask(config, "evidence.read", name=made.pack.name).octets)
        try:
            to.write_bytes(octets)
        except OSError as error:
            raise NotWritten(f"{to}: {error.strerror}; the pack is kept all the same") from error


def list_evidence(config: Path | None, as_json: bool) -> None:
    """A line for each."""
    found = ask(config, "evidence.list")
    if as_json:
        say_json([asdict(one) for one in found.packs])
        return
    for one in found.packs:
        staff = "names staff" if one.names_staff else "posts, no names"
        say(f"{found.folder}/{one.name}  {one.size_octets / 1024:.0f} KiB, {staff}, SHA-256 {one.sha256}")
    if not found.packs:
        note("no evidence pack is kept; make one with `schoolgate evidence make`")


def show_service(config: Path | None, month: str | None, to: Path | None, as_json: bool) -> None:
    """A line for each row."""
    found = ask(config, "evidence.service", month=month)
    if to is not None:
        try:
            to.write_bytes(base64.b64decode(ask(config, "evidence.service_pdf", month=month).octets))
        except OSError as error:
            raise NotWritten(f"{to}: {error.strerror}; write it elsewhere") from error
    if as_json:
        say_json(asdict(found))
        return
    say(f"Service from {found.first} to {found.last}" + ("" if found.is_over else ", and the month goes on"), "bold")
    for one in found.rows:
        say(f"{_STATES[one.state]:<16}{one.item}: {one.value}")


def _moment(at_us: int) -> str:
    return moment(dt.datetime.fromtimestamp(at_us / 1_000_000, dt.UTC).isoformat())


def _print(rows: Any, words: str) -> None:
    if rows.row_count:
        out.print(rows)
    else:
        note(words)
