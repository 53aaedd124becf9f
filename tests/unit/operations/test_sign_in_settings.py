"""What the settings decide about sign-in: identity providers, rules for passwords, and files that cannot be used."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from tests.unit.accounts.oidc_provider import BACK, CLIENT, SECRET, OidcProvider, provider_running
from tests.unit.operations.signed_in import PASSWORD, School, opened

from schoolgate.accounts.account_list import by_login
from schoolgate.accounts.errors import (
    BreachFileUnusable,
    PasswordRefused,
    ProviderRefused,
    SecretKeyUnusable,
    SignInRefused,
)
from schoolgate.accounts.reset_links import issue
from schoolgate.accounts.roles import Role
from schoolgate.config import load
from schoolgate.config.problems import ConfigInvalid
from schoolgate.control.server import listening_socket
from schoolgate.operations.actor import Actor
from schoolgate.operations.socket_service import open_to

ROOT = Actor("uid:0", "root", frozenset({Role.network_manager}))


@pytest_asyncio.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(tmp_path) as made:
        yield made


def with_provider(school: School, provider: OidcProvider, more: str = "") -> Path:
    secret = school.config.with_name("client-secret")
    secret.write_text(f"{SECRET}\n", encoding="utf-8")
    secret.chmod(0o600)
    school.write(
        f'[accounts.providers.school]\nname = "Oakfield"\nissuer = "{provider.issuer}"\nclient_id = "{CLIENT}"\n'
        f'client_secret_file = "client-secret"\nredirect_uri = "{BACK}"\n{more}'
    )
    return secret


async def link_for(school: School, login: str) -> str:
    async with school.change() as change:
        holder = await by_login(change.connection, change.site_id, login)
        return (await issue(change, holder, actor="uid:0", now_us=school.clock.us)).token


@pytest.mark.asyncio
async def test_a_linked_person_signs_in_at_the_provider_and_follows_its_roles(school: School) -> None:
    roles = '[accounts.providers.school.app_roles.Teachers]\nrole = "teacher"\n'
    async with provider_running() as provider:
        with_provider(school, provider, roles)
        provider.now_us = school.clock.us
        provider.claims = {"roles": ["Teachers"]}
        (listed,) = await school.call("", "session.providers")
        assert (listed.id, listed.name) == ("school", "Oakfield")
        await school.account("asmith")

        async def signed_in() -> object:
            start = await school.call("", "session.oidc_start", provider="school")
            answer = provider.authorise(start.address)
            return await school.call("", "session.oidc_finish", provider="school", answer=answer, cookie=start.state)

        with pytest.raises(SignInRefused):
            await signed_in()
        linked = {"login": "asmith", "provider": "school", "subject": "person-7"}
        await school.operations.call(ROOT, "account.link_identity", linked)
        for _ in range(2):
            step = await signed_in()
        assert step.stage == "full"  # type: ignore[attr-defined]
        who = await school.call(step.token, "session.show")  # type: ignore[attr-defined]
        assert (who.login, who.method, [one.role for one in who.roles]) == ("asmith", "oidc:school", ["teacher"])
        await school.operations.call(ROOT, "account.disable", {"login": "asmith"})
        with pytest.raises(SignInRefused):
            await signed_in()
        start = await school.call("", "session.oidc_start", provider="school")
        with pytest.raises(ProviderRefused, match="browser"):
            await school.call(
                "", "session.oidc_finish", provider="school", answer=provider.authorise(start.address), cookie="other"
            )


@pytest.mark.asyncio
async def test_a_provider_whose_secret_cannot_be_used_stops_no_other_sign_in(school: School) -> None:
    async with provider_running() as provider:
        secret = with_provider(school, provider)
        for mode, text, named in ((0o644, SECRET, "others"), (0o600, "", "empty")):
            secret.write_text(text, encoding="utf-8")
            secret.chmod(mode)
            with pytest.raises(ProviderRefused, match=named):
                await school.call("", "session.oidc_start", provider="school")
        await school.account("asmith")
        await school.call("", "session.redeem_link", token=await link_for(school, "asmith"), password=PASSWORD)
        assert (await school.begin("asmith")).stage == "full"
        secret.write_text(SECRET, encoding="utf-8")
        assert (await school.call("", "session.oidc_start", provider="school")).address, "repaired without a restart"


@pytest.mark.asyncio
async def test_a_missing_file_of_breached_passwords_sets_no_password_and_lets_people_in(school: School) -> None:
    await school.account("asmith")
    first = await link_for(school, "asmith")
    await school.call("", "session.redeem_link", token=first, password=PASSWORD)
    school.write('[accounts]\nbreached_passwords = "none.bloom"\n')
    assert (await school.begin("asmith")).stage == "full"
    second = await link_for(school, "asmith")
    with pytest.raises(BreachFileUnusable, match=r"none\.bloom"):
        await school.call("", "session.redeem_link", token=second, password="copper lantern drifting north")
    school.write('[accounts]\nwords = ["Oakfield"]\nmin_length_alone = 40\n')
    with pytest.raises(PasswordRefused, match="40"):
        await school.call("", "session.redeem_link", token=second, password="copper lantern drifting north")


@pytest.mark.asyncio
async def test_a_key_that_others_read_stops_codes_and_leaves_administrators_at_work(school: School) -> None:
    key = school.state / "accounts.key"
    key.write_bytes(bytes(32))
    key.chmod(0o644)
    token = await school.signed_in("nina", Role.network_manager)
    with pytest.raises(SecretKeyUnusable, match="chmod"):
        await school.call(token, "session.enrol_totp_start")
    assert len(await school.operations.call(ROOT, "account.list", {})) == 1
    key.chmod(0o600)
    assert (await school.call(token, "session.enrol_totp_start")).secret


@pytest.mark.parametrize(
    "text",
    [
        "min_length = 7",
        'password = "x"',
        'passkey_origins = ["https://a.example"]',
        'passkey_domain = "a.example"\npasskey_origins = ["http://a.example"]',
        'school = "North School"',
        '[accounts.providers.a]\nkind = "entra"\nissuer = "https://a"\nclient_id = "a"\nclient_secret_file = "a"\n'
        'redirect_uri = "https://a"',
    ],
)
def test_settings_of_sign_in_that_make_no_sense_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "schoolgate.toml"
    path.write_text(f"[accounts]\n{text}\n", encoding="utf-8")
    with pytest.raises(ConfigInvalid, match="accounts"):
        load(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="a directory of another group is needed")
def test_a_socket_has_the_group_of_its_directory_where_the_service_may_not_give_it_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = pwd.getpwnam("daemon").pw_gid
    os.chown(tmp_path, -1, group)
    tmp_path.chmod(0o2750)
    path = tmp_path / "operations.sock"
    with closing(listening_socket(path)):
        with monkeypatch.context() as refused:
            refused.setattr(os, "chown", lambda *_: pytest.fail("the service may not"))
            open_to(path, "daemon")
        found = path.stat()
        assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (group, 0o660)
    closed = tmp_path / "closed.sock"
    with closing(listening_socket(closed)):
        open_to(closed, "no-such-user")
        assert stat.S_IMODE(closed.stat().st_mode) == 0o600
