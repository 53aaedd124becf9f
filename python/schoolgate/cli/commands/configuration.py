"""`config sample` and `check`."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from schoolgate.cli.commands.terminal import note, say
from schoolgate.config import Problem, Settings, config_label, load, parse, read_text, sample
from schoolgate.errors import SchoolgateError
from schoolgate.lists.address_lines import address_lines
from schoolgate.lists.inputs import list_inputs
from schoolgate.policy import CheckedPolicy, load_catalogue
from schoolgate.policy.active_policy import (
    Ground,
    compile_active_policy,
    first_policy,
    label,
    latest_revision,
    policy_files,
    read_ground,
    read_policy,
)
from schoolgate.policy.problems import PolicyRefused
from schoolgate.policy.speaking_rules import mute_rules
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
        _try(wrong, lambda: _check_policy(usable, ground, policy, settings is not None))
        if policy is None and settings is not None:
            _try(wrong, lambda: _check_revision(usable, ground))
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
        return None


def _check_lists(settings: Settings) -> None:
    with tempfile.TemporaryDirectory(prefix="schoolgate-check-") as work:
        inputs = list_inputs(settings, Path(work))
    _checked(f"lists: {len(inputs)} from {settings.lists.dir} and lists.extra", address_lines(settings))


def _check_policy(settings: Settings, ground: Ground, policy: Path | None, has_settings: bool) -> None:
    path, text = (policy, read_text(policy)) if policy is not None else first_policy(settings)
    checked = _check_text(f"policy {path}", text, str(path), ground, 1)
    mute = mute_rules(checked, ground.catalogue, settings) if has_settings else ()
    # Before a start a mistake in the policy to come is a mistake; what the first start took may be long out of force.
    if mute and (policy is not None or latest_revision(policy_files(settings).look()) is None):
        raise PolicyRefused(mute)


def _check_revision(settings: Settings, ground: Ground) -> None:
    """The policy in force may name what the lists no longer have."""
    try:
        state_dir.refuse_strangers(settings.server.state_dir)
    except state_dir.StateDirUnusable as error:
        note(f"the policy in force was not checked: {error}", "yellow")
        return
    check = policy_files(settings).look(is_thorough=True)
    revision = latest_revision(check)
    if revision is not None:
        text = f"{label(revision)}, in force"
        checked = _check_text(text, revision.text, label(revision), ground, revision.number)
        # A service manager checks before it starts the server: a mute rule must not keep a school without DNS.
        for problem in mute_rules(checked, ground.catalogue, settings):
            note(f"    in force, and mute: {problem}", "bold red")
    if check.said is not None:
        note(f"    warning: {check.said}; a start writes it anew from the database", "yellow")
    if check.problem is not None:
        raise CheckFailed(check.problem)


def _check_text(what: str, text: str, file: str, ground: Ground, number: int) -> CheckedPolicy:
    checked = read_policy(text, file, ground)
    active = compile_active_policy(checked, ground, number, dt.datetime.now(dt.UTC))
    document = checked.document
    _checked(f"{what}: {len(document.policies)} policies, {len(document.segments)} segments", active.compiled.warnings)
    return checked


def _checked(what: str, warnings: Iterable[Problem]) -> None:
    say(f"ok  {what}")
    for warning in warnings:
        note(f"    warning: {warning}", "yellow")
