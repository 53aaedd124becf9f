"""What a setup begins with, and what its answers would change. Writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from schoolgate.checks.draft import examine
from schoolgate.config import InputRefused, config_label, system_resolvers
from schoolgate.config.problems import Problem
from schoolgate.errors import SchoolgateError
from schoolgate.operations.registry import Bulk, looks
from schoolgate.operations.setup.setup_results import (
    FoundProblem,
    KindOfSchool,
    MachineAddressShown,
    SetupLook,
    SetupPreview,
    offered,
    problem_found,
)
from schoolgate.operations.work import Work
from schoolgate.policy.active_policy import active_or_first, latest_revision, policy_files, read_ground
from schoolgate.policy.templates import template_text
from schoolgate.setup.answer_draft import fitting, read_draft
from schoolgate.setup.answers import OWN, SetupAnswers, checked
from schoolgate.setup.found_state import (
    FoundState,
    advertised,
    answers_there,
    feeds_to_add,
    find_state,
    may_open_port_53,
    proposed,
    recommended_for,
    with_school,
)
from schoolgate.setup.policy_writing import base_of, policies_offered
from schoolgate.setup.school_kinds import kinds
from schoolgate.setup.settings_placing import new_config
from schoolgate.setup.setup_plan import SetupPlan, place_of, plan

Answers = Annotated[dict[str, Any], Bulk]
_SUGGESTED = "secondary-school"


@looks("setup.look")
async def look(work: Work, school: str | None = None, is_draft_used: bool = True) -> SetupLook:
    """What is there: addresses, resolvers, kinds of school, feeds; and the answers to begin with.

    `school`: the answers as they are for this kind of school; without `is_draft_used` those of the machine. Raises
    `NoSuchTemplate`.
    """
    return await asyncio.to_thread(_look, work, school, is_draft_used, await lacks_head(work))


@looks("setup.preview")
async def preview(work: Work, answers: Answers) -> SetupPreview:
    """What applying these answers would change, and what stands in the way."""
    there = await logins_of(work)
    return await asyncio.to_thread(_preview, work, answers, there)


def planned(work: Work, answers: SetupAnswers, found: FoundState) -> SetupPlan:
    """The plan, whose policy was examined as `policy.apply` does. Raises `InputRefused`, `SettingSaidFromAfar`."""
    refuse_from_afar(work, answers, found)
    made = plan(answers, found)
    ground = read_ground(made.new_settings, config_label(made.config))
    before = latest_revision(policy_files(found.settings).look())
    examine(found.settings, ground, made.policy, "policy", work.now, before=before).refuse()
    return made


class SettingSaidFromAfar(SchoolgateError):
    """A setting that lets `control` read a file, or send a secret, is said on the server."""


def refuse_from_afar(work: Work, answers: SetupAnswers, found: FoundState) -> None:
    """Raises `SettingSaidFromAfar` where an account would have another server get the password of the mail server."""
    if work.actor.is_local:
        return
    there, wanted = found.settings.mail, answers.mail
    if wanted.password_file and wanted.password_file != str(there.password_file):
        raise SettingSaidFromAfar("mail.password_file is a file of the server: `schoolgate setup` there sets it")
    if (wanted.user or there.user) and (wanted.host, wanted.user, wanted.port) != (there.host, there.user, there.port):
        raise SettingSaidFromAfar(
            "a mail server with a password is set up on the server: `schoolgate setup` there asks for its file"
        )


async def lacks_head(work: Work) -> bool:
    """Whether no head or director was ever there: the token of the first run makes one."""
    from schoolgate.accounts.grants import had_approver_at

    store = await work.store()
    async with store.reading() as connection:
        return not await had_approver_at(connection, store.site_id)


async def logins_of(work: Work) -> frozenset[str]:
    """The accounts there are, by the key of their login names."""
    from schoolgate.accounts.account_list import login_key

    return frozenset(login_key(one.account.login) for one in await (await work.administration()).accounts())


def _look(work: Work, school: str | None, is_draft_used: bool, needs_head: bool) -> SetupLook:
    found = find_state(work.settings, work.config)
    draft = read_draft(found.settings.server.state_dir) if is_draft_used else None
    there = answers_there(found)
    shown = there or proposed(found, _SUGGESTED)
    given = shown.as_json() if draft is None else fitting(draft.answers, shown.as_json())
    if school is not None:
        given = with_school(_checked_or(given, shown), school, found).as_json()
    kind = str(given.get("school", OWN))
    listen = _checked_or(given, shown).listen
    new = {one.feed.id for one in feeds_to_add(found, kind)}
    address = work.caller.address
    return SetupLook(
        answers=dict(given),
        step="" if draft is None else draft.step,
        has_draft=draft is not None,
        is_configured=there is not None,
        needs_head=needs_head,
        addresses=tuple(
            MachineAddressShown(one.interface, one.address, one.network, one.is_virtual) for one in found.addresses
        ),
        resolvers=tuple(map(str, system_resolvers(found.settings.server.listen))),
        kinds=_kinds(found),
        policies=_policies(kind, found),
        feeds=tuple(offered(one, is_new=one.feed.id in new) for one in recommended_for(found, kind)),
        settings_file=str(found.config or new_config(found.settings.server.state_dir)),
        has_settings_file=not found.is_new,
        advertised=advertised(listen, found.addresses),
        may_open_port_53=may_open_port_53(found.settings.server.state_dir),
        address=address,
        device=place_of(address, active_or_first(found.settings)[1]) if address else None,
    )


def _kinds(found: FoundState) -> tuple[KindOfSchool, ...]:
    made = [
        KindOfSchool(one.id, one.name, one.about, policies_offered(template_text(found.lists_dir, one.id)))
        for one in kinds(found.lists_dir)
    ]
    if found.policy is not None:
        own = "The policy that is there stays; only its networks are asked for."
        made.append(KindOfSchool(OWN, "The policy in force", own, policies_offered(found.policy)))
    return tuple(made)


def _policies(kind: str, found: FoundState) -> tuple[str, ...]:
    try:
        return policies_offered(base_of(kind, found.policy, found.lists_dir))
    except SchoolgateError:
        return ()


def _checked_or(given: Mapping[str, Any], other: SetupAnswers) -> SetupAnswers:
    """A draft may hold what was mistyped; what depends on it then uses the other answers."""
    try:
        return checked(given)
    except InputRefused:
        return other


def _preview(work: Work, given: Mapping[str, Any], logins: frozenset[str]) -> SetupPreview:
    from schoolgate.accounts.account_list import login_key

    found = find_state(work.settings, work.config)
    try:
        answers = checked(given)
        made = planned(work, answers, found)
    except InputRefused as error:
        return SetupPreview(False, tuple(_of_answers(one) for one in error.problems), ())
    except SchoolgateError as error:
        return SetupPreview(False, (FoundProblem("", str(error), ""),), ())
    new = tuple(one.login for one in answers.accounts if login_key(one.login) not in logins)
    base = base_of(answers.school, found.policy, found.lists_dir)
    address = work.caller.address
    return SetupPreview(
        is_change=made.is_change or bool(new),
        problems=(),
        warnings=tuple(map(problem_found, made.warnings)),
        settings_file=str(made.config),
        settings=made.settings_difference,
        new_policy=answers.school if base != found.policy else None,
        policy=made.policy_difference,
        feeds=tuple(offered(one, is_new=True) for one in made.feeds),
        accounts=new,
        advertised=made.advertised,
        address=address,
        device=place_of(address, made.policy) if address else None,
    )


def _of_answers(one: Problem) -> FoundProblem:
    """In the words of the answers, where a problem is of the file that they become."""
    path = one.path.replace(".prefixes", ".networks")
    for setting, answer in _PATHS.items():
        if path == setting or path.startswith((f"{setting}[", f"{setting}.")):
            path = answer + path[len(setting) :]
    return FoundProblem(path, one.message, one.remedy)


_PATHS = {
    "server.listen": "listen",
    "forwarders.servers": "forwarders",
    "allowed_clients": "other_networks",
    "backup.targets": "backup.folder",
}
