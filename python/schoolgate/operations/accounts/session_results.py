"""What the operations of a sign-in return. A secret is in them once: a token, a code, what an app is set up with."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True)
class SignInStep:
    """A step that was taken, and what comes next.

    `stage`: factor, enrol, change, or full when the sign-in is complete. `token`: of the session from now on; an older
    one is worth nothing. `device`: the value of the known device's cookie, where it is new. `names`: what can be given
    or set up next: totp, passkey, recovery_code. `ends_us`: when the session ends without further use.
    """

    stage: str
    token: str = field(repr=False)
    device: str | None = field(repr=False)
    names: tuple[str, ...]
    login: str
    display_name: str
    ends_us: int


@dataclass(frozen=True)
class HeldRole:
    """A role of an account. `holds_here`: whether it holds in this whole installation."""

    role: str
    scope: str
    holds_here: bool


@dataclass(frozen=True)
class Whoami:
    """The account behind a session. Times in microseconds UTC; `fresh_until_us` is 0 without a fresh factor.

    `time_zone`: the school's, for times on pages; "" where the policy cannot be read. `asks_first`: operations that
    the account has the right to, and asks for by a change request.
    """

    account_id: UUID
    login: str
    display_name: str
    roles: tuple[HeldRole, ...]
    stage: str
    method: str
    is_fresh: bool
    fresh_until_us: int
    ends_us: int
    names: tuple[str, ...]
    time_zone: str = ""
    asks_first: tuple[str, ...] = ()


@dataclass(frozen=True)
class OwnSession:
    """A session of the own account. `is_this`: the one that asks."""

    id: UUID
    method: str
    created_us: int
    seen_us: int
    ends_us: int
    address: str
    user_agent: str
    is_this: bool


@dataclass(frozen=True)
class TotpStart:
    """What an authenticator app is set up with, shown once: the secret in base32, the address, the QR code as SVG."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    qr_svg: str = field(repr=False)


@dataclass(frozen=True)
class Enrolled:
    """A second factor that was set up. `recovery_codes`: ten with the first factor, shown once."""

    step: SignInStep
    recovery_codes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class OwnPasskey:
    """A passkey of the own account."""

    id: UUID
    label: str
    created_us: int
    used_us: int | None


@dataclass(frozen=True)
class OwnFactors:
    """The second factors of the own account. `recovery_codes`: how many are left. `asks_password`: setting the first
    one up needs the password once more."""

    has_totp: bool
    passkeys: tuple[OwnPasskey, ...]
    recovery_codes: int
    is_needed: bool
    asks_password: bool


@dataclass(frozen=True)
class LinkHolder:
    """Whose password a link sets."""

    login: str
    display_name: str


@dataclass(frozen=True)
class IdentityProviderName:
    """A provider where people sign in: its id, and what its button says."""

    id: str
    name: str


@dataclass(frozen=True)
class OidcStart:
    """Where to send the browser, and the value of the cookie by which it is known when it comes back."""

    address: str
    state: str = field(repr=False)


@dataclass(frozen=True)
class BreakGlassOpened:
    """The session that the sealed code opened, and how many people are alerted."""

    step: SignInStep
    alerted: int
