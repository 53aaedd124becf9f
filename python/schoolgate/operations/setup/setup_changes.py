"""The draft of a setup, and doing it: settings, policy, feeds, accounts, in this order.

Each step is whole or not there, and does nothing where what it would write is there already. So a setup that was
interrupted is done again from the beginning, and goes on where it ended; the draft goes last.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from schoolgate.config import InputRefused, Settings
from schoolgate.control.client import CommandRefused, ControlUnreachable, NotRunning, call
from schoolgate.errors import SchoolgateError
from schoolgate.lists.feed_book import FeedBook
from schoolgate.lists.recommended import enable_recommended
from schoolgate.operations.governance.check_drift import agree_ahead
from schoolgate.operations.governance.template_decisions import accept_template
from schoolgate.operations.policies.policies import PolicyApplied, applied, change_text
from schoolgate.operations.policies.policy_openings import refuse_opening
from schoolgate.operations.registry import changes
from schoolgate.operations.setup.setup_looks import Answers, lacks_head, planned
from schoolgate.operations.setup.setup_results import (
    AccountInvited,
    DraftKept,
    SettingsApplied,
    SettingsState,
    SetupApplied,
    problem_found,
)
from schoolgate.operations.work import Progress, Work
from schoolgate.policy.active_policy import read_ground
from schoolgate.setup.answer_draft import forget_draft, keep_draft
from schoolgate.setup.answers import AccountAnswer, SetupAnswers, checked
from schoolgate.setup.found_state import FoundState, find_state
from schoolgate.setup.school_kinds import KINDS
from schoolgate.setup.settings_placing import Placed, keep_copy, place_settings
from schoolgate.setup.setup_plan import SetupPlan, place_of
from schoolgate.storage import state_dir

RELOAD_TIMEOUT_S = 120.0
REASON = "schoolgate setup"


class DraftRefused(SchoolgateError):
    """The answers so far cannot be kept."""


@changes("setup.draft")
def draft(work: Work, answers: Answers, step: str = "") -> DraftKept:
    """Keeps the answers so far, in a file of the service alone, and says what is wrong with them.

    `step`: the group of questions that comes next. Raises `DraftRefused`.
    """
    folder = work.settings.server.state_dir
    state_dir.prepare(folder)
    try:
        keep_draft(folder, answers, step, work.now)
    except ValueError as error:
        raise DraftRefused(str(error)) from error
    try:
        checked(answers)
    except InputRefused as error:
        return DraftKept(tuple(map(problem_found, error.problems)))
    return DraftKept(())


@changes("setup.apply")
async def apply(work: Work, answers: Answers) -> SetupApplied:
    """Writes what the answers change. The same answers again change nothing.

    Raises `InputRefused` with every problem of the answers, and `NotPermitted` for a policy that opens what a second
    person decides; then nothing was written.
    """
    given = checked(answers)
    found, made = await asyncio.to_thread(_planned, work, given)
    if made.policy != found.policy:
        ground = await asyncio.to_thread(read_ground, made.new_settings, str(made.config))
        await asyncio.to_thread(refuse_opening, work, ground, made.policy, "policy.apply")
    if made.settings_difference:
        await agree_ahead(work, found.settings, made.new_settings)
    done = await asyncio.to_thread(_files, work, found, made)
    # By the reason of its revision: where an earlier try ended before this, it is made up for.
    phase = next((one.name for one in KINDS if one.id == given.school), "")
    decisions = await accept_template(work, phase, REASON) if phase else 0
    work.say(Progress("accounts", step="accounts"))
    invited = [await _invited(work, one) for one in given.accounts]
    needs_head = await lacks_head(work)
    await asyncio.to_thread(forget_draft, work.settings.server.state_dir)
    policy = done.policy
    return SetupApplied(
        settings=done.settings,
        revision=None if policy is None else policy.revision,
        policy_state="unchanged" if policy is None else policy.in_force.state,
        policy_problem=None if policy is None else policy.in_force.problem or policy.not_published,
        feeds=done.feeds,
        accounts=tuple(one for one in invited if one is not None),
        advertised=done.plan.advertised,
        needs_head=needs_head,
        address=work.caller.address,
        device=place_of(work.caller.address, done.plan.policy),
        warnings=tuple(map(problem_found, done.plan.warnings)),
        decisions=decisions,
    )


@dataclass(frozen=True)
class _FilesDone:
    plan: SetupPlan
    settings: SettingsApplied
    policy: PolicyApplied | None
    feeds: tuple[str, ...]


def _planned(work: Work, given: SetupAnswers) -> tuple[FoundState, SetupPlan]:
    state_dir.prepare(work.settings.server.state_dir)
    found = find_state(work.settings, work.config)
    return found, planned(work, given, found)


def _files(work: Work, found: FoundState, made: SetupPlan) -> _FilesDone:
    """Settings, policy, feeds."""
    work.say(Progress("settings", step="settings"))
    settings = _settings(work, found, made)
    work.say(Progress("policy", step="policy"))
    policy = _policy(work, found, made)
    work.say(Progress("feeds", step="feeds"))
    return _FilesDone(made, settings, policy, _feeds(work, found, made))


def _settings(work: Work, found: FoundState, made: SetupPlan) -> SettingsApplied:
    if not made.settings_difference:
        return SettingsApplied("unchanged", str(made.config), None, "", "")
    folder = found.settings.server.state_dir
    placed = place_settings(folder, made.config, None if found.is_new else found.text, made.settings, work.now)
    state, said = _reloaded(found.settings, work, placed)
    copy = None if placed.copy is None else str(placed.copy)
    return SettingsApplied(state, str(placed.path), copy, placed.waits_for, said)


def _reloaded(settings: Settings, work: Work, placed: Placed) -> tuple[SettingsState, str]:
    """Whether the running service has them now; in words what is left to do."""
    if placed.waits_for:
        return "place", "this process may not write there"
    try:
        reply = call(settings.server.control_socket, "reload", timeout_s=RELOAD_TIMEOUT_S, accept=True)
    except NotRunning:
        return "no_service", ""
    except (ControlUnreachable, CommandRefused) as error:
        return "refused", str(error)
    if work.config is None:
        return "restart", "the running service began without a settings file; its next start reads it"
    waits = tuple(map(str, reply["waits_for_restart"]))
    return ("restart", ", ".join(waits)) if waits else ("in_force", "")


def _policy(work: Work, found: FoundState, made: SetupPlan) -> PolicyApplied | None:
    if made.policy == found.policy:
        return None
    ground = read_ground(made.new_settings, str(made.config))
    return applied(work, change_text(work, ground, made.policy, "policy", REASON, is_same_kept=True))


def _feeds(work: Work, found: FoundState, made: SetupPlan) -> tuple[str, ...]:
    if not made.feeds:
        return ()
    book = FeedBook(found.settings.server.state_dir)
    if book.path.exists():
        keep_copy(found.settings.server.state_dir, "feeds.toml", book.path.read_text(encoding="utf-8"), work.now)
    return tuple(enable_recommended(book, made.feeds, work.now).added)


async def _invited(work: Work, one: AccountAnswer) -> AccountInvited | None:
    """Makes an account that is not there, with its role. One that is there is left as it is, but for a role that it
    lacks because a setup was interrupted."""
    from schoolgate.accounts.account_list import login_key
    from schoolgate.accounts.roles import TRUST

    acting = await work.administration()
    there = {login_key(found.account.login): found for found in await acting.accounts()}.get(login_key(one.login))
    if there is not None and there.grants:
        return None
    link = await acting.create(one.login, one.display_name, one.mail or None) if there is None else None
    grant = await acting.grant(one.login, one.role, TRUST)
    if link is None:
        return None
    is_waiting = str(grant.state) != "active"
    return AccountInvited(link.account.login, link.account.display_name, one.role, is_waiting, link.token)
