"""What a process keeps for sign-ins as long as it runs: the limits on guessing, the key of TOTP secrets, the rules.

The settings are read for each operation; rules and providers are made anew only where their section changed.
"""

from __future__ import annotations

import asyncio

import aiohttp

from schoolgate.accounts import factor_key
from schoolgate.accounts.account_settings import PasswordSettings
from schoolgate.accounts.breach_file import UnusableBreachFile
from schoolgate.accounts.errors import BreachFileUnusable, ProviderRefused, SecretKeyUnusable
from schoolgate.accounts.factor_key import FactorKey, UnusableKey
from schoolgate.accounts.guessing import Guard
from schoolgate.accounts.id_token import Kind, Provider
from schoolgate.accounts.oidc import OidcClient
from schoolgate.accounts.passkeys import RelyingParty
from schoolgate.accounts.password_hashing import PasswordHashing
from schoolgate.accounts.passwords import Passwords
from schoolgate.accounts.roles import Role
from schoolgate.accounts.signing_in import SignIn
from schoolgate.accounts.source_buckets import SourceBuckets
from schoolgate.config import Settings
from schoolgate.config.accounts import Accounts, IdentityProvider
from schoolgate.operations.accounts.account_notices import Notices
from schoolgate.operations.accounts.account_services import AccountServices, UsableProvider
from schoolgate.operations.accounts.client_secret import read_secret
from schoolgate.operations.accounts.own_services import OwnServices
from schoolgate.storage.failed_attempts import Attempts
from schoolgate.storage.store import Store

RELYING_PARTY = "schoolgate"
# Ceremonies that one source may begin at once; one more each ten seconds.
BEGINNINGS = 60


class AccountKeeper:
    """One for a process. Close it before its store."""

    def __init__(self, store: Store, attempts: Attempts) -> None:
        self._store = store
        self._guard = Guard(store, attempts)
        self._beginnings = SourceBuckets(BEGINNINGS)
        self._hashing = PasswordHashing()
        self._key: FactorKey | None = None
        self._http: aiohttp.ClientSession | None = None
        self._made: tuple[Accounts, AccountServices] | None = None
        self._making = asyncio.Lock()

    async def services(self, settings: Settings) -> AccountServices:
        """What acts, by these settings. A key or file that cannot be used is refused where it is needed, and read again
        at the next call: who repairs it does not have to sign in by it."""
        async with self._making:
            if self._made is None or self._made[0] != settings.accounts or not self._made[1].is_whole:
                self._made = settings.accounts, await self._services(settings)
            return self._made[1]

    async def close(self) -> None:
        """Closes connections to identity providers."""
        if self._http is not None:
            await self._http.close()

    async def _services(self, settings: Settings) -> AccountServices:
        accounts = settings.accounts
        key = await self._read_key(settings)
        rules = await self._read_rules(accounts)
        signing = SignIn(self._store, rules, self._guard, key)
        party = relying_party(accounts)
        notices = Notices(settings.server.state_dir)
        own = OwnServices(self._store, signing, rules, self._guard, key, party, accounts.school, notices)
        return AccountServices(
            store=self._store,
            signing=signing,
            rules=rules,
            guard=self._guard,
            providers=await self._providers(accounts),
            beginnings=self._beginnings,
            own=own,
            notices=notices,
        )

    async def _read_key(self, settings: Settings) -> FactorKey:
        if self._key is None:
            try:
                path = settings.server.state_dir / factor_key.FILE_NAME
                self._key = await asyncio.to_thread(factor_key.load_or_make, path)
            except SecretKeyUnusable as error:
                return UnusableKey(error)
        return self._key

    async def _read_rules(self, accounts: Accounts) -> Passwords:
        settings = password_settings(accounts)
        try:
            return await asyncio.to_thread(Passwords.load, settings, self._hashing)
        except BreachFileUnusable as error:
            return Passwords(self._hashing, settings, UnusableBreachFile(error))

    async def _providers(self, accounts: Accounts) -> dict[str, UsableProvider | ProviderRefused]:
        if not accounts.providers:
            return {}
        self._http = self._http or aiohttp.ClientSession()
        made: dict[str, UsableProvider | ProviderRefused] = {}
        for name, one in accounts.providers.items():
            try:
                provider = await asyncio.to_thread(provider_of, one)
                made[name] = provider, OidcClient(self._http, self._store, provider)
            except ProviderRefused as error:
                made[name] = error
        return made


def password_settings(accounts: Accounts) -> PasswordSettings:
    """The rules for passwords."""
    return PasswordSettings(
        accounts.min_length,
        accounts.min_length_alone,
        accounts.needs_complexity,
        accounts.words,
        accounts.breached_passwords,
    )


def relying_party(accounts: Accounts) -> RelyingParty | None:
    """Us, as browsers know us; None where no name is set."""
    if not accounts.passkey_domain:
        return None
    return RelyingParty(accounts.passkey_domain, RELYING_PARTY, accounts.origins)


def provider_of(settings: IdentityProvider) -> Provider:
    """A provider with its secret. Raises `ProviderRefused`."""
    return Provider(
        issuer=settings.issuer,
        client_id=settings.client_id,
        redirect_uri=settings.redirect_uri,
        client_secret=read_secret(settings.client_secret_file),
        kind=Kind(settings.kind),
        tenant=settings.tenant,
        hosted_domain=settings.hosted_domain,
        app_roles={name: (Role(one.role), one.scope) for name, one in settings.app_roles.items()},
        vouches_for_factor=settings.vouches_for_factor,
    )
