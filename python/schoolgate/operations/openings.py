"""Openings that a second person decides, where the trust switched that on: who asks for them by a change request.

It counts only while an account is there that may decide, so that no school is locked out. A trust director acts
directly. What a request was approved for is applied as before; one that is carried out by hand is named.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from schoolgate.accounts.roles import Role
from schoolgate.config.diagnostics import Diagnostic
from schoolgate.errors import SchoolgateError
from schoolgate.operations import rights
from schoolgate.operations.actor import local_name
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.registry import Operation
from schoolgate.operations.work import Work

if TYPE_CHECKING:
    from schoolgate.governance.request_people import People

IT: Final = frozenset({Role.network_manager, Role.provider})
# Those of a part look by themselves at what would open; the others are refused as they are.
_ASKED: Final = rights.OPENS | rights.OPENS_IN_PART
# What says which they are, or refuses them in what it does beside.
_SAY: Final = frozenset({"session.show", "explain.name", "setup.preview", "setup.apply", "request.end", "request.show"})
# What `status` calls it.
UNDECIDED: Final = "openings-undecided"
FILE: Final = "schoolgate request file"


async def with_asks(work: Work, operation: Operation, given: Mapping[str, Any]) -> Work:
    """The call with what its caller asks for first. Raises `NotPermitted` for a call that is such itself."""
    name = operation.name
    if not work.settings.operations.openings_need_approval or name not in _ASKED | _SAY:
        return work
    try:
        asks = await _asks_first(work)
    except SchoolgateError:
        # A change needs the store all the same. What only looks answers without it, and offers the careful way.
        if operation.is_change:
            raise
        asks = _held(work)
    if name in asks and given.get("request") is not None:
        await _refuse_unapproved(work, int(given["request"]))
        return work
    work = replace(work, asks_first=asks)
    if name not in rights.OPENS_IN_PART and not given.get("is_taken_back"):
        refuse(work, name, given)
    return work


def refuse(work: Work, name: str, given: Mapping[str, Any] | None = None) -> None:
    """Raises `NotPermitted` where the caller asks for it first, with how that is done."""
    if name in work.asks_first:
        raise NotPermitted(f"{name}: what opens sites is decided by a second person here; {how_to_ask(name, given)}")


def how_to_ask(name: str, given: Mapping[str, Any] | None = None) -> str:
    """The command line, in a sentence."""
    if name not in rights.ASKED_FOR:
        return f"ask for it: {FILE} other --wanted WHAT --for-what WHY; once it is approved, say --request NUMBER"
    said = given or {}
    what = f"--service {_quoted(said.get('service'))}" if name == "services.allow" else _quoted(said.get("name"))
    segments = "".join(f" -s {_quoted(one)}" for one in said.get("segments", ()))
    lasts = f" --for {_quoted(said['lasts'])}" if said.get("lasts") else ""
    return f"ask for it: {FILE} open {what}{segments}{lasts} --for-what WHY"


def _quoted(given: Any) -> str:
    return "NAME" if given is None else shlex.quote(str(given))


async def refuse_without_decider(work: Work, operation: str, login: str, role: Role | None = None) -> None:
    """Raises `NotPermitted` where IT takes an account, or its role, and with it the last decider of what IT asks for.

    Otherwise the switch would have no effect any more, and IT would open sites alone.
    """
    is_on = work.settings.operations.openings_need_approval
    if not is_on or not _is_of_it(work, operation):
        return
    known, user = await _people(work), local_name(work.actor.id)
    left = known.without(login, role)
    if known.has_decider_besides(work.actor.id, user) and not left.has_decider_besides(work.actor.id, user):
        who = next(one.display_name for one in known.accounts.values() if known.is_of(one, login))
        raise NotPermitted(
            f"{who} decides what opens sites, and no other account would: openings_need_approval would have no effect."
            " Make an account for another head, safeguarding lead or trust director first, or ask a trust director to"
            f" do this. If the account is in other hands: schoolgate account compromised {_quoted(login)}"
        )


async def who_opens(work: Work) -> dict[str, bool]:
    """For evidence: whether the switch is on, and whether it has an effect. Raises a `StoreProblem`."""
    is_on = work.settings.operations.openings_need_approval
    return {"is_on": is_on, "has_effect": is_on and (await _people(work)).has_decider_besides("", "")}


async def problems(work: Work) -> tuple[Diagnostic, ...]:
    """What `status` says where the switch is on and no account may decide, so that it has no effect."""
    try:
        found = await who_opens(work)
    except SchoolgateError:  # a problem of its own
        return ()
    if found["has_effect"] or not found["is_on"]:
        return ()
    sentence = "openings_need_approval is on and has no effect: no account here may decide a change request"
    remedy = "make an account for a head, a safeguarding lead or a trust director: schoolgate account create"
    return (Diagnostic(UNDECIDED, "warning", "operations.openings_need_approval", sentence, remedy),)


async def _asks_first(work: Work) -> frozenset[str]:
    held = _held(work)
    if not held:
        return held
    known = await _people(work)
    return held if known.has_decider_besides(work.actor.id, local_name(work.actor.id)) else frozenset()


async def _people(work: Work) -> People:
    # Without the switch nothing needs a database of accounts.
    from schoolgate.governance.request_people import people

    store = await work.store()
    async with store.reading() as connection:
        return await people(connection, store.site_id, work.settings.accounts.school)


def _held(work: Work) -> frozenset[str]:
    """What opens, and is the caller's by a role of IT alone."""
    return frozenset(name for name in _ASKED if _is_of_it(work, name))


def _is_of_it(work: Work, name: str) -> bool:
    by = {one for one in work.actor.roles if one in rights.RIGHTS[name]}
    return bool(by) and by <= IT


async def _refuse_unapproved(work: Work, number: int) -> None:
    """Raises `NotPermitted` unless a request of this number waits to be carried out by hand."""
    from schoolgate.governance import record_store
    from schoolgate.governance.change_request import ChangeRequest, State
    from schoolgate.governance.errors import NoSuchRecord

    store = await work.store()
    async with store.reading() as connection:
        try:
            found = await record_store.get(connection, store.site_id, ChangeRequest, number)
        except NoSuchRecord as error:
            raise NotPermitted(str(error)) from None
    if State(found.state) is not State.approved or found.fields.action != "other":
        raise NotPermitted(f"request {number} is {found.state}; name one that is approved and not yet carried out")
