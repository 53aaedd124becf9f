"""The caller behind a session or an API token, as the store has it now."""

from __future__ import annotations

from schoolgate.accounts import callers, first_run
from schoolgate.accounts.account_list import actor_id
from schoolgate.accounts.callers import AccountCaller
from schoolgate.accounts.errors import SessionEnded, TokenRefused
from schoolgate.accounts.roles import Role
from schoolgate.operations.actor import Actor
from schoolgate.operations.caller import UNKNOWN, Caller, Credentials, Known
from schoolgate.storage.store import Store

FORGED = "unknown"
# Who has the token of the first run set this machine up: no account can have been made yet.
SETUP = Actor("setup", "holder of the first-run token", frozenset({Role.network_manager}))


async def caller_of(given: Credentials, store: Store, school: str, operation: str, now_us: int) -> Caller:
    """Raises `SessionEnded`, `TokenRefused`."""
    if given.api_token is not None:
        found = await callers.of_token(store, given.api_token, operation, now_us)
        return Caller(
            _actor(found, school), Known.api_token, address=given.address, user_agent=given.user_agent,
            subjects=found.subjects,
        )  # fmt: skip
    if given.setup_token is not None:
        await first_run.look_before_any_account(store, given.setup_token, now_us)
        return Caller(SETUP, Known.setup_token, address=given.address, user_agent=given.user_agent)
    if not given.session:
        return Caller(UNKNOWN, Known.unknown, address=given.address, user_agent=given.user_agent)
    found = await callers.of_session(store, given.session, now_us)
    return Caller(_actor(found, school), Known.session, found.session, given.session, given.address, given.user_agent)


def is_forged(error: SessionEnded | TokenRefused) -> bool:
    """Whether it was never given out: an attack rather than a session that is over."""
    return isinstance(error, TokenRefused) or error.why == FORGED


def _actor(found: AccountCaller, school: str) -> Actor:
    return Actor(actor_id(found.account.id), found.account.display_name, found.roles_here(school))
