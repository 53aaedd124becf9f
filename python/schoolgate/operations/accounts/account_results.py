"""What operations on accounts return. No secret is in them but a link's or token's, once. Times in microseconds UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

if TYPE_CHECKING:
    from schoolgate.accounts.access_review import Reviewed
    from schoolgate.accounts.account_list import Account
    from schoolgate.accounts.account_state import Stopped
    from schoolgate.accounts.administration import Listed
    from schoolgate.accounts.api_tokens import NewApiToken
    from schoolgate.accounts.factor_reset import FactorReset
    from schoolgate.accounts.grants import Grant
    from schoolgate.accounts.reset_links import ResetLink

T = TypeVar("T")


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


def grant_shown(one: Grant) -> GrantShown:
    """A grant as a result."""
    return same(GrantShown, one, role=one.role.value, state=one.state.value)


def account_shown(one: Listed) -> AccountShown:
    """An account with what it holds."""
    return same(
        AccountShown,
        one.account,
        state=one.account.state.value,
        grants=tuple(map(grant_shown, one.grants)),
        factors=same(FactorsShown, one.factors),
    )


def link_made(made: ResetLink) -> LinkMade:
    """A link with its token."""
    return LinkMade(made.account.login, made.account.display_name, made.expires_us, made.token)


def role_request(one: Grant, holders: Mapping[UUID, Account]) -> RoleRequest:
    """A requested role with the name of its holder."""
    holder = holders[one.account_id]
    return RoleRequest(holder.login, holder.display_name, grant_shown(one))


def reset_shown(one: FactorReset, holder: Account) -> FactorResetShown:
    """A reset with the login name of its account."""
    return same(FactorResetShown, one, login=holder.login)


def same(kind: type[T], one: object, **more: Any) -> T:
    """A result from the library's value with fields of the same names."""
    names = [part.name for part in fields(kind) if part.name not in more]  # type: ignore[arg-type]
    return kind(**{name: getattr(one, name) for name in names}, **more)


def stopped(done: Stopped) -> AccountStopped:
    """What ended."""
    return AccountStopped(done.account.login, done.sessions, done.tokens)


def review_shown(one: Reviewed, now_us: int) -> ReviewShown:
    """A review, by the time that it is."""
    state, grant = one.account.state.value, grant_shown(one.grant)
    return ReviewShown(one.account.login, state, grant, one.due_us, one.is_due(now_us), one.is_overdue(now_us))


def token_made(made: NewApiToken) -> ApiTokenMade:
    """A token with its secret."""
    return ApiTokenMade(same(ApiTokenShown, made.token), made.secret)
