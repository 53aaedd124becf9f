"""Sign-in at an identity provider, against one in this process that lies where it can."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from sqlalchemy import func, select
from tests.unit.accounts.oidc_provider import (
    BACK,
    CLIENT,
    SECRET,
    OidcProvider,
    another_rsa,
    by_public_key,
    elliptic,
    provider_running,
    unsigned,
)
from tests.unit.accounts.school import ADDRESS, HOUR, MINUTE, School

from schoolgate.accounts import grants, linked_identities, oidc
from schoolgate.accounts.account_list import actor_id
from schoolgate.accounts.errors import AccountRefused, ProviderRefused
from schoolgate.accounts.grants import GrantState
from schoolgate.accounts.id_token import Identity, Kind, Provider
from schoolgate.accounts.oidc import OidcClient
from schoolgate.accounts.roles import Role
from schoolgate.accounts.sessions import Origin, Stage
from schoolgate.storage.schema import oidc_request

ROLES = {
    "Teachers": (Role.teacher, "trust"),
    "Heads": (Role.head, "trust"),
    "Privacy": (Role.data_protection_officer, "trust"),
}


class Site:
    """A school and its provider."""

    def __init__(self, school: School, provider: OidcProvider, http: aiohttp.ClientSession) -> None:
        self.school, self.provider, self.http = school, provider, http
        provider.now_us = school.now
        self.settings = Provider(provider.issuer, CLIENT, BACK, SECRET, app_roles=ROLES, vouches_for_factor=True)
        self.client = self.client_of(self.settings)

    def client_of(self, settings: Provider) -> OidcClient:
        return OidcClient(self.http, self.school.store, settings)

    async def signed_in(self, **answer: str) -> Identity:
        begun = await self.client.begin(self.school.now)
        back = self.provider.authorise(begun.address) | answer
        return await self.client.finish(back, begun.state, self.school.now)


@pytest.fixture
async def site(small_school: School) -> AsyncIterator[Site]:
    async with provider_running() as provider, aiohttp.ClientSession() as http:
        yield Site(small_school, provider, http)


async def test_a_person_signs_in_at_the_provider(site: Site) -> None:
    site.provider.claims = {"roles": ["Teachers", "Unknown", 7], "amr": ["pwd", "mfa"]}
    found = await site.signed_in()
    roles = frozenset({(Role.teacher, "trust")})
    assert found == Identity(site.provider.issuer, "person-7", "person-7", roles, has_second_factor=True)
    assert SECRET not in repr(site.settings)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"}, {"iss": None}, {"aud": "another"}, {"aud": ["another"]}, {"aud": None},
        {"aud": [CLIENT, "another"]}, {"aud": [CLIENT, "another"], "azp": "another"}, {"azp": "another"},
        {"nonce": "another"}, {"nonce": None}, {"nonce": 7}, {"sub": None}, {"sub": ""}, {"sub": "x" * 256},
        {"exp": 1}, {"exp": None}, {"exp": "never"}, {"iat": 10**11}, {"nbf": 10**11},
    ],
    ids=str,
)  # fmt: skip
async def test_a_token_with_a_claim_that_does_not_fit_is_refused(site: Site, claims: dict[str, Any]) -> None:
    site.provider.claims = claims
    with pytest.raises(ProviderRefused, match="token"):
        await site.signed_in()


@pytest.mark.parametrize("aud", [CLIENT, [CLIENT]])
async def test_both_spellings_of_one_audience_are_taken(site: Site, aud: Any) -> None:
    site.provider.claims = {"aud": aud, "azp": CLIENT}
    await site.signed_in()


def _other_key(provider: OidcProvider) -> None:
    provider.key = another_rsa("one")


def _hmac_by_public_key(provider: OidcProvider) -> None:
    key = provider.key
    provider.make_token = lambda claims: by_public_key(key, claims)


def _unsigned(provider: OidcProvider) -> None:
    provider.make_token = lambda claims: f"{unsigned({'alg': 'none'}, claims)}."


def _cut(provider: OidcProvider) -> None:
    whole = provider._signed
    provider.make_token = lambda claims: whole(claims).rpartition(".")[0] + "."


def _nonsense(provider: OidcProvider) -> None:
    provider.make_token = lambda _: "a.b.c"


def _long(provider: OidcProvider) -> None:
    provider.make_token = lambda _: "a" * 100_000


@pytest.mark.parametrize("lie", [_other_key, _hmac_by_public_key, _unsigned, _cut, _nonsense, _long])
async def test_a_token_that_the_provider_did_not_sign_is_refused(
    site: Site, lie: Callable[[OidcProvider], None]
) -> None:
    lie(site.provider)
    with pytest.raises(ProviderRefused, match="token"):
        await site.signed_in()


async def test_new_keys_are_read_at_most_once_a_minute(site: Site) -> None:
    await site.signed_in()
    site.provider.key = elliptic("two")
    site.provider.published = [site.provider.key]
    site.provider.header = {"alg": "ES256", "kid": "two"}
    for _ in range(3):
        with pytest.raises(ProviderRefused):
            await site.signed_in()
    assert site.provider.asked.count("/keys") == 1
    site.school.now += MINUTE
    site.provider.now_us = site.school.now
    await site.signed_in()
    assert site.provider.asked.count("/keys") == 2
    site.school.now += HOUR
    site.provider.now_us = site.school.now
    await site.signed_in()
    assert site.provider.asked.count("/keys") == 3


async def test_an_answer_counts_in_the_browser_that_began_and_once(site: Site) -> None:
    begun = await site.client.begin(site.school.now)
    back = site.provider.authorise(begun.address)
    for cookie in ("", "another", "\u20ac"):
        with pytest.raises(ProviderRefused, match="this browser"):
            await site.client.finish(back, cookie, site.school.now)
    done = await asyncio.gather(
        *(site.client.finish(back, begun.state, site.school.now) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["Identity", "ProviderRefused"]
    with pytest.raises(ProviderRefused, match="this browser"):
        await site.client.finish({}, "", site.school.now)


async def test_a_sign_in_ends_after_ten_minutes(site: Site) -> None:
    begun = await site.client.begin(site.school.now)
    back = site.provider.authorise(begun.address)
    with pytest.raises(ProviderRefused, match="ten minutes"):
        await site.client.finish(back, begun.state, site.school.now + 10 * MINUTE)


async def test_an_answer_of_another_provider_is_refused(site: Site) -> None:
    """The mix-up attack: RFC 9207 says who answers; and what began at one provider does not end at another."""
    with pytest.raises(ProviderRefused, match="another provider"):
        await site.signed_in(iss="https://evil.example")
    begun = await site.client.begin(site.school.now)
    back = site.provider.authorise(begun.address)
    async with provider_running() as other:
        client = site.client_of(replace(site.settings, issuer=other.issuer))
        with pytest.raises(ProviderRefused, match="at another provider"):
            await client.finish(back, begun.state, site.school.now)
    assert site.provider.codes.keys() >= {back["code"]}, "the code was sent to neither"


async def test_a_code_of_another_sign_in_does_not_fit_its_verifier(site: Site) -> None:
    """PKCE: a code that was stolen is worth nothing."""
    other = site.provider.authorise((await site.client.begin(site.school.now)).address)
    with pytest.raises(ProviderRefused, match="gave no token"):
        await site.signed_in(code=other["code"])


async def test_a_refusal_of_the_provider_is_said(site: Site) -> None:
    begun = await site.client.begin(site.school.now)
    back = {"state": begun.state, "error": "access_denied"}
    with pytest.raises(ProviderRefused, match="access_denied"):
        await site.client.finish(back, begun.state, site.school.now)
    site.provider.token_status = 400
    with pytest.raises(ProviderRefused, match="status 400"):
        await site.signed_in()


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/"},
        {"jwks_uri": None},
        {"jwks_uri": ""},
    ],
    ids=str,
)
async def test_a_provider_that_names_another_or_plain_http_is_refused(site: Site, document: dict[str, Any]) -> None:
    site.provider.document = document
    with pytest.raises(ProviderRefused):
        await site.client.begin(site.school.now)


async def test_a_provider_that_is_away_is_named(site: Site) -> None:
    await site.provider.server.close()
    with pytest.raises(ProviderRefused, match="cannot be reached"):
        await site.client.begin(site.school.now)


@pytest.mark.parametrize(
    ("kind", "rule", "claim", "reason"),
    [(Kind.entra, {"tenant": "ours"}, "tid", "tenant"), (Kind.google, {"hosted_domain": "ours"}, "hd", "domain")],
)
async def test_only_the_tenant_or_domain_of_the_settings_signs_in(
    site: Site, kind: Kind, rule: dict[str, str], claim: str, reason: str
) -> None:
    with pytest.raises(ProviderRefused, match="name it in the settings"):
        replace(site.settings, kind=kind)
    site.client = site.client_of(replace(site.settings, kind=kind, **rule))
    for wrong in ({}, {claim: "theirs"}, {claim: ["ours"]}):
        site.provider.claims = wrong
        with pytest.raises(ProviderRefused, match=reason):
            await site.signed_in()
    site.provider.claims = {claim: "ours", "oid": "object-1"}
    found = await site.signed_in()
    assert found.directory_id == ("object-1" if kind is Kind.entra else "person-7")


@pytest.mark.parametrize(
    ("vouches", "amr", "counts"),
    [(True, ["mfa"], True), (True, ["pwd"], False), (True, "mfa", False), (False, ["mfa"], False)],
)
async def test_a_second_factor_of_the_provider_counts_where_the_settings_say_so(
    site: Site, vouches: bool, amr: Any, counts: bool
) -> None:
    site.client = site.client_of(replace(site.settings, vouches_for_factor=vouches))
    site.provider.claims = {"amr": amr}
    found = await site.signed_in()
    assert found.has_second_factor is counts
    head = await site.school.account("head", Role.head)
    signed = await site.school.signing.with_identity(
        head.id, "oidc", Origin(ADDRESS), site.school.now, has_factor=found.has_second_factor
    )
    assert signed.session.stage is (Stage.full if counts else Stage.enrol)


async def test_sign_ins_that_never_come_back_are_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "MOST_REQUESTS", 10)
    monkeypatch.setattr(oidc, "REMOVED_AT_ONCE", 3)
    for _ in range(30):
        await site.client.begin(site.school.now)
    async with site.school.store.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(oidc_request))).scalar_one() <= 10


async def test_an_identity_is_one_accounts_by_issuer_and_subject(school: School) -> None:
    alice, bob = await school.account("alice"), await school.account("bob")
    async with school.store.change() as change:

        async def link(account: Any, issuer: str, subject: str) -> None:
            await linked_identities.link(change, account.id, issuer, subject, None, actor="uid:0", now_us=school.now)

        await link(alice, "https://one.example", "7")
        await link(bob, "https://two.example", "7")
        with pytest.raises(AccountRefused, match="already"):
            await link(bob, "https://one.example", "7")
    async with school.store.reading() as connection:
        found = [
            await linked_identities.find(connection, school.store.site_id, issuer, "7")
            for issuer in ("https://one.example", "https://two.example", "https://three.example")
        ]
    assert found == [alice.id, bob.id, None]
    (entry, _) = await school.entries(linked_identities.LINKED)
    assert "subject" not in entry["detail"]


async def test_roles_of_a_token_are_followed_but_an_approving_one_waits(school: School) -> None:
    alice = await school.account("alice", Role.governor)
    named = Identity("i", "s", "s", frozenset(ROLES.values()), has_second_factor=False)

    async def follow(identity: Identity) -> tuple[int, set[tuple[Role, GrantState]]]:
        async with school.store.change() as change:
            changed = await linked_identities.follow_roles(change, alice.id, identity, school.now)
            change.is_signed = True
            return changed, {(one.role, one.state) for one in await grants.open_grants(change.connection, alice.id)}

    kept = (Role.governor, GrantState.active)
    waiting = {(one, GrantState.requested) for one in (Role.head, Role.data_protection_officer)}
    assert await follow(named) == (3, {kept, (Role.teacher, GrantState.active), *waiting})
    assert (await follow(named))[0] == 0
    none = replace(named, roles=frozenset())
    assert await follow(none) == (3, {kept})
    assert actor_id(alice.id).startswith("account:")
