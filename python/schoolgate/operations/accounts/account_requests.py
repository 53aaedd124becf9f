"""What needs a second person: roles that are granted by approval, lost second factors of approvers, the sealed code.

A person decides, by a session with a fresh second factor: never a user of this machine, and never a token.
"""

from __future__ import annotations

from uuid import UUID

from schoolgate.operations.accounts.account_results import (
    FactorResetShown,
    GrantShown,
    RequestsShown,
    grant_shown,
    reset_shown,
    role_request,
)
from schoolgate.operations.registry import looks, records
from schoolgate.operations.work import Work


@looks("account.requests")
async def requests(work: Work) -> RequestsShown:
    """Roles and resets of second factors that wait for another person."""
    found = await (await work.administration()).requests()
    return RequestsShown(
        tuple(role_request(one, found.holders) for one in found.grants),
        tuple(reset_shown(one, found.holders[one.account_id]) for one in found.resets),
    )


@records("account.approve")
async def approve(work: Work, grant: UUID) -> GrantShown:
    """Grants a requested role. Raises `ApprovalRefused` to its requester and holder, `GrantRefused`."""
    return grant_shown(await (await work.administration()).approve(grant))


@records("account.refuse")
async def refuse(work: Work, grant: UUID) -> GrantShown:
    """Refuses a requested role. Raises `ApprovalRefused`, `GrantRefused`."""
    return grant_shown(await (await work.administration()).refuse(grant))


@records("account.agree_reset")
async def agree_reset(work: Work, reset: UUID) -> FactorResetShown:
    """Agrees to the reset of a second factor; the second of two removes it. Raises `ApprovalRefused`."""
    holder, found = await (await work.administration()).agree_reset(reset)
    if found.is_done:
        await (await work.accounts()).notices.factor_was_reset(holder, work.now_us)
    return reset_shown(found, holder)


@records("account.seal_break_glass")
async def seal_break_glass(work: Work) -> str:
    """A new break-glass code in place of the old one, shown once: print it, seal it. Raises `ApprovalRefused`."""
    return await (await work.administration()).seal_break_glass()
