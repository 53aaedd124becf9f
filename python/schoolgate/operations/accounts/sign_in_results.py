"""What a step of a sign-in returns, made from the session as it is in the store."""

from __future__ import annotations

from uuid import UUID

from schoolgate.accounts import account_list, second_factors
from schoolgate.accounts.sessions import Session, Stage
from schoolgate.accounts.signing_in import SignedIn
from schoolgate.operations.accounts.session_results import SignInStep
from schoolgate.storage.store import Store


async def step(store: Store, taken: SignedIn, *, has_passkeys: bool) -> SignInStep:
    """The result of a step. `has_passkeys`: whether the settings allow them."""
    session = taken.session
    async with store.reading() as connection:
        holder = await account_list.by_id(connection, session.account_id)
    return SignInStep(
        stage=session.stage.value,
        token=taken.opened.token,
        device=taken.device,
        names=await names_next(store, session, has_passkeys=has_passkeys),
        login=holder.login,
        display_name=holder.display_name,
        ends_us=session.ends_us,
    )


async def names_next(store: Store, session: Session, *, has_passkeys: bool) -> tuple[str, ...]:
    """The factors that a session can give: those of its account, or those to be set up where it has to."""
    if session.stage is Stage.enrol:
        return ("totp", "passkey") if has_passkeys else ("totp",)
    return () if session.stage is Stage.change else await factor_names(store, session.account_id, has_passkeys)


async def factor_names(store: Store, account_id: UUID, has_passkeys: bool) -> tuple[str, ...]:
    """The factors that an account can give."""
    async with store.reading() as connection:
        found = await second_factors.factors_of(connection, account_id)
    passkeys = ("passkey",) * bool(has_passkeys and found.passkeys)
    return (*("totp",) * found.has_totp, *passkeys, *("recovery_code",) * bool(found.recovery_codes))
