"""`backup key | create | list | restore | test`: prints what `schoolgate.backup` returns."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import typer

from schoolgate.backup.errors import BackupProblem, IdentityUnusable, TargetUnusable, why
from schoolgate.cli.commands.school_time import on_the_wall, zone
from schoolgate.cli.commands.terminal import note, out, say, say_json, table
from schoolgate.config import Settings, load
from schoolgate.operations.actor import user_name as who
from schoolgate.storage import state_dir as state_dirs

if TYPE_CHECKING:
    import pyrage

    from schoolgate.backup.creating import Created
    from schoolgate.backup.proving import Proof

EXIT_NOT_WHOLE = 3
STREAM = "-"
MOST_NOTE_OCTETS = 64 * 1024


def key(config: Path | None, to: str, is_encrypted: bool, is_replacing: bool) -> None:
    """Makes a key; writes or prints its secret half once."""
    from schoolgate.backup import identities
    from schoolgate.backup.key_making import adopt

    settings = _settings(config)
    passphrase = _passphrase("Passphrase", is_new=True) if is_encrypted else None
    now = dt.datetime.now(dt.UTC)
    made = identities.make_key(passphrase, now)
    # First the secret half: a public key whose secret was never written would lock every backup for ever.
    if to == STREAM:
        sys.stdout.write(made.identity_text)
        sys.stdout.flush()
    else:
        identities.write_identity(Path(to), made, settings.server.state_dir)
        say(f"{to}: the secret key of backups")
    problem = adopt(settings.server.state_dir, made, actor=who(), now=now, is_replacing=is_replacing)
    note(f"public key {made.recipient}: backups are encrypted to it from now on")
    note("keep the secret key away from this machine, in two places; without it no backup can be read", "bold")
    note("prove it: `schoolgate backup create`, then `schoolgate backup test NAME --identity FILE`")
    if problem is not None:
        note(f"warning: {problem}", "yellow")


def create(config: Path | None, to: str | None, has_log: bool | None, is_if_due: bool, as_json: bool) -> int:
    """The exit code: 3 where a target did not get it."""
    from schoolgate.backup import creating
    from schoolgate.backup.due import is_due
    from schoolgate.backup.folder_target import FolderTarget
    from schoolgate.backup.targets import targets_of

    settings, now = _settings(config), dt.datetime.now(dt.UTC)
    if is_if_due and not is_due(settings, now, zone()):
        return 0
    if to == STREAM:
        made = creating.stream(settings, config, _binary_out(), actor=who(), now=now, has_query_log=has_log)
        _note_created(made)
        return 0
    targets = targets_of(settings) if to is None else (FolderTarget("folder", Path(to)),)
    made = creating.create(settings, config, targets, actor=who(), now=now, has_query_log=has_log)
    if as_json:
        say_json(_as_json(made))
    else:
        say(f"{made.made.name}: {_size(made.made.octets)}, to {', '.join(map(_place, made.made.placed))}", "bold green")
    _note_created(made)
    return EXIT_NOT_WHOLE if made.made.failed else 0


def medium(config: Path | None, folder: Path, label: str) -> None:
    """Marks a medium."""
    from schoolgate.backup.medium_target import mark

    _settings(config)
    say(f"{folder}: marked as {mark(folder, label)}")


def list_backups(config: Path | None, as_json: bool) -> int:
    """The exit code: 3 where a target could not be asked."""
    from schoolgate.backup.listing import listed

    found = listed(_settings(config))
    if as_json:
        say_json({"backups": [vars(one) for one in found.backups], "failed": found.failed, "locked": found.locked})
    else:
        rows = table("Backup", "Made", "Size", "Where", "State")
        for one in found.backups:
            rows.add_row(one.name, on_the_wall(one.at), _size(one.octets), one.where, one.state)
        out.print(rows)
        for target, count in found.locked.items():
            note(f"{target} keeps {count} backups that are to be removed: they are locked, or we may not delete them")
    for problem in found.failed.values():
        note(problem, "yellow")
    return EXIT_NOT_WHOLE if found.failed else 0


def restore(
    config: Path | None,
    source: str,
    identity: Path,
    target: str | None,
    state_dir: Path | None,
    is_replacing: bool,
    checkpoint: Path | None,
) -> None:
    """Restores, and says what is left to do."""
    from schoolgate.backup import restoring
    from schoolgate.backup.files_elsewhere import install_commands

    settings = _settings(config, is_restoring=True)
    place = state_dir if state_dir is not None else settings.server.state_dir
    keys, lost = _identities(identity), _note_text(checkpoint)
    with _opened(settings, source, target) as opened:
        now, replacing = dt.datetime.now(dt.UTC), is_replacing
        done = restoring.restore(
            opened, keys, place, actor=who(), now=now, is_replacing=replacing, lost_checkpoint=lost
        )
    say(f"{place}: restored as of {on_the_wall(done.manifest.at)}, {len(done.manifest.files)} files", "bold green")
    if done.moved_aside is not None:
        say(f"what was there is in {done.moved_aside}")
    if done.elsewhere is not None:
        say(f"files that belong elsewhere, the settings among them, are in {done.elsewhere}; read each, then as root:")
        for line in install_commands(done.elsewhere, done.manifest):
            say(f"  {line}")
    if done.epoch is not None:
        say(f"the audit log goes on in epoch {done.epoch}")
    for problem in done.problems:
        note(f"look at this: {problem}", "bold red")
    note("what was erased on request since then is back: erase it again (`schoolgate log erase`)", "yellow")


def test(
    config: Path | None, source: str, identity: Path, target: str | None, checkpoint: Path | None, as_json: bool
) -> int:
    """The exit code: 3 where the restored school does not do what it must."""
    from schoolgate.backup.proving import keep_failure, keep_proof, prove

    settings, now = _settings(config), dt.datetime.now(dt.UTC)
    state_dir, name = settings.server.state_dir, Path(source).name
    try:
        keys, note_text = _identities(identity), _note_text(checkpoint)
        outside = [] if note_text is None else [note_text]
        with _opened(settings, source, target) as opened:
            proof = prove(opened, name, keys, actor=who(), now=now, outside=outside)
    except BackupProblem as error:
        keep_failure(state_dir, name, error, who(), now)
        raise
    problems = keep_proof(state_dir, proof, who())
    _say_proof(proof, as_json)
    for problem in problems:
        note(problem, "yellow")
    return 0 if proof.is_well else EXIT_NOT_WHOLE


def _say_proof(proof: Proof, as_json: bool) -> None:
    if as_json:
        say_json(proof.whole())
        return
    say(f"{proof.backup}, made {on_the_wall(proof.made_at)}")
    for step in proof.steps:
        say(f"{'ok  ' if step.is_well else 'FAIL'} {step.name}: {step.said}", None if step.is_well else "bold red")


def _note_created(created: Created) -> None:
    for problem in (*created.made.failed.values(), *created.problems):
        note(f"warning: {problem}", "yellow")
    for target, names in created.removed.items():
        if names:
            note(f"{target}: removed {len(names)} old backups")
    for target, count in created.locked.items():
        note(f"{target}: keeps {count} old backups that are locked, or that we may not delete")


def _as_json(created: Created) -> dict[str, object]:
    made = created.made
    return {
        **vars(made),
        "placed": [vars(one) for one in made.placed],
        "removed": created.removed,
        "locked": created.locked,
        "problems": created.problems,
    }


def _settings(config: Path | None, *, is_restoring: bool = False) -> Settings:
    """A restore may be root's work, on a machine where the state belongs to another user, or to none yet."""
    import os

    settings = load(config)
    if not (is_restoring and os.geteuid() == 0):
        state_dirs.refuse_strangers(settings.server.state_dir)
    return settings


def _binary_out() -> BinaryIO:
    if sys.stdout.isatty():
        raise BackupProblem("a backup is no text for a terminal: redirect it, as in `backup create --to - > FILE`")
    return sys.stdout.buffer


@contextmanager
def _opened(settings: Settings, source: str, target: str | None) -> Iterator[BinaryIO]:
    """The backup as a stream: standard input, a file, or fetched from a target."""
    if source == STREAM:
        yield sys.stdin.buffer
        return
    path = Path(source)
    if target is None and path.exists():
        try:
            opened = path.open("rb")
        except OSError as error:
            raise TargetUnusable(f"{path}: {why(error)}") from error
        with opened:
            yield opened
        return
    from schoolgate.backup.listing import fetched

    with fetched(settings, source, target) as found, found.open("rb") as opened:
        yield opened


def _identities(path: Path) -> list[pyrage.x25519.Identity]:
    """From a file, or from standard input: the user of the service need not be able to open the file."""
    from schoolgate.backup import identities

    if str(path) == STREAM:
        octets = sys.stdin.buffer.read(identities.MOST_OCTETS + 1)
        return identities.parse_identities(octets, "standard input", _passphrase)
    return identities.read_identities(path, _passphrase)


def _passphrase(what: str = "Passphrase of the key", *, is_new: bool = False) -> str:
    found: str = typer.prompt(what, hide_input=True, confirmation_prompt=is_new, err=True)
    return found


def _note_text(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return file.read(MOST_NOTE_OCTETS).decode()
    except OSError as error:
        raise IdentityUnusable(f"{path}: the checkpoint cannot be read: {why(error)}") from error
    except UnicodeDecodeError:
        raise IdentityUnusable(f"{path}: this is no checkpoint: it is not UTF-8 text") from None


def _place(placed: object) -> str:
    target, medium = getattr(placed, "target", ""), getattr(placed, "medium", None)
    return target if medium is None else f"{target} (medium {medium})"


def _size(octets: int) -> str:
    return f"{octets / 2**20:.1f} MiB" if octets >= 2**20 else f"{octets / 1024:.0f} KiB"
