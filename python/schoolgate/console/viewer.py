"""Who looks at a page: the account of the session, as the control process says it is now.

Asked for each request, so that a role that was removed, or an account that was disabled, counts at the next click.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schoolgate.accounts.roles import Role
from schoolgate.console.errors import SessionEnded
from schoolgate.console.operations_client import Caller, OperationsClient
from schoolgate.operations import rights

FULL = "full"


@dataclass(frozen=True)
class Viewer:
    """The caller, and what the control process says of the session. `stage`: how far the sign-in is, "" for none.
    `asks_first`: what the account has the right to, and asks for by a change request."""

    caller: Caller
    stage: str = ""
    login: str = ""
    display_name: str = ""
    roles: frozenset[Role] = frozenset()
    is_fresh: bool = False
    time_zone: str = ""
    asks_first: frozenset[str] = frozenset()
    whoami: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_signed_in(self) -> bool:
        """Whether the sign-in is complete."""
        return self.stage == FULL

    def may(self, operation: str) -> bool:
        """Whether the account may do an operation now. What is shown; the operation checks again."""
        return (
            self.is_signed_in
            and rights.may(self.roles, operation)
            and not (operation in self.asks_first and operation not in rights.OPENS_IN_PART)
        )

    def asks_for(self, operation: str) -> bool:
        """Whether the account has the right to an operation, and asks first for what it opens."""
        return self.is_signed_in and operation in self.asks_first

    def sees_identities(self, operation: str) -> bool:
        """Whether that operation shows devices and persons to this account."""
        return self.is_signed_in and rights.sees_identities(self.roles, operation)


async def viewer_of(client: OperationsClient, caller: Caller) -> Viewer:
    """The viewer of a request. An ended session is none. Raises what a call raises when no control process answers."""
    if not caller.session:
        return Viewer(caller)
    try:
        whoami = await client.call(caller, "session.show")
    except SessionEnded:
        return Viewer(Caller("", caller.address, caller.user_agent))
    return Viewer(
        caller,
        stage=str(whoami["stage"]),
        login=str(whoami["login"]),
        display_name=str(whoami["display_name"]),
        roles=frozenset(_roles(whoami["roles"])),
        is_fresh=bool(whoami["is_fresh"]),
        time_zone=str(whoami.get("time_zone", "")),
        asks_first=frozenset(map(str, whoami.get("asks_first", ()))),
        whoami=whoami,
    )


def _roles(grants: Any) -> list[Role]:
    """Roles that hold in this installation; one that this version does not know gives nothing."""
    names = [str(one["role"]) for one in grants if one["holds_here"]]
    return [Role(name) for name in names if name in Role.__members__]
