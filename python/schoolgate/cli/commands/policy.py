"""`policy apply`, `show`, `diff`, `log`, `rollback`, `repair`, `templates`."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from dataclasses import asdict
from pathlib import Path

import typer

from schoolgate.checks.draft import Draft, examine
from schoolgate.cli.commands.lists import StoredNotInForce
from schoolgate.cli.commands.local_user import who as person
from schoolgate.cli.commands.school_time import on_the_wall
from schoolgate.cli.commands.terminal import note, out, say, say_json, table
from schoolgate.config import Settings, config_label, load, read_text
from schoolgate.control import call, call_if_running
from schoolgate.control.client import CommandRefused, ControlUnreachable, NotRunning
from schoolgate.errors import SchoolgateError
from schoolgate.policy import (
    NoSuchRevision,
    Revision,
    difference,
    parse,
    template_names,
    template_text,
)
from schoolgate.policy.active_policy import Ground, label, latest_revision, policy_files, read_ground
from schoolgate.policy.policy_change import PolicyChange, change_policy
from schoolgate.policy.policy_files import PolicyFiles
from schoolgate.policy.repair import repair as mend
from schoolgate.policy.repair import repair_with
from schoolgate.storage import state_dir

INSTALL_TIMEOUT_S = 60.0
FROM_STANDARD_INPUT = Path("-")


class NotConfirmed(SchoolgateError):
    """A person has to say yes first."""


class NothingToCompare(SchoolgateError):
    """There are not two policies to compare."""


def apply(config: Path | None, file: Path, reason: str, who: str | None) -> None:
    """Checks a policy, stores it as a revision, and has the running service decide by it."""
    settings = writable(config)
    ground = read_ground(settings, config_label(config))
    text = sys.stdin.read() if file == FROM_STANDARD_INPUT else read_text(file)
    name = "standard input" if file == FROM_STANDARD_INPUT else str(file)
    change = change_text(settings, ground, text, name, reason, who, is_same_kept=True)
    if not change.is_change:
        say(f"{file} is {label(change.revision)}, which is the latest already; nothing was applied")
        return
    put_in_force(settings, change)


def change_text(
    settings: Settings,
    ground: Ground,
    text: str,
    file: str,
    reason: str,
    who: str | None,
    *,
    follows: int | None = None,
    is_same_kept: bool = False,
) -> PolicyChange:
    """Stores a text as the next revision, once nothing stands in its way. `follows`: the revision it was made from."""
    now, by = _now(), who or person()
    _examine(settings, ground, text, file, now).refuse()
    return change_policy(
        settings,
        ground,
        text,
        file,
        now,
        lambda store: store.apply(text, who=by, why=reason, now=now, follows=follows),
        is_same_kept=is_same_kept,
    )


def rollback(config: Path | None, number: int, reason: str, who: str | None) -> None:
    """Applies an older revision's text as a new revision."""
    settings = writable(config)
    ground = read_ground(settings, config_label(config))
    old = _looked_at(policy_files(settings), is_thorough=True).store.show(number)
    now, by = _now(), who or person()
    draft = _examine(settings, ground, old.text, label(old), now)
    # Going back must work in haste: a rule that cannot speak is named, and is what it was.
    for problem in draft.mute:
        note(f"mute: {problem}", "bold red")
    draft.refuse(may_be_mute=True)
    change = change_policy(
        settings, ground, old.text, label(old), now, lambda store: store.rollback(number, who=by, why=reason, now=now)
    )
    put_in_force(settings, change)


def show(config: Path | None, number: int | None) -> None:
    """The TOML of a revision, and nothing else, so that it can be edited and applied."""
    print(_revision(_files(config), number).text, end="")


def log(config: Path | None, as_json: bool) -> None:
    """Every revision, newest first."""
    revisions = _files(config).store.log()
    if as_json:
        say_json([{key: value for key, value in asdict(one).items() if key != "text"} for one in revisions])
        return
    rows = table("revision", "applied", "by", "reason")
    for one in revisions:
        why = one.why if one.rolls_back_to is None else f"{one.why} (back to {one.rolls_back_to})"
        rows.add_row(str(one.number), on_the_wall(one.at), one.who, why)
    if rows.row_count:
        out.print(rows)
    else:
        note("no policy was applied yet; the first start applies one, or do it with `schoolgate policy apply FILE`")


def diff(config: Path | None, old: str | None, new: str | None) -> None:
    """What changed from one revision or file to another, in the words of the policy."""
    files = _files(config)
    if old is None:
        latest = _revision(files, None)
        if latest.number == 1:
            raise NothingToCompare("there is one revision only; compare it with a file: schoolgate policy diff FILE")
        old, new = str(latest.number - 1), str(latest.number)
    elif new is None:
        latest = _revision(files, None)
        old, new = (old, str(latest.number)) if old.isdigit() else (str(latest.number), old)
    (old_label, old_text), (new_label, new_text) = _text(files, old), _text(files, new)
    note(f"from {old_label} to {new_label}")
    _print_difference(old_text, new_text)


def repair(config: Path | None, file: Path | None, is_confirmed: bool, who: str | None) -> None:
    """Mends database or active file from the other; with a file, begins anew where neither can be used."""
    settings = writable(config)
    ground = read_ground(settings, config_label(config))
    # A running service has the last good policy in memory: it writes the active file anew first.
    with contextlib.suppress(CommandRefused, ControlUnreachable):
        call_if_running(settings.server.control_socket, "policy-changed", timeout_s=INSTALL_TIMEOUT_S)
    check = policy_files(settings).look(is_thorough=True)
    for line in (check.problem, check.said):
        if line is not None:
            note(line, "yellow")
    if not is_confirmed and check.kind in ("refused", "lost") and (check.kind == "refused" or file is not None):
        _confirm("Keep the damaged files aside and go on?")
    if file is not None:
        why = f"policy repair, from {file}"
        done = repair_with(settings, ground, read_text(file), str(file), who=who or person(), why=why, now=_now())
    else:
        done = mend(settings, ground, _now())
    if done.what is None:
        say(f"nothing to repair: database and active file agree on revision {done.number}")
        return
    say(f"mended: {done.what}; revision {done.number}", "bold green")
    if done.history_from > 1 and done.kept:
        note(f"the history begins with revision {done.history_from}; earlier ones are in the file that was kept aside")
    for path in done.kept:
        note(f"kept aside: {path}")
    _load_mended(settings, done.number)


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


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def writable(config: Path | None) -> Settings:
    settings = load(config)
    state_dir.prepare(settings.server.state_dir)
    return settings


def _files(config: Path | None) -> PolicyFiles:
    """Also for reading: SQLite makes files beside the database, which must be the service user's."""
    settings = load(config)
    state_dir.refuse_strangers(settings.server.state_dir)
    return _looked_at(policy_files(settings))


def _looked_at(files: PolicyFiles, *, is_thorough: bool = False) -> PolicyFiles:
    """Says beforehand what may be wrong with them, and what mends it."""
    problem = files.look(is_thorough=is_thorough).problem
    if problem is not None:
        note(f"warning: {problem}", "yellow")
    return files


def _revision(files: PolicyFiles, number: int | None) -> Revision:
    """One of the database; the latest is the one in force, also where the database is damaged."""
    if number is not None:
        return files.store.show(number)
    latest = latest_revision(files.look())
    if latest is None:
        raise NoSuchRevision("no policy was applied yet; apply one with `schoolgate policy apply FILE`")
    return latest


def _text(files: PolicyFiles, what: str) -> tuple[str, str]:
    """A revision by its number, else a file."""
    if what.isdigit():
        revision = files.store.show(int(what))
        return label(revision), revision.text
    text = read_text(Path(what))
    parse(text, what)  # a file with mistakes has no differences to show
    return what, text


def _load_mended(settings: Settings, number: int) -> None:
    try:
        reply = call_if_running(settings.server.control_socket, "policy-changed", timeout_s=INSTALL_TIMEOUT_S)
    except (ControlUnreachable, CommandRefused) as error:
        raise StoredNotInForce(f"the files are mended, and the running service does not take them: {error}") from error
    if reply is None:
        say("no service runs here; it starts with this policy")
    elif reply["policy_revision"] != number:
        raise StoredNotInForce(
            f"the files are mended, but the running service decides by revision {reply['policy_revision']}:"
            " look at `schoolgate status`"
        )
    else:
        say(f"in force: revision {number}", "bold green")


def _examine(settings: Settings, ground: Ground, text: str, file: str, now: dt.datetime) -> Draft:
    """All there is to say of a policy before anything is stored; warnings are said."""
    draft = examine(settings, ground, text, file, now, before=latest_revision(policy_files(settings).look()))
    for warning in draft.warnings:
        note(f"warning: {warning}", "yellow")
    return draft


def put_in_force(settings: Settings, change: PolicyChange) -> None:
    revision = change.revision
    say(f"stored as revision {revision.number}")
    if change.before is not None:
        _print_difference(change.before.text, revision.text)
    try:
        reply = call(settings.server.control_socket, "policy-changed", timeout_s=INSTALL_TIMEOUT_S)
    except NotRunning:
        if change.not_published is not None:
            note(f"the active file is not written yet: {change.not_published}", "yellow")
        say("no service runs here; it starts with this policy")
        return
    except (ControlUnreachable, CommandRefused) as error:
        raise StoredNotInForce(
            f"revision {revision.number} is stored, but NOT in force: {error}\n"
            "mend that, then run `schoolgate reload`; or `schoolgate policy rollback`"
        ) from error
    if reply["policy_revision"] < revision.number:
        why = change.not_published or "it has another state directory; use the --config it was started with"
        raise StoredNotInForce(
            f"revision {revision.number} is stored, but the running service decides by revision"
            f" {reply['policy_revision']}: {why}"
        )
    say(f"in force: revision {reply['policy_revision']}", "bold green")


def _print_difference(old: str, new: str) -> None:
    lines = difference(old, new)
    for line in lines:
        say(f"  {line}")
    if not lines:
        say("  no difference but in layout and comments")
