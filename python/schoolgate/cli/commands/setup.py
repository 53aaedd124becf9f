"""`schoolgate setup`: questions or an answer file, what would change, and doing it once that is confirmed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import typer

from schoolgate.cli.commands.asking import ask, ask_watching
from schoolgate.cli.commands.control_for_root import control_for_root
from schoolgate.cli.commands.setup_questions import every_question
from schoolgate.cli.commands.terminal import note, say
from schoolgate.config import load, read_text
from schoolgate.errors import SchoolgateError
from schoolgate.operations.setup.setup_results import SetupApplied, SetupPreview
from schoolgate.operations.work import Progress, Said
from schoolgate.setup.answers import as_toml, checked, parse_answers
from schoolgate.setup.settings_placing import put
from schoolgate.storage.atomic_file import PRIVATE, write_whole

WOULD_CHANGE = 3
INTERRUPTED = 130
START = (
    "systemctl enable --now schoolgate.service schoolgate-control.service schoolgate-console.service"
    " schoolgate-monitor.service schoolgate-lists.timer schoolgate-backup.timer"
)


def setup(
    config: Path | None, file: Path | None, is_check: bool, is_sure: bool, save: Path | None, updates: bool
) -> int:
    """Sets this machine up; returns the exit code."""
    with control_for_root(config):
        return _asked(config, file, is_check, is_sure, save, updates)


def _asked(
    config: Path | None, file: Path | None, is_check: bool, is_sure: bool, save: Path | None, updates: bool
) -> int:
    try:
        answers = _of_file(config, file) if file is not None else every_question(config)
        if save is not None:
            write_whole(save, as_toml(checked(answers)).encode(), PRIVATE)
            note(f"{save}: written; for another machine: schoolgate setup --answers {save}")
        return _confirmed(config, answers, is_check, is_sure, updates)
    except (typer.Abort, KeyboardInterrupt):
        kept = " Your answers so far are kept: `schoolgate setup` goes on with them."
        if file is not None:
            kept = "" if is_sure or sys.stdin.isatty() else " Without a terminal, say --yes."
        note(f"\nNothing was changed.{kept}", "yellow")
        return INTERRUPTED


def _of_file(config: Path | None, file: Path) -> dict[str, Any]:
    """The answers of a file. A group that it leaves out is as it is on this machine, or as it is proposed for it."""
    text, name = (sys.stdin.read(), "standard input") if str(file) == "-" else (read_text(file), str(file))
    given = parse_answers(text, name)
    there = ask(config, "setup.look", school=given.get("school"), is_draft_used=False)
    answers = {**there.answers, **given}
    checked(answers, name)
    return answers


def _confirmed(config: Path | None, answers: dict[str, Any], is_check: bool, is_sure: bool, updates: bool) -> int:
    found: SetupPreview = ask(config, "setup.preview", answers=answers)
    _print_preview(found)
    if found.problems:
        note("nothing was changed; correct these answers, then run it again", "bold red")
        return 1
    if is_check:
        return WOULD_CHANGE if found.is_change else 0
    if not found.is_change:
        say("Nothing is to be changed.")
        return 0
    if not is_sure and not typer.confirm("Write this?", default=False):
        raise typer.Abort
    try:
        done: SetupApplied = ask(config, "setup.apply", answers=answers)
    except KeyboardInterrupt:
        note("\nIt was begun, and each step is whole or not there: run it again, and it goes on.", "yellow")
        return INTERRUPTED
    _print_done(config, found, done)
    code = _fetched(config) if updates and done.feeds else 0
    _print_next(config, found, done, is_fetched=code == 0 and updates)
    return code


def _print_preview(found: SetupPreview) -> None:
    for one in found.problems:
        remedy = f" ({one.remedy})" if one.remedy else ""
        note(f"{one.path or 'answers'}: {one.message}{remedy}", "bold red")
    if found.problems:
        return
    if found.settings:
        say(f"Settings, in {found.settings_file}", "bold")
    for line in found.settings:
        say(f"  {line}")
    if found.policy:
        say("Policy" + (f", from the template {found.new_policy}" if found.new_policy else ""), "bold")
    for line in found.policy:
        say(f"  {line}")
    if found.feeds:
        say(f"Public lists: {len(found.feeds)}, about {sum(one.names for one in found.feeds):,} names", "bold")
        for licence in dict.fromkeys(f"{one.publisher}: {one.licence}" for one in found.feeds):
            say(f"  {licence}")
    for login in found.accounts:
        say(f"Account {login}", "bold")
    for one in found.warnings:
        note(f"{one.message} ({one.remedy})", "yellow")


def _print_done(config: Path | None, found: SetupPreview, done: SetupApplied) -> None:
    settings = done.settings
    if settings.state != "unchanged":
        say(f"settings: {settings.path}" + (f"; before: {settings.copy}" if settings.copy else ""))
    if settings.state == "place":
        _placed(settings.path, Path(found.settings_file), settings.command, runs=done.policy_state != "no_service")
    elif settings.state == "restart":
        note(f"restart schoolgate: {settings.said}", "yellow")
    elif settings.state == "refused":
        note(f"the running service keeps its settings: {settings.said}", "bold red")
    if done.revision is not None:
        words = {"in_force": "in force", "no_service": "in force with the next start"}
        say(f"policy: revision {done.revision}, {words.get(done.policy_state, 'stored')}")
    if done.policy_problem:
        note(done.policy_problem, "bold red")
    if done.decisions:
        say(f"decisions: {done.decisions} of the template are on record, to be looked at again in a year")
    if done.feeds:
        say(f"lists: {len(done.feeds)} public lists chosen")
    for one in done.accounts:
        waiting = ", which a head or director approves" if one.is_waiting else ""
        say(f"account {one.login} ({one.role.replace('_', ' ')}{waiting}): code to choose a password: {one.token}")


def _placed(waiting: str, target: Path, command: str, *, runs: bool) -> None:
    """Root may write where the control process may not."""
    if os.geteuid() != 0:
        note(f"put the settings in place: {command}", "yellow")
        return
    put(target, read_text(Path(waiting)))
    say(f"settings: {target}")
    if runs:
        note("restart schoolgate: systemctl restart schoolgate", "yellow")


def _fetched(config: Path | None) -> int:
    """Fetches the lists; a failure is said, and what is in force stays."""
    say("Fetching the lists. Ctrl-C ends this, and what is in force stays; again: schoolgate lists update", "bold")
    last: dict[str | None, str | None] = {}

    def tell(one: Said) -> None:
        if isinstance(one, Progress) and last.get(one.subject) != one.step:
            last[one.subject] = one.step
            note(f"  {one.sentence}")

    try:
        done = ask_watching(config, "lists.update", tell)
    except (SchoolgateError, KeyboardInterrupt) as error:
        note(f"the lists could not be fetched: {error or 'interrupted'}", "bold red")
        return WOULD_CHANGE
    failed = [one.feed for one in done.feeds if one.kind in ("failed", "held")]
    if failed:
        note(f"{len(failed)} of {len(done.feeds)} lists were not fetched: {', '.join(failed)}", "bold red")
        note("the others are in use; again: schoolgate lists update", "yellow")
    if done.is_new:
        say(f"lists serial {done.serial}: {done.names:,} names" if done.names else f"lists serial {done.serial}")
    return WOULD_CHANGE if failed else 0


def _print_next(config: Path | None, found: SetupPreview, done: SetupApplied, *, is_fetched: bool) -> None:
    say("Next", "bold")
    if os.geteuid() == 0 and done.policy_state == "no_service":
        say(f"  start it, now and whenever this machine starts: {START}")
    if done.feeds and not is_fetched:
        say("  most harmful sites are open until the lists are there: schoolgate lists update")
    if done.advertised:
        say(f"  have DHCP and router advertisements give out {', '.join(done.advertised)} as the only DNS server")
    else:
        say("  no device can use this server yet: listen on this machine's address at port 53 (deploy/README.md)")
    say("  try it from your own device: nslookup gambling.blocked.example.com "
        + (done.advertised[0] if done.advertised else "ADDRESS"))  # fmt: skip
    say("  which policy has a device: schoolgate explain www.example.org --client ADDRESS")
    console = load(config).console
    if console.enabled and done.needs_head:
        scheme = "https" if console.has_certificate else "http"
        made = ask(config, "setup.token")
        say(f"  make the account of the head at {scheme}://{console.listen}/first-account with the code in {made.path}")
    if done.accounts:
        say("  give each person the code above: it sets the password; the second factor is set up at the first sign-in")
    if not load(config).backup.recipients:
        say("  make the key of backups, and keep it elsewhere: schoolgate backup key --out FILE")
