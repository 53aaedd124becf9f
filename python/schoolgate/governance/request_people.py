"""Who may file and who may decide: leaders file, and another person than those who asked decides.

Where a trust director has an account, a director decides; where no director but an asker has one, a head or a
safeguarding lead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from schoolgate.accounts.account_list import Account, account_of, actor_id, login_key
from schoolgate.accounts.approvals import refuse_approver
from schoolgate.accounts.callers import holds_here
from schoolgate.accounts.errors import ApprovalRefused
from schoolgate.accounts.roles import APPROVING, TRUST, Role
from schoolgate.governance.change_request import ChangeRequest
from schoolgate.governance.errors import RecordRefused
from schoolgate.storage.schema import account, role_grant

# The policy of a trust has leaders ask.
LEADERS = APPROVING
DIRECTORS, OTHERS = frozenset({Role.trust_director}), APPROVING - {Role.trust_director}


@dataclass(frozen=True)
class People:
    """Accounts by actor, and the roles that each holds in this installation. Accounts that are disabled have none."""

    accounts: dict[str, Account]
    roles: dict[str, frozenset[Role]]

    @property
    def has_director(self) -> bool:
        """Whether a trust director has an account here."""
        return bool(self.holders(DIRECTORS))

    def holders(self, roles: Collection[Role]) -> tuple[str, ...]:
        """Actors of active accounts with one of the roles."""
        return tuple(actor for actor, held in self.roles.items() if held & set(roles))

    def files_as_leader(self, roles: Iterable[Role]) -> bool:
        """Whether a person with these roles files, rather than suggests. Without a trust director IT may, too."""
        held = set(roles)
        return bool(held & LEADERS) or (not self.has_director and bool(held - {Role.teacher}))

    def deciding_roles(self, fields: ChangeRequest) -> frozenset[Role]:
        """The roles of which one decides this request."""
        directors = [one for one in self.holders(DIRECTORS) if not fields.was_asked_by(one)]
        return DIRECTORS if directors else OTHERS

    def deciders(self, fields: ChangeRequest) -> tuple[str, ...]:
        """Who may decide it."""
        return tuple(one for one in self.holders(self.deciding_roles(fields)) if not fields.was_asked_by(one))

    def may_decide(self, actor: str, fields: ChangeRequest) -> bool:
        """Whether this actor may."""
        return actor in self.deciders(fields)

    def has_decider_besides(self, actor: str, user: str) -> bool:
        """Whether an account may decide what this actor asks for. `user`: its name on this machine, which no account
        that decides has; "" for an account."""
        leaders = (one for one in self.holders(LEADERS) if one != actor)
        return any(not user or self.accounts[one].login.casefold() != user.casefold() for one in leaders)

    def without(self, login: str, role: Role | None) -> People:
        """The same, where an account is disabled, or has one role less."""
        roles = dict(self.roles)
        for actor in [one for one in roles if self.is_of(self.accounts[one], login)]:
            roles[actor] = roles[actor] - {role} if role is not None else frozenset()
        return People(self.accounts, roles)

    @staticmethod
    def is_of(account: Account, login: str) -> bool:
        """Whether it is the account with a login name."""
        return login_key(account.login) == login_key(login)

    def has_active_requester(self, fields: ChangeRequest) -> bool:
        """Whether one who filed it can still answer for it: a user of this machine, or an account that is active."""
        leaders = [one.actor for one in fields.askers if one.as_leader]
        return any(one in self.roles or not one.startswith("account:") for one in leaders)


async def people(connection: AsyncConnection, site_id: UUID, school: str) -> People:
    """As they are now. The account of the sealed code is no person."""
    rows, grants = account.c, role_grant.c
    every = [account_of(row) for row in await connection.execute(select(account).where(rows.site_id == site_id))]
    held: dict[UUID, set[Role]] = {one.id: set() for one in every if one.is_active and not one.is_break_glass}
    wanted = select(grants.account_id, grants.role, grants.scope).where(grants.state == "active")
    for account_id, role, scope in await connection.execute(wanted):
        if account_id in held and role in Role.__members__ and holds_here(scope, school):
            held[account_id].add(Role(role))
    return People(
        {actor_id(one.id): one for one in every}, {actor_id(one): frozenset(roles) for one, roles in held.items()}
    )


async def refuse_decider(
    connection: AsyncConnection, found: People, fields: ChangeRequest, approver: UUID, school: str, now_us: int,
    *, approves: bool, is_alone: bool = False,
) -> None:  # fmt: skip
    """Raises `ApprovalRefused` unless this account may decide: none who asked, in whatever role, is the one.

    `is_alone`: one who asked is, because the trust allows it; in any role that approves.
    """
    roles, scope = LEADERS if is_alone else found.deciding_roles(fields), f"school:{school}" if school else TRUST
    if is_alone:
        await refuse_approver(connection, approver, "", scope, now_us=now_us, roles=roles)
    elif fields.was_asked_by(actor_id(approver)):
        raise ApprovalRefused("you asked for it yourself, or suggested it; another person decides")
    for one in fields.askers:
        if is_alone and one.actor == actor_id(approver):
            continue
        await refuse_approver(connection, approver, one.actor, scope, now_us=now_us, roles=roles)
    if not fields.askers:
        raise RecordRefused("no person asks for it")
    if approves and not found.has_active_requester(fields):
        raise RecordRefused(
            "the account of who asked is disabled or gone; another leader asks for the same first, or it is refused"
        )
