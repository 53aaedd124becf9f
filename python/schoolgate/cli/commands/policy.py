"""`policy apply`, `show`, `diff`, `log`, `rollback`, `repair`, `templates`: prints what the operations return."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import asdict
from pathlib import Path

import typer

from schoolgate.cli.commands.asking import ask
from schoolgate.cli.commands.lists import StoredNotInForce
from schoolgate.cli.commands.school_time import on_the_wall
from schoolgate.cli.commands.terminal import note, out, say, say_json, table
from schoolgate.config import load, read_text
from schoolgate.errors import SchoolgateError
from schoolgate.operations.policies.policies import (
    FilesState,
    InForce,
    PolicyApplied,
    PolicyRepaired,
    PolicyText,
    RevisionRow,
)
from schoolgate.policy import difference, parse, template_names, template_text

FROM_STANDARD_INPUT = Path("-")


class NotConfirmed(SchoolgateError):
    """A person has to say yes first."""


class NothingToCompare(SchoolgateError):
    """There are not two policies to compare."""


def apply(config: Path | None, file: Path, reason: str, expected: int | None, request: int | None) -> None:
    """Checks a policy, stores it as a revision, and has the running service decide by it."""
    is_input = file == FROM_STANDARD_INPUT
    text = sys.stdin.read() if is_input else read_text(file)
    name = "standard input" if is_input else str(file)
    given = {"text": text, "reason": reason, "file": name, "expected": expected, "request": request}
    made: PolicyApplied = ask(config, "policy.apply", **given)
    if not made.is_change:
        say(f"{file} is {made.label}, which is the latest already; nothing was applied")
        return
    say_applied(made)


def rollback(config: Path | None, number: int, reason: str, request: int | None) -> None:
    """Applies an older revision's text as a new revision."""
    say_applied(ask(config, "policy.rollback", number=number, reason=reason, request=request))


def show(config: Path | None, number: int | None) -> None:
    """The TOML of a revision, and nothing else, so that it can be edited and applied."""
    print(_revision(config, number).text, end="")


def log(config: Path | None, as_json: bool) -> None:
    """Every revision, newest first."""
    revisions: tuple[RevisionRow, ...] = ask(config, "policy.revisions")
    if as_json:
        say_json([asdict(one) for one in revisions])
        return
    rows = table("revision", "applied", "by", "reason")
    for one in revisions:
        why = one.why if one.rolls_back_to is None else f"{one.why} (back to {one.rolls_back_to})"
        rows.add_row(str(one.number), on_the_wall(dt.datetime.fromisoformat(one.at)), one.who, why)
    if rows.row_count:
        out.print(rows)
    else:
        note("no policy was applied yet; the first start applies one, or do it with `schoolgate policy apply FILE`")


def diff(config: Path | None, old: str | None, new: str | None) -> None:
    """What changed from one revision or file to another, in the words of the policy."""
    if old is None:
        latest = _revision(config, None)
        if latest.number == 1:
            raise NothingToCompare("there is one revision only; compare it with a file: schoolgate policy diff FILE")
        old, new = str(latest.number - 1), str(latest.number)
    elif new is None:
        latest = _revision(config, None)
        old, new = (old, str(latest.number)) if old.isdigit() else (str(latest.number), old)
    (old_label, old_text), (new_label, new_text) = _text(config, old), _text(config, new)
    note(f"from {old_label} to {new_label}")
    _say_difference(difference(old_text, new_text))


def repair(config: Path | None, file: Path | None, is_confirmed: bool) -> None:
    """Mends database or active file from the other; with a file, begins anew where neither can be used."""
    state: FilesState = ask(config, "policy.files")
    for line in (state.problem, state.said):
        if line is not None:
            note(line, "yellow")
    if not is_confirmed and (state.kind == "refused" or (state.kind == "lost" and file is not None)):
        _confirm("Keep the damaged files aside and go on?")
    given = {"text": read_text(file), "file": str(file)} if file is not None else {}
    done: PolicyRepaired = ask(config, "policy.repair", **given)
    if done.what is None:
        say(f"nothing to repair: database and active file agree on revision {done.number}")
        return
    say(f"mended: {done.what}; revision {done.number}", "bold green")
    if done.history_from > 1 and done.kept:
        note(f"the history begins with revision {done.history_from}; earlier ones are in the file that was kept aside")
    for path in done.kept:
        note(f"kept aside: {path}")
    _say_mended_in_force(done.in_force, done.number)


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise NotConfirmed("nothing was changed: repeat it with --yes")
    if not typer.confirm(question, err=True):
        raise NotConfirmed("nothing was changed")


def templates(config: Path | None, name: str | None) -> None:
    """The names of the shipped policies, or the text of one."""
    lists_dir = load(config).lists.dir
    if name is not None:
        print(template_text(lists_dir, name), end="")
        return
    for one in template_names(lists_dir):
        title = template_text(lists_dir, one).splitlines()[0].lstrip("# ")
        say(f"{one:<20} {title}")


def say_applied(made: PolicyApplied) -> None:
    """A stored revision, and whether the running service decides by it. Raises `StoredNotInForce`."""
    say(f"stored as revision {made.revision}")
    if made.before is not None:
        _say_difference(made.difference)
    found = made.in_force
    if found.state == "in_force":
        say(f"in force: revision {found.revision}", "bold green")
    elif found.state == "no_service":
        if made.not_published is not None:
            note(f"the active file is not written yet: {made.not_published}", "yellow")
        say("no service runs here; it starts with this policy")
    elif found.revision is None:
        raise StoredNotInForce(
            f"revision {made.revision} is stored, but NOT in force: {found.problem}\n"
            "mend that, then run `schoolgate reload`; or `schoolgate policy rollback`"
        )
    else:
        raise StoredNotInForce(f"revision {made.revision} is stored, but {found.problem}")


def _revision(config: Path | None, number: int | None) -> PolicyText:
    found: PolicyText = ask(config, "policy.show", number=number)
    return found


def _text(config: Path | None, what: str) -> tuple[str, str]:
    """A revision by its number, else a file."""
    if what.isdigit():
        revision = _revision(config, int(what))
        return revision.label, revision.text
    text = read_text(Path(what))
    parse(text, what)  # a file with mistakes has no differences to show
    return what, text


def _say_mended_in_force(found: InForce, number: int) -> None:
    if found.state == "in_force":
        say(f"in force: revision {number}", "bold green")
    elif found.state == "no_service":
        say("no service runs here; it starts with this policy")
    elif found.revision is None:
        raise StoredNotInForce(f"the files are mended, and the running service does not take them: {found.problem}")
    else:
        raise StoredNotInForce(
            f"the files are mended, but the running service decides by revision {found.revision}:"
            " look at `schoolgate status`"
        )


def _say_difference(lines: tuple[str, ...] | list[str]) -> None:
    for line in lines:
        say(f"  {line}")
    if not lines:
        say("  no difference but in layout and comments")
