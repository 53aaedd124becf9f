"""An S3-compatible bucket as a target.

A backup is one object, put whole or not at all, and never over another one. Where the bucket has object lock, its own
default retention locks each object; give the key no right to delete, and this machine can take nothing back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore import exceptions as refused
from obstore.store import S3Store

from schoolgate.backup.errors import NotRemoved, TargetUnusable, why
from schoolgate.backup.made_record import Placed
from schoolgate.backup.stored import Stored, is_backup
from schoolgate.backup.target_secrets import read_target_secret
from schoolgate.config.backup import BackupTarget

# Put in one request, which the store refuses where the name is taken. A larger one goes in parts, held in memory one
# by one; it is looked first whether the name is taken.
MOST_AT_ONCE_OCTETS = 32 * 1024 * 1024
PART_OCTETS = 16 * 1024 * 1024
PARTS_AT_ONCE = 2
CONNECT_S, RETRY_S, MOST_RETRIES = 20, 60, 3


class S3Target:
    """See `Target`."""

    kind = "s3"

    def __init__(self, name: str, settings: BackupTarget) -> None:
        self.id = name
        self._settings = settings

    def put(self, file: Path, name: str) -> Placed:
        octets = file.stat().st_size
        key = self._key(name)
        with self._named(name):
            store = self._store()
            if octets <= MOST_AT_ONCE_OCTETS:
                obstore.put(store, key, file, mode="create", use_multipart=False)
            else:
                self._refuse_existing(store, key)
                obstore.put(store, key, file, use_multipart=True, chunk_size=PART_OCTETS, max_concurrency=PARTS_AT_ONCE)
            found = obstore.head(store, key)["size"]
        if found != octets:
            raise TargetUnusable(f"target {self.id}: {name} has {found} octets there instead of {octets}; try again")
        return Placed(self.id, self.kind, is_locked=self._settings.object_lock)

    def listing(self) -> tuple[Stored, ...]:
        found: list[Stored] = []
        with self._named():
            # Names with a slash in what we begin them with: only what is directly below is ours.
            for page in obstore.list(self._store(), prefix=self._settings.path or None):
                for one in page:
                    name = one["path"].removeprefix(self._settings.path)
                    if is_backup(name):
                        found.append(Stored(name, one["size"]))
        return tuple(sorted(found, key=lambda one: one.name))

    def fetch(self, name: str, place: Path) -> None:
        with self._named(name), place.open("xb") as file:
            for piece in obstore.get(self._store(), self._key(name)):
                file.write(piece)

    def remove(self, name: str) -> None:
        with self._named(name):
            try:
                obstore.delete(self._store(), self._key(name))
            except (refused.PermissionDeniedError, refused.UnauthenticatedError) as error:
                raise NotRemoved(f"target {self.id}: {name} is kept by the store") from error
            except refused.GenericError as error:
                # Deletion in a batch: the store's word for one object.
                if "AccessDenied" not in str(error):
                    raise
                raise NotRemoved(f"target {self.id}: {name} is kept by the store") from error

    def _key(self, name: str) -> str:
        return f"{self._settings.path}{name}"

    def _refuse_existing(self, store: S3Store, key: str) -> None:
        try:
            obstore.head(store, key)
        except FileNotFoundError:
            return
        raise refused.AlreadyExistsError(key)

    def _store(self) -> S3Store:
        one = self._settings
        words = (
            read_target_secret(one.credentials_file, self.id, "key of the bucket").decode("utf-8", "replace").split()
        )
        if len(words) != 2:
            raise TargetUnusable(
                f"target {self.id}: its credentials are not `KEY-ID SECRET` in one line; write them so"
            )
        return S3Store(
            one.bucket,
            endpoint=one.endpoint,
            region=one.region,
            access_key_id=words[0],
            secret_access_key=words[1],
            virtual_hosted_style_request=False,
            checksum_algorithm="SHA256",
            client_options={"allow_http": one.endpoint.startswith("http:"), "connect_timeout": f"{CONNECT_S}s"},
            retry_config={"max_retries": MOST_RETRIES, "retry_timeout": dt.timedelta(seconds=RETRY_S)},
        )

    @contextmanager
    def _named(self, name: str = "") -> Iterator[None]:
        """What the store refuses names the target, and neither a key nor a signature."""
        place = f"target {self.id}: {self._settings.endpoint}/{self._settings.bucket}"
        try:
            yield
        except refused.AlreadyExistsError as error:
            raise TargetUnusable(f"{place}: {name} is there already, and is not replaced; make the backup again") from (
                error
            )
        except (refused.PermissionDeniedError, refused.UnauthenticatedError) as error:
            raise TargetUnusable(f"{place}: the key is refused; check its rights to put and list objects") from error
        except FileNotFoundError as error:
            raise TargetUnusable(f"{place}: no such bucket or object {name}".rstrip()) from error
        except refused.BaseError as error:
            raise TargetUnusable(f"{place}: {_first_line(error)}") from error
        except OSError as error:
            raise TargetUnusable(f"{place}: {why(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]
