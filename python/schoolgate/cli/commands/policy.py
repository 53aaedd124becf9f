"""`policy apply`, `show`, `diff`, `log`, `rollback`, `templates`."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

from schoolgate.cli.commands.lists import StoredNotInForce
from schoolgate.cli.commands.local_user import who as person
from schoolgate.cli.commands.terminal import note, out, say, table
from schoolgate.config import Problem, Settings, config_label, load, read_text
from schoolgate.control import call
from schoolgate.control.client import CommandRefused, ControlUnreachable, NotRunning
from schoolgate.errors import SchoolgateError
from schoolgate.policy import (
    NoSuchRevision,
    Revision,
    RevisionStore,
    difference,
    parse,
    template_names,
    template_text,
)
from schoolgate.policy.active_policy import compile_active_policy, label, read_ground, read_policy, store_of
from schoolgate.policy.problems import PolicyRefused
from schoolgate.policy.speaking_rules import mute_rules
from schoolgate.storage import state_dir

INSTALL_TIMEOUT_S = 60.0
FROM_STANDARD_INPUT = Path("-")


class NothingToCompare(SchoolgateError):
    """There are not two policies to compare."""


def apply(config: Path | None, file: Path, reason: str, who: str | None) -> None:
    """Checks a policy, stores it as a revision, and has the running service decide by it."""
    settings = _writable(config)
    text = sys.stdin.read() if file == FROM_STANDARD_INPUT else read_text(file)
    before = store_of(settings).latest()
    if mute := _check(settings, config, text, "standard input" if file == FROM_STANDARD_INPUT else str(file)):
        raise PolicyRefused(mute)
    if before is not None and before.text == text:
        say(f"{file} is {label(before)}, which is the latest already; nothing was applied")
        return
    revision = store_of(settings).apply(text, who=who or person(), why=reason, now=_now())
    _put_in_force(settings, before, revision)


def rollback(config: Path | None, number: int, reason: str, who: str | None) -> None:
    """Applies an older revision's text as a new revision."""
    settings = _writable(config)
    store = store_of(settings)
    before = store.latest()
    old = store.show(number)
    # Going back must work in haste: a rule that cannot speak is named, and is what it was.
    for problem in _check(settings, config, old.text, label(old)):
        note(f"mute: {problem}", "bold red")
    _put_in_force(settings, before, store.rollback(number, who=who or person(), why=reason, now=_now()))


def show(config: Path | None, number: int | None) -> None:
    """The TOML of a revision, and nothing else, so that it can be edited and applied."""
    print(_revision(_store(config), number).text, end="")


def log(config: Path | None) -> None:
    """Every revision, newest first."""
    rows = table("revision", "applied", "by", "reason")
    for one in _store(config).log():
        why = one.why if one.rolls_back_to is None else f"{one.why} (back to {one.rolls_back_to})"
        rows.add_row(str(one.number), f"{one.at.astimezone():%Y-%m-%d %H:%M:%S}", one.who, why)
    if rows.row_count:
        out.print(rows)
    else:
        note("no policy was applied yet; the first start applies one, or do it with `schoolgate policy apply FILE`")


def diff(config: Path | None, old: str | None, new: str | None) -> None:
    """What changed from one revision or file to another, in the words of the policy."""
    store = _store(config)
    if old is None:
        latest = _revision(store, None)
        if latest.number == 1:
            raise NothingToCompare("there is one revision only; compare it with a file: schoolgate policy diff FILE")
        old, new = str(latest.number - 1), str(latest.number)
    elif new is None:
        latest = _revision(store, None)
        old, new = (old, str(latest.number)) if old.isdigit() else (str(latest.number), old)
    (old_label, old_text), (new_label, new_text) = _text(store, old), _text(store, new)
    note(f"from {old_label} to {new_label}")
    _print_difference(old_text, new_text)


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


def _writable(config: Path | None) -> Settings:
    settings = load(config)
    state_dir.prepare(settings.server.state_dir)
    return settings


def _store(config: Path | None) -> RevisionStore:
    """Also for reading: SQLite makes files beside the database, which must be the service user's."""
    settings = load(config)
    state_dir.refuse_strangers(settings.server.state_dir)
    return store_of(settings)


def _revision(store: RevisionStore, number: int | None) -> Revision:
    if number is not None:
        return store.show(number)
    latest = store.latest()
    if latest is None:
        raise NoSuchRevision("no policy was applied yet; apply one with `schoolgate policy apply FILE`")
    return latest


def _text(store: RevisionStore, what: str) -> tuple[str, str]:
    """A revision by its number, else a file."""
    if what.isdigit():
        revision = store.show(int(what))
        return label(revision), revision.text
    text = read_text(Path(what))
    parse(text, what)  # a file with mistakes has no differences to show
    return what, text


def _check(settings: Settings, config: Path | None, text: str, file: str) -> tuple[Problem, ...]:
    """All problems at once, before anything is stored; returns the rules of alerts that can never speak."""
    ground = read_ground(settings, config_label(config))
    checked = read_policy(text, file, ground)
    active_policy = compile_active_policy(checked, ground, 1, _now())
    for warning in active_policy.compiled.warnings:
        note(f"warning: {warning}", "yellow")
    return mute_rules(checked, ground.catalogue, settings)


def _put_in_force(settings: Settings, before: Revision | None, revision: Revision) -> None:
    say(f"stored as revision {revision.number}")
    if before is not None:
        _print_difference(before.text, revision.text)
    try:
        told = call(settings.server.control_socket, "policy-changed", timeout_s=INSTALL_TIMEOUT_S)
    except NotRunning:
        say("no service runs here; it starts with this policy")
        return
    except (ControlUnreachable, CommandRefused) as error:
        raise StoredNotInForce(
            f"revision {revision.number} is stored, but NOT in force: {error}\n"
            "mend that, then run `schoolgate reload`; or `schoolgate policy rollback`"
        ) from error
    if told["policy_revision"] < revision.number:
        raise StoredNotInForce(
            f"revision {revision.number} is stored, but the running service decides by revision"
            f" {told['policy_revision']}: it has another state directory; use the --config it was started with"
        )
    say(f"in force: revision {told['policy_revision']}", "bold green")


def _print_difference(old: str, new: str) -> None:
    lines = difference(old, new)
    for line in lines:
        say(f"  {line}")
    if not lines:
        say("  no difference but in layout and comments")
