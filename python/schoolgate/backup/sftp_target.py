"""A directory of another machine as a target, by SFTP (draft-ietf-secsh-filexfer) over SSH.

The other machine proves itself by the host key in the settings; this one signs in by a key of its own. Neither an agent
nor anybody's ~/.ssh is asked.
"""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from schoolgate.backup.errors import NotRemoved, TargetUnusable, why
from schoolgate.backup.made_record import Placed
from schoolgate.backup.stored import Stored, is_backup, is_left_partial, partial_name
from schoolgate.backup.target_secrets import read_target_secret
from schoolgate.config.backup import BackupTarget

T = TypeVar("T")
CONNECT_S = 20.0
# Seconds between questions whether the other machine is there, and how many it may leave without an answer.
_ALIVE = {"keepalive_interval": 15, "keepalive_count_max": 4}


class SftpTarget:
    """See `Target`. Not to be called where an event loop runs."""

    kind = "sftp"

    def __init__(self, name: str, settings: BackupTarget) -> None:
        self.id = name
        self._settings = settings

    def put(self, file: Path, name: str) -> Placed:
        self._run(self._put(file, name, file.stat().st_size))
        return Placed(self.id, self.kind)

    def listing(self) -> tuple[Stored, ...]:
        return self._run(self._listing())

    def fetch(self, name: str, place: Path) -> None:
        self._run(self._fetch(name, place))

    def remove(self, name: str) -> None:
        self._run(self._remove(name))

    async def _put(self, file: Path, name: str, octets: int) -> None:
        async with self._session() as sftp:
            place, aside = self._path(name), self._path(partial_name(name))
            for one in await sftp.listdir(self._settings.path):
                if is_left_partial(str(one), name):
                    await sftp.remove(self._path(str(one)))
            if await sftp.exists(place):
                raise TargetUnusable(f"target {self.id}: {place} is there already, and is not replaced")
            try:
                await sftp.put(str(file), aside)
                written = (await sftp.stat(aside)).size
                if written != octets:
                    raise TargetUnusable(f"target {self.id}: {name} was cut short there; try again")
                await sftp.rename(aside, place)  # unlike posix-rename, this replaces nothing
            except BaseException:
                await _quietly(sftp.remove(aside))
                raise

    async def _listing(self) -> tuple[Stored, ...]:
        async with self._session() as sftp:
            found = [
                Stored(str(one.filename), one.attrs.size or 0)
                for one in await sftp.readdir(self._settings.path)
                if is_backup(str(one.filename)) and _is_file(one.attrs.permissions)
            ]
        return tuple(sorted(found, key=lambda one: one.name))

    async def _fetch(self, name: str, place: Path) -> None:
        async with self._session() as sftp:
            await sftp.get(self._path(name), str(place))

    async def _remove(self, name: str) -> None:
        async with self._session() as sftp:
            try:
                await sftp.remove(self._path(name))
            except asyncssh.SFTPNoSuchFile:
                return
            except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect) as error:
                raise NotRemoved(f"target {self.id}: {name} is kept by the other machine") from error

    def _path(self, name: str) -> str:
        return f"{self._settings.path.rstrip('/')}/{name}"

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncssh.SFTPClient]:
        one = self._settings
        key = self._key()
        options: dict[str, Any] = {"config": None, "agent_path": None, "connect_timeout": CONNECT_S, **_ALIVE}
        connection = asyncssh.connect(
            one.host, one.port, username=one.user, client_keys=[key], known_hosts=str(one.known_hosts_file), **options
        )
        async with connection as opened, opened.start_sftp_client() as sftp:
            yield sftp

    def _key(self) -> asyncssh.SSHKey:
        octets = read_target_secret(self._settings.key_file, self.id, "private key")
        try:
            return asyncssh.import_private_key(octets)
        except asyncssh.KeyImportError as error:
            raise TargetUnusable(
                f"target {self.id}: its key is no private key without a passphrase ({error})"
            ) from error

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the other machine refuses names the target."""
        place = f"target {self.id}: {self._settings.user}@{self._settings.host}:{self._settings.path}"
        try:
            return asyncio.run(work)
        except asyncssh.HostKeyNotVerifiable as error:
            raise TargetUnusable(
                f"{place}: its host key is not the one in {self._settings.known_hosts_file}; compare them"
            ) from error
        except asyncssh.PermissionDenied as error:
            raise TargetUnusable(f"{place}: the key is refused ({error.reason}); add its public half there") from error
        except (asyncssh.SFTPError, asyncssh.Error) as error:
            raise TargetUnusable(f"{place}: {error.reason}; check path, rights and space there") from error
        except TimeoutError as error:
            raise TargetUnusable(f"{place}: no answer within {CONNECT_S:g} s") from error
        except OSError as error:
            raise TargetUnusable(f"{place}: {why(error)}") from error


def _is_file(permissions: int | None) -> bool:
    return permissions is None or stat.S_ISREG(permissions)


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    """Tidying must not hide why it is needed."""
    try:
        await work
    except (asyncssh.Error, OSError):
        return
