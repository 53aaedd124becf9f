"""Directories are read by night with a token of the installation, and what came of it is kept."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.unit.accounts.school import School

from schoolgate.accounts import account_list, linked_identities
from schoolgate.accounts.account_settings import DAY_US, HOUR_US
from schoolgate.config import Settings
from schoolgate.config.load import parse
from schoolgate.config.problems import ConfigInvalid
from schoolgate.operations.accounts import leavers_reading

SECRET = "a secret of the application"


class Provider:
    """The token endpoint and the users of Entra and of Google, at one address of this machine."""

    def __init__(self) -> None:
        self.people = {"id-a": True, "id-b": True}
        self.asked: list[dict[str, str]] = []
        self.is_down = False
        self.server: TestServer

    @property
    def base(self) -> str:
        return str(self.server.make_url("/"))

    async def answer(self, request: web.Request) -> web.Response:
        if self.is_down:
            return web.json_response({}, status=500)
        if request.path.endswith("openid-configuration"):
            return web.json_response({"token_endpoint": f"{self.base}token"})
        if request.path == "/token":
            form = {name: str(value) for name, value in (await request.post()).items()}
            self.asked.append(form)
            if form.get("client_secret", SECRET) != SECRET:
                return web.json_response({"error": "invalid_client"}, status=401)
            return web.json_response({"access_token": "good"})
        if request.headers.get("Authorization") != "Bearer good":
            return web.json_response({}, status=401)
        if "v1.0" in request.path:
            users = [{"id": name, "accountEnabled": here} for name, here in self.people.items()]
            return web.json_response({"value": users})
        users = [{"id": name, "suspended": not here} for name, here in self.people.items()]
        return web.json_response({"users": users})


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", made.answer)
    made.server = TestServer(application, host="127.0.0.1")
    await made.server.start_server()
    yield made
    await made.server.close()


def _settings(folder: Path, provider: Provider, kind: str, more: str = "") -> Settings:
    secret = folder / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    secret.chmod(0o600)
    whose = {"entra": 'tenant = "t"', "google": 'hosted_domain = "school.example"'}[kind]
    return parse(
        f"""
[server]
listen = ["127.0.0.1:0"]
state_dir = "{folder}"
[accounts.providers.one]
kind = "{kind}"
issuer = "{provider.base}tenant"
client_id = "us"
client_secret_file = "{secret}"
redirect_uri = "https://console.example/sign-in/provider"
reads_leavers = true
directory_address = "{provider.base}"
{whose}
{more}
""",
        "test",
    )


async def _linked(school: School, provider: Provider, *names: str) -> None:
    for name in names:
        made = await school.account(name)
        async with school.store.change() as change:
            await linked_identities.link(
                change, made.id, f"{provider.base}tenant", f"sub-{name}", f"id-{name}", actor="uid:0", now_us=school.now
            )


async def _active(school: School) -> set[str]:
    return {one.login for one in await account_list.all_accounts(school.store) if one.is_active}


async def test_the_installation_asks_entra_for_a_token_and_disables_who_left(
    school: School, provider: Provider, tmp_path: Path
) -> None:
    settings = _settings(tmp_path, provider, "entra")
    await _linked(school, provider, "a", "b")
    provider.people["id-b"] = False
    (made,) = await leavers_reading.read_due(school.store, settings, school.now)
    assert (made.problem, made.disabled, made.read_us) == ("", 1, school.now)
    assert "b" not in await _active(school)
    assert "a" in await _active(school)
    assert provider.asked[0]["grant_type"] == "client_credentials"
    assert provider.asked[0]["scope"] == f"{provider.base}.default"
    assert leavers_reading.last_readings(settings) == [made]


async def test_google_gets_an_assertion_that_the_service_account_signed(
    school: School, provider: Provider, tmp_path: Path
) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    key = tmp_path / "key.json"
    said = {"client_email": "us@project.example", "token_uri": f"{provider.base}token", "private_key": pem}
    key.write_text(json.dumps(said), encoding="utf-8")
    key.chmod(0o600)
    more = f'directory_key_file = "{key}"\ndirectory_admin = "admin@school.example"'
    settings = _settings(tmp_path, provider, "google", more)
    await _linked(school, provider, "a", "b")
    provider.people["id-b"] = False
    (made,) = await leavers_reading.read_due(school.store, settings, school.now)
    assert (made.problem, made.disabled) == ("", 1)
    claims = jwt.decode(provider.asked[0]["assertion"], RSAKey.import_key(pem), algorithms=["RS256"]).claims
    assert claims["sub"] == "admin@school.example"
    assert claims["aud"] == f"{provider.base}token"
    assert claims["exp"] - claims["iat"] == 600
    key.write_text("{}", encoding="utf-8")
    (made,) = await leavers_reading.read_due(school.store, settings, school.now + DAY_US)
    assert "private_key" in made.problem


@pytest.mark.parametrize("breaks", ["down", "secret", "readable", "not there", "address"])
async def test_a_reading_that_fails_says_why_and_disables_no_account(
    school: School, provider: Provider, tmp_path: Path, breaks: str
) -> None:
    settings = _settings(tmp_path, provider, "entra")
    await _linked(school, provider, "a", "b")
    provider.people["id-b"] = False
    secret = tmp_path / "secret"
    if breaks == "secret":
        secret.write_text("wrong", encoding="utf-8")
    elif breaks == "readable":
        secret.chmod(0o644)
    elif breaks == "not there":
        secret.unlink()
    elif breaks == "address":
        await provider.server.close()
    provider.is_down = breaks == "down"
    (made,) = await leavers_reading.read_due(school.store, settings, school.now)
    assert made.problem
    assert SECRET not in made.problem
    assert made.read_us == 0
    assert {"a", "b"} <= await _active(school)


async def test_it_is_read_once_a_day_and_after_an_hour_where_it_failed(
    school: School, provider: Provider, tmp_path: Path
) -> None:
    settings = _settings(tmp_path, provider, "entra")

    async def tried(at_us: int) -> bool:
        return bool(await leavers_reading.read_due(school.store, settings, at_us))

    assert await tried(school.now)
    assert not await tried(school.now + HOUR_US)
    provider.is_down = True
    assert await tried(school.now + DAY_US)
    assert not await tried(school.now + DAY_US + HOUR_US // 2)
    assert await tried(school.now + DAY_US + HOUR_US)
    (last,) = leavers_reading.last_readings(settings)
    assert last.read_us == school.now
    assert not last.is_too_old(school.now + DAY_US)
    assert last.is_too_old(school.now + 4 * DAY_US)
    assert await tried(school.now - DAY_US), "a clock that went back"


async def test_a_damaged_file_of_the_last_reading_is_written_anew(
    school: School, provider: Provider, tmp_path: Path
) -> None:
    settings = _settings(tmp_path, provider, "entra")
    (tmp_path / leavers_reading.FILE_NAME).write_bytes(b"\xff no file of ours")
    assert len(await leavers_reading.read_due(school.store, settings, school.now)) == 1
    assert leavers_reading.last_readings(settings)[0].read_us == school.now


async def test_many_who_left_at_once_wait_until_a_person_accepts(
    school: School, provider: Provider, tmp_path: Path
) -> None:
    settings = _settings(tmp_path, provider, "entra")
    names = [f"p{one}" for one in range(8)]
    await _linked(school, provider, *names)
    (made,) = await leavers_reading.read_due(school.store, settings, school.now)
    assert "8 of 8" in made.problem
    (made,) = await leavers_reading.read_now(school.store, settings, ["one"], school.now, accepts_many=True)
    assert (made.problem, made.disabled) == ("", 8)


@pytest.mark.parametrize(("kind", "more"), [("plain", ""), ("google", 'hosted_domain = "s.example"')])
def test_settings_without_what_a_directory_needs_are_refused(kind: str, more: str) -> None:
    text = f"""
[accounts.providers.one]
kind = "{kind}"
issuer = "https://i.example"
client_id = "us"
client_secret_file = "/nowhere"
redirect_uri = "https://console.example/"
reads_leavers = true
{more}
"""
    with pytest.raises(ConfigInvalid, match="reads_leavers"):
        parse(text, "test")
