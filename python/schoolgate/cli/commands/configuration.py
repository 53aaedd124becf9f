"""`config sample` and `check`."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from schoolgate.backup.backup_problems import backup_problems
from schoolgate.checks.draft import Draft, examine
from schoolgate.cli.commands.terminal import note, say
from schoolgate.config import Problem, Settings, config_label, load, parse, read_text, sample
from schoolgate.config.service_user import denied
from schoolgate.errors import SchoolgateError
from schoolgate.lists.address_lines import address_lines
from schoolgate.lists.inputs import list_inputs
from schoolgate.lists.unfilled import filling
from schoolgate.policy import Revision, load_catalogue
from schoolgate.policy.active_policy import (
    Ground,
    first_policy,
    label,
    latest_revision,
    policy_files,
    read_ground,
    read_policy,
)
from schoolgate.policy.denied import denied_categories
from schoolgate.storage import state_dir
from schoolgate.storage.applied_settings import find_settings

T = TypeVar("T")


class CheckFailed(SchoolgateError):
    """Something that was checked cannot be used."""


def print_sample() -> None:
    """A commented schoolgate.toml."""
    print(sample(), end="")


def check(config: Path | None, policy: Path | None) -> None:
    """Reads configuration and policy as a start would and changes nothing; `CheckFailed` holds everything wrong."""
    wrong: list[str] = []
    settings = _try(wrong, lambda: load(config))
    # With unusable settings the policy is still read, with the shipped lists, so that all mistakes come at once.
    usable = settings if settings is not None else parse("", "defaults")
    if settings is not None:
        _checked(f"configuration {config_label(config)}", ())
        _note_what_is_lost(config)
        for problem in backup_problems(settings, dt.datetime.now(dt.UTC)):
            note(f"    warning: {problem}", "yellow")
        _try(wrong, lambda: _check_lists(usable))
    ground = _try(wrong, lambda: read_ground(usable, config_label(config)))
    if ground is None:
        catalogue = _try(wrong, lambda: load_catalogue(usable.lists.dir))
        ground = Ground(catalogue, (), ()) if catalogue is not None else None
    elif settings is not None:
        _checked(
            f"local zones: {len(usable.local.zone_files)} files, {len(ground.zones)} zones in all", ground.warnings
        )
    if ground is not None:
        revision = _try(wrong, lambda: _in_force(usable)) if settings is not None else None
        _try(wrong, lambda: _check_policy(usable, ground, policy, revision, is_usable=settings is not None))
        if policy is None and revision is not None:
            _try(wrong, lambda: _check_revision(usable, ground, revision))
    if wrong:
        raise CheckFailed("\n".join(dict.fromkeys(line for text in wrong for line in text.splitlines())))


def _note_what_is_lost(config: Path | None) -> None:
    """Beside the settings that are in force, this file may have been cut short."""
    problem = find_settings(config).problem
    if problem is not None:
        note(f"    warning: {problem}", "yellow")


def _try(wrong: list[str], step: Callable[[], T]) -> T | None:
    try:
        return step()
    except SchoolgateError as error:
        wrong.append(str(error))
    except PermissionError as error:
        wrong.append(denied(Path(error.filename)))
    return None


def _check_lists(settings: Settings) -> None:
    with tempfile.TemporaryDirectory(prefix="schoolgate-check-") as work:
        inputs = list_inputs(settings, Path(work))
    _checked(f"lists: {len(inputs)} from {settings.lists.dir} and lists.extra", address_lines(settings))


def _check_policy(
    settings: Settings, ground: Ground, policy: Path | None, before: Revision | None, *, is_usable: bool
) -> None:
    path, text = (policy, read_text(policy)) if policy is not None else first_policy(settings)
    if not is_usable:
        read_policy(text, str(path), ground)
        return
    # Before a start a mute rule in the policy to come is a mistake; what the first start took may be long out of force.
    may_be_mute = policy is None and before is not None
    draft = _check_text(f"policy {path}", text, str(path), settings, ground, before, may_be_mute=may_be_mute)
    if policy is not None or before is None:
        _say_what_is_unfilled(settings, draft)


def _check_revision(settings: Settings, ground: Ground, revision: Revision) -> None:
    """The policy in force may name what the lists no longer have."""
    what = f"{label(revision)}, in force"
    draft = _check_text(what, revision.text, label(revision), settings, ground, revision, may_be_mute=True)
    # A service manager checks before it starts the server: a mute rule must not keep a school without DNS.
    for problem in draft.mute:
        note(f"    in force, and mute: {problem}", "bold red")
    _say_what_is_unfilled(settings, draft)


def _in_force(settings: Settings) -> Revision | None:
    """None before the first start, and where it cannot be read by this user, which is said."""
    try:
        state_dir.refuse_strangers(settings.server.state_dir)
    except state_dir.StateDirUnusable as error:
        note(f"the policy in force was not checked: {error}", "yellow")
        return None
    check = policy_files(settings).look(is_thorough=True)
    if check.said is not None:
        note(f"    warning: {check.said}; a start writes it anew from the database", "yellow")
    if check.problem is not None:
        raise CheckFailed(check.problem)
    return latest_revision(check)


def _check_text(
    what: str,
    text: str,
    file: str,
    settings: Settings,
    ground: Ground,
    before: Revision | None,
    *,
    may_be_mute: bool,
) -> Draft:
    draft = examine(settings, ground, text, file, dt.datetime.now(dt.UTC), before=before)
    draft.refuse(may_be_mute=may_be_mute)
    document = draft.active.as_read.document
    _checked(f"{what}: {len(document.policies)} policies, {len(document.segments)} segments", draft.warnings)
    return draft


def _say_what_is_unfilled(settings: Settings, draft: Draft) -> None:
    """A denied category protects as far as names of it are known."""
    found = filling(settings, denied_categories(draft.active.as_read, draft.active.at))
    for problem in found.problems():
        note(f"    warning: {problem}", "yellow")
    for notice in found.notices():
        note(f"    note: {notice}")


def _checked(what: str, warnings: Iterable[Problem]) -> None:
    say(f"ok  {what}")
    for warning in warnings:
        note(f"    warning: {warning}", "yellow")
