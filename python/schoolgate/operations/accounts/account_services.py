"""What acts on accounts for the operations, with the settings as they are now: the accounts library, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from schoolgate.accounts import (
    account_list,
    break_glass,
    first_run,
    linked_identities,
    passkeys,
    reset_links,
)
from schoolgate.accounts.account_list import Account
from schoolgate.accounts.administration import Administration
from schoolgate.accounts.errors import ProviderRefused, SignInRefused, TokenRefused
from schoolgate.accounts.factor_key import UnusableKey
from schoolgate.accounts.guessing import Guard
from schoolgate.accounts.id_token import Identity, Provider
from schoolgate.accounts.oidc import OidcClient
from schoolgate.accounts.passwords import Passwords
from schoolgate.accounts.roles import Role
from schoolgate.accounts.sessions import Origin
from schoolgate.accounts.signing_in import SignedIn, SignIn
from schoolgate.accounts.source_buckets import SourceBuckets
from schoolgate.config.problems import did_you_mean
from schoolgate.operations.accounts.account_notices import Notices
from schoolgate.operations.accounts.own_services import OwnServices
from schoolgate.operations.accounts.session_results import BreakGlassOpened, LinkHolder, OidcStart, SignInStep
from schoolgate.operations.actor import Actor, local_name
from schoolgate.operations.caller import Caller
from schoolgate.storage.store import Store

UsableProvider = tuple[Provider, OidcClient]


@dataclass(frozen=True)
class AccountServices:
    """`providers`: or why one cannot be used. `beginnings`: ceremonies that one source may begin."""

    store: Store
    signing: SignIn
    rules: Passwords
    guard: Guard
    providers: Mapping[str, UsableProvider | ProviderRefused]
    beginnings: SourceBuckets
    own: OwnServices
    notices: Notices

    async def begin(self, caller: Caller, login: str, password: str, device: str | None, now_us: int) -> SignInStep:
        """A sign-in by password. Raises `SignInRefused`."""
        return await self.own.step(
            await self.signing.with_password(
                login, password, caller.address, now_us, user_agent=caller.user_agent, device=device
            )
        )

    async def totp(self, caller: Caller, code: str, now_us: int) -> SignInStep:
        """The code of an app. Raises `SignInRefused`, `SessionEnded`."""
        return await self.own.step(await self.signing.with_totp(caller.token, code, now_us))

    async def recovery_code(self, caller: Caller, code: str, now_us: int) -> SignInStep:
        """A recovery code. Raises `SignInRefused`, `SessionEnded`."""
        return await self.own.step(await self.signing.with_recovery_code(caller.token, code, now_us))

    async def passkey_options(self, caller: Caller, now_us: int) -> str:
        """A challenge. Raises `FactorRefused` where no passkeys are set up, `SignInRefused` after too many."""
        party = self.own.party_set_up()
        if caller.session is None:
            self._begins(caller, now_us)
        return await passkeys.begin_sign_in(self.store, party, now_us, caller.session)

    async def passkey(self, caller: Caller, answer: str, device: str | None, now_us: int) -> SignInStep:
        """The answer to a challenge. Raises `SignInRefused`, `SessionEnded`."""
        party = self.own.party_set_up()
        if caller.session is not None:
            return await self.own.step(await self.signing.with_passkey(caller.token, party, answer, now_us))
        return await self.own.step(
            await self.signing.with_passkey_alone(party, answer, _origin(caller), now_us, device=device)
        )

    async def look_link(self, token: str, now_us: int) -> LinkHolder:
        """Whose link it is. Raises `TokenRefused`."""
        return _holder(await reset_links.look(self.store, token.strip(), now_us))

    async def redeem_link(self, token: str, password: str, now_us: int) -> LinkHolder:
        """Sets the password. Raises `TokenRefused`, `PasswordRefused`."""
        return _holder(await reset_links.use(self.store, self.rules, token.strip(), password, now_us))

    async def look_first_run(self, token: str, now_us: int) -> bool:
        """Raises `TokenRefused` unless it may be used."""
        await first_run.look(self.store, token, now_us)
        return True

    async def first_run(
        self, token: str, login: str, display_name: str, password: str, role: str, now_us: int
    ) -> LinkHolder:
        """Makes the first account. Raises `TokenRefused`, `PasswordRefused`, `AccountRefused`."""
        made = await first_run.make_first_account(
            self.store, self.rules, token, login, display_name, password, Role(role), now_us=now_us
        )
        return _holder(made)

    async def oidc_start(self, caller: Caller, provider: str, now_us: int) -> OidcStart:
        """Begins at a provider. Raises `ProviderRefused`, `SignInRefused` after too many."""
        _, client = self._provider(provider)
        self._begins(caller, now_us)
        redirect = await client.begin(now_us)
        return OidcStart(redirect.address, redirect.state)

    async def oidc_finish(
        self, caller: Caller, provider: str, answer: Mapping[str, str], cookie: str, device: str | None, now_us: int
    ) -> SignInStep:
        """Signs in whom the provider named. Raises `ProviderRefused`, `SignInRefused`."""
        settings, client = self._provider(provider)
        identity = await client.finish(answer, cookie, now_us)
        account_id = await self._linked(identity)
        if settings.app_roles:
            await linked_identities.follow_roles_where_changed(self.store, account_id, identity, now_us)
        return await self.own.step(
            await self.signing.with_identity(
                account_id,
                f"oidc:{provider}",
                _origin(caller),
                now_us,
                has_factor=identity.has_second_factor,
                device=device,
            )
        )

    async def break_glass(self, caller: Caller, code: str, now_us: int) -> BreakGlassOpened:
        """Uses the sealed code up. Raises `SignInRefused` after too many, `TokenRefused`.

        Others behind the same address, or in the same /64, cannot keep the right code out: it has 160 bits.
        """
        try:
            attempt = self.guard.admit_source(caller.address, now_us)
        except SignInRefused:
            if not await break_glass.is_right(self.store, code, now_us):
                raise
            attempt = self.guard.attempt_of_source(caller.address)
        try:
            used = await break_glass.use(self.store, code, _origin(caller), now_us)
        except TokenRefused:
            await self.guard.failed(attempt, now_us)
            raise
        await self.notices.break_glass_used(used.alerted, now_us)
        return BreakGlassOpened(await self.own.step(SignedIn(used.opened)), len(used.alerted))

    def administration(self, actor: Actor, now_us: int) -> Administration:
        """What an actor does with accounts of others."""
        return Administration(self.store, actor.id, now_us, local_name)

    @property
    def is_whole(self) -> bool:
        """Whether every key and file that the settings name could be read."""
        has_key = not isinstance(self.own.key, UnusableKey)
        return (
            has_key
            and self.rules.is_whole
            and not any(isinstance(one, ProviderRefused) for one in self.providers.values())
        )

    def issuer_of(self, provider: str) -> str:
        """The issuer of a provider of the settings. Raises `ProviderRefused`."""
        return self._provider(provider)[0].issuer

    def _begins(self, caller: Caller, now_us: int) -> None:
        if wait_us := self.beginnings.take(caller.address, now_us):
            raise SignInRefused(wait_us)

    def _provider(self, name: str) -> UsableProvider:
        if name not in self.providers:
            raise ProviderRefused(f"there is no identity provider {name[:80]!r}; {did_you_mean(name, self.providers)}")
        found = self.providers[name]
        if isinstance(found, ProviderRefused):
            raise ProviderRefused(str(found))
        return found

    async def _linked(self, identity: Identity) -> UUID:
        """The active account of an identity. Raises `SignInRefused`, so that no identity is found out."""
        async with self.store.reading() as connection:
            found = await linked_identities.find(connection, self.store.site_id, identity.issuer, identity.subject)
            if found is None or not (await account_list.by_id(connection, found)).is_active:
                raise SignInRefused
            return found


def _origin(caller: Caller) -> Origin:
    return Origin(caller.address, caller.user_agent)


def _holder(account: Account) -> LinkHolder:
    return LinkHolder(account.login, account.display_name)
