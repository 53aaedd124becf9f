"""What needs a second person: roles that are granted by approval, lost second factors of approvers, the sealed code.

A person decides, by a session with a fresh second factor: never a user of this machine, and never a token.
"""

from __future__ import annotations

from uuid import UUID

from schoolgate.operations.account_results import FactorResetShown, GrantShown, RequestsShown
from schoolgate.operations.registry import looks, records
from schoolgate.operations.work import Work


@looks("account.requests")
async def requests(work: Work) -> RequestsShown:
    """Roles and resets of second factors that wait for another person."""
    return await (await work.accounts()).of_others.requests(work.caller, work.now_us)


@records("account.approve")
async def approve(work: Work, grant: UUID) -> GrantShown:
    """Grants a requested role. Raises `ApprovalRefused` to its requester and holder, `GrantRefused`."""
    return await (await work.accounts()).of_others.approve(work.caller, grant, work.now_us)


@records("account.refuse")
async def refuse(work: Work, grant: UUID) -> GrantShown:
    """Refuses a requested role. Raises `ApprovalRefused`, `GrantRefused`."""
    return await (await work.accounts()).of_others.refuse(work.caller, grant, work.now_us)


@records("account.agree_reset")
async def agree_reset(work: Work, reset: UUID) -> FactorResetShown:
    """Agrees to the reset of a second factor; the second of two removes it. Raises `ApprovalRefused`."""
    return await (await work.accounts()).of_others.agree_reset(work.caller, reset, work.now_us)


@records("account.seal_break_glass")
async def seal_break_glass(work: Work) -> str:
    """A new break-glass code in place of the old one, shown once: print it, seal it. Raises `ApprovalRefused`."""
    return await (await work.accounts()).of_others.seal_break_glass(work.caller, work.now_us)
