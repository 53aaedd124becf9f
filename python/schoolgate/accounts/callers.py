"""Who is behind a session or an API token, read at each call: an account that was just disabled is out."""

from __future__ import annotations

from dataclasses import dataclass

from schoolgate.accounts import account_list, api_tokens, grants, sessions
from schoolgate.accounts.account_list import Account
from schoolgate.accounts.grants import Grant
from schoolgate.accounts.roles import TRUST, Role
from schoolgate.accounts.sessions import Session
from schoolgate.storage.store import Store


@dataclass(frozen=True)
class AccountCaller:
    """An account that calls, with the roles that it holds in any scope. `session`: None where a token was given.
    `subjects`: for which its token may call the operation (`api_tokens.NAMES_SUBJECT`)."""

    account: Account
    grants: tuple[Grant, ...]
    session: Session | None = None
    subjects: frozenset[str] = frozenset()

    def roles_here(self, school: str) -> frozenset[Role]:
        """The roles that hold in this installation; none before the sign-in is complete."""
        if self.session is not None and not self.session.is_full:
            return frozenset()
        return frozenset(one.role for one in self.grants if holds_here(one.scope, school))


def holds_here(scope: str, school: str) -> bool:
    """Whether a role in a scope holds in the whole installation of a school: not where it is one segment's."""
    return scope == TRUST or (school != "" and scope == f"school:{school}")


async def of_session(store: Store, token: str, now_us: int) -> AccountCaller:
    """Raises `SessionEnded`: also where the account was disabled or its roles changed since."""
    async with store.reading() as connection:
        session = await sessions.session_of(connection, token, now_us)
        found = AccountCaller(
            await account_list.by_id(connection, session.account_id),
            tuple(await grants.active(connection, session.account_id)),
            session,
        )
    await sessions.note_use(store, session, now_us)
    return found


async def of_token(store: Store, secret: str, operation: str, now_us: int) -> AccountCaller:
    """Raises `TokenRefused`: also where the scopes of the token name neither the operation nor its noun."""
    token = await api_tokens.check(store, secret, now_us, operation, operation.partition(".")[0])
    async with store.reading() as connection:
        return AccountCaller(
            await account_list.by_id(connection, token.account_id),
            tuple(await grants.active(connection, token.account_id)),
            subjects=token.subjects(operation),
        )
