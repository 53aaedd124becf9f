"""What operations on accounts return. No secret is in them but a link's or token's, once. Times in microseconds UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True)
class GrantShown:
    """A role in a scope, held or requested. `requested_by` and others name actors: account:<UUID> or uid:<number>."""

    id: UUID
    account_id: UUID
    role: str
    scope: str
    state: str
    requested_by: str
    requested_us: int
    decided_by: str | None
    decided_us: int | None
    reviewed_by: str | None
    reviewed_us: int | None


@dataclass(frozen=True)
class FactorsShown:
    """The second factors of an account. `recovery_codes`: how many are left."""

    has_totp: bool
    passkeys: int
    recovery_codes: int


@dataclass(frozen=True)
class AccountShown:
    """An account with its roles, held and requested, and its second factors."""

    id: UUID
    login: str
    display_name: str
    mail: str | None
    state: str
    created_us: int
    disabled_us: int | None
    last_sign_in_us: int | None
    must_change_password: bool
    approves_from_us: int
    grants: tuple[GrantShown, ...]
    factors: FactorsShown


@dataclass(frozen=True)
class LinkMade:
    """A link by which a person chooses a password: its token, shown once."""

    login: str
    display_name: str
    expires_us: int
    token: str = field(repr=False)


@dataclass(frozen=True)
class AccountStopped:
    """What ended with an account."""

    login: str
    sessions: int
    tokens: int


@dataclass(frozen=True)
class FactorResetShown:
    """A request to remove a second factor. `state`: requested or done."""

    id: UUID
    account_id: UUID
    login: str
    state: str
    requested_by: str
    requested_us: int
    first_by: str | None
    second_by: str | None


@dataclass(frozen=True)
class RoleRequest:
    """A role that waits for a head or director."""

    login: str
    display_name: str
    grant: GrantShown


@dataclass(frozen=True)
class RequestsShown:
    """What waits for other people: roles, and resets of second factors."""

    roles: tuple[RoleRequest, ...]
    resets: tuple[FactorResetShown, ...]


@dataclass(frozen=True)
class ReviewShown:
    """A role that is held, and when it is to be reviewed."""

    login: str
    state: str
    grant: GrantShown
    due_us: int
    is_due: bool
    is_overdue: bool


@dataclass(frozen=True)
class ApiTokenShown:
    """A token without its secret. `scopes`: operations it may call, or nouns for all of theirs."""

    id: UUID
    account_id: UUID
    label: str
    scopes: tuple[str, ...]
    created_us: int
    expires_us: int
    used_us: int | None


@dataclass(frozen=True)
class ApiTokenMade:
    """A token, and its secret, shown once."""

    token: ApiTokenShown
    secret: str = field(repr=False)


@dataclass(frozen=True)
class SetupToken:
    """The file that has the token of the first run, for its owner alone, and when it expires."""

    path: str
    expires_us: int
