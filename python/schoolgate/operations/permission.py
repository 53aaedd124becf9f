"""Whether a caller may call an operation: the table of rights, the state of the session, the fresh second factor."""

from __future__ import annotations

from schoolgate.operations import rights
from schoolgate.operations.caller import Caller, Known
from schoolgate.operations.errors import FactorNeeded, NotPermitted, SignInUnfinished
from schoolgate.operations.rights import Audience


def refuse_without(caller: Caller, operation: str, now_us: int) -> None:
    """Raises `NotPermitted`, `SignInUnfinished` or `FactorNeeded`."""
    audience = rights.audience(operation)
    if audience is Audience.anyone:
        return
    if (audience is Audience.own or operation in rights.NEEDS_SESSION) and caller.known is not Known.session:
        raise NotPermitted(f"{operation} needs an account that is signed in; sign in at the console")
    if caller.known is Known.setup_token and operation not in rights.BY_SETUP_TOKEN:
        raise NotPermitted(f"{operation} needs an account; the token of the first run sets the machine up")
    _refuse_unfinished(caller, operation)
    if audience is Audience.roles:
        rights.require(caller.actor.roles, operation)
    if operation in rights.NEEDS_FRESH_FACTOR and caller.is_person and not _is_fresh(caller, now_us):
        raise FactorNeeded(f"{operation} needs a second factor given within five minutes; give it again")


def _refuse_unfinished(caller: Caller, operation: str) -> None:
    session = caller.session
    if session is not None and not session.is_full and operation not in rights.BEFORE_SIGNED_IN:
        raise SignInUnfinished(f"the sign-in is not complete; its next step is: {session.stage}")


def _is_fresh(caller: Caller, now_us: int) -> bool:
    """A token never is: it is no person who is there."""
    return caller.session is not None and caller.session.is_fresh(now_us)
