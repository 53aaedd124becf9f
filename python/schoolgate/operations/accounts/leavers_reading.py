"""Reading the directories for people who left: by night, and when a person asks for it.

What the last reading of each provider found is kept in the state directory, so that a reading that fails night after
night is seen.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from schoolgate.accounts import directory_token, leavers
from schoolgate.accounts.account_settings import DAY_US, HOUR_US, SECOND_US
from schoolgate.accounts.directory_token import ServiceAccount
from schoolgate.accounts.errors import DirectoryUnusable, ProviderRefused
from schoolgate.accounts.leavers import Directory, GoogleDirectory, GraphDirectory
from schoolgate.config import Settings
from schoolgate.config.accounts import IdentityProvider
from schoolgate.operations.accounts.client_secret import read_secret
from schoolgate.storage.checked_file import CheckedFileDamaged, read_checked, write_checked
from schoolgate.storage.store import Store

FILE_NAME, KIND = "leavers.json", "leavers"
GRAPH, GOOGLE = "https://graph.microsoft.com/", "https://admin.googleapis.com/"
# Once a day; one that failed is tried again after an hour.
AGAIN_US, AFTER_FAILURE_US = DAY_US - HOUR_US, HOUR_US
# A directory that was not read for so long is a problem, not a bad night.
TOO_OLD_US = 3 * DAY_US
MOST_KEY_OCTETS = 16 * 1024

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class Reading:
    """The last reading of one provider's directory. `read_us`: when it was last read whole, 0 for never. `tried_us`:
    when last tried. `disabled`: accounts that the last whole one disabled. `problem`: why the last one failed."""

    provider: str
    tried_us: int
    read_us: int = 0
    disabled: int = 0
    problem: str = ""

    def is_due(self, now_us: int) -> bool:
        """Whether the nightly reading tries again. A clock that went back makes it due."""
        since = now_us - self.tried_us
        return not 0 <= since < (AFTER_FAILURE_US if self.problem else AGAIN_US)

    def is_too_old(self, now_us: int) -> bool:
        """Whether people who left may still have accounts here."""
        return bool(self.problem) and now_us - self.read_us > TOO_OLD_US


def reads(settings: Settings) -> dict[str, IdentityProvider]:
    """The providers whose directory is read."""
    return {name: one for name, one in settings.accounts.providers.items() if one.reads_leavers}


def last_readings(settings: Settings) -> list[Reading]:
    """The last reading of each provider that is read; one that was never tried has no times. A damaged file counts as
    none: the next reading writes it anew."""
    with contextlib.suppress(FileNotFoundError, CheckedFileDamaged, TypeError, KeyError):
        held = read_checked(settings.server.state_dir / FILE_NAME, KIND)["readings"]
        kept = {one["provider"]: Reading(**one) for one in held}
        return [kept.get(name, Reading(name, 0)) for name in reads(settings)]
    return [Reading(name, 0) for name in reads(settings)]


async def read_due(store: Store, settings: Settings, now_us: int, *, sleep: Sleep = asyncio.sleep) -> list[Reading]:
    """Reads what is due, one provider after the other, and keeps what came of it. One that fails stops no other."""
    due = [one.provider for one in last_readings(settings) if one.is_due(now_us)]
    return await read_now(store, settings, due, now_us, sleep=sleep) if due else []


async def read_now(
    store: Store,
    settings: Settings,
    providers: list[str],
    now_us: int,
    *,
    accepts_many: bool = False,
    sleep: Sleep = asyncio.sleep,
) -> list[Reading]:
    """Reads these providers' directories and disables the accounts of those who left."""
    before = {one.provider: one for one in last_readings(settings)}
    known, made = reads(settings), []
    async with aiohttp.ClientSession() as http:
        for name in providers:
            last = before[name]
            try:
                directory = await directory_of(http, known[name], now_us, sleep)
                left = await leavers.disable_leavers(store, directory, now_us=now_us, accepts_many=accepts_many)
                made.append(Reading(name, now_us, now_us, len(left)))
            except (DirectoryUnusable, ProviderRefused) as error:
                made.append(Reading(name, now_us, last.read_us, last.disabled, str(error)))
    kept = before | {one.provider: one for one in made}
    path = settings.server.state_dir / FILE_NAME
    await asyncio.to_thread(write_checked, path, KIND, {"readings": [asdict(one) for one in kept.values()]})
    return made


async def directory_of(
    http: aiohttp.ClientSession, provider: IdentityProvider, now_us: int, sleep: Sleep = asyncio.sleep
) -> Directory:
    """The directory of a provider, with a token to read it. Raises `DirectoryUnusable`, `ProviderRefused`."""
    if provider.kind == "entra":
        base = provider.directory_address or GRAPH
        secret = await asyncio.to_thread(read_secret, provider.client_secret_file)
        scope = f"{base.rstrip('/')}/.default"
        token = await directory_token.of_entra(http, provider.issuer, provider.client_id, secret, scope)
        return GraphDirectory(http, token, provider.issuer, base, sleep)
    if provider.directory_key_file is None:
        raise DirectoryUnusable("directory_key_file is not set")
    account = ServiceAccount.parse(await asyncio.to_thread(_json_of, provider.directory_key_file))
    token = await directory_token.of_google(http, account, provider.directory_admin, now_us // SECOND_US)
    return GoogleDirectory(http, token, provider.issuer, provider.directory_address or GOOGLE, sleep)


def _json_of(path: Path) -> Mapping[str, Any]:
    try:
        said = orjson.loads(read_secret(path, MOST_KEY_OCTETS))
    except orjson.JSONDecodeError as error:
        raise DirectoryUnusable(f"{path}: this is no JSON; download the service account's key again") from error
    return said if isinstance(said, dict) else {}
