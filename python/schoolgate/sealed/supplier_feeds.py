"""Sealed lists that a supplier publishes for those under contract: fetched with credentials, imported, never on disk.

What comes is held in memory that has no name in any file system until the core has made keyed hashes of it. Nothing of
it is logged or quoted, and a fetch that fails leaves the list in force as it is, growing older, which raises its alarm.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from schoolgate.config.sealed import SealedFeed
from schoolgate.errors import SchoolgateError
from schoolgate.lists.fetch import Fetcher, WebSource
from schoolgate.lists.limits import Limits
from schoolgate.sealed.importing import ImportReport, import_list
from schoolgate.sealed.memory import keep_private
from schoolgate.sealed.tries import record_try

# A supplier's list has tens of thousands of entries. What is larger is not it, and would be held in memory.
LIMITS = Limits(wire_octets=64 * 1024 * 1024, unpacked_octets=64 * 1024 * 1024)
# Where an open file can be opened by another part of this process, without a name of its own.
_DESCRIPTORS = Path("/proc/self/fd")
_MOST_CREDENTIAL_OCTETS = 4096


class CredentialsUnusable(SchoolgateError):
    """The file with the supplier's credentials cannot be used as it is."""


@dataclass(frozen=True)
class Fetched:
    """What became of one supplier's feed: a report, or why there is none."""

    supplier: str
    report: ImportReport | None
    failure: str | None


@dataclass(frozen=True)
class SealedFetching:
    """Fetches and imports the feeds of one state directory."""

    state_dir: Path
    who: str
    proxy: str | None = None
    fetcher: Fetcher = field(default_factory=lambda: Fetcher(work=_DESCRIPTORS, limits=LIMITS))

    def fetch(self, feed: SealedFeed, now: dt.datetime) -> Fetched:
        """One feed: whatever fails is shown, recorded, and changes nothing else."""
        keep_private()
        try:
            report, failure = self._imported(feed, now), None
        except (SchoolgateError, OSError) as error:
            report, failure = None, str(error)
        with contextlib.suppress(OSError):  # a full disk; the failure is shown all the same
            record_try(self.state_dir, feed.supplier, now, failure)
        return Fetched(feed.supplier, report, failure)

    def _imported(self, feed: SealedFeed, now: dt.datetime) -> ImportReport:
        source = WebSource(
            feed.url,
            allow_http=feed.allow_http,
            allow_hosts=frozenset(feed.allow_hosts),
            authorization=read_credentials(feed.authorization_file),
            accept_packed=False,
        )
        with _nameless() as path:
            fetcher = replace(self.fetcher, work=path.parent, proxy=self.proxy)
            asyncio.run(fetcher.fetch(path.name, source, None))
            return import_list(
                self.state_dir,
                path,
                supplier=feed.supplier,
                form=feed.format,
                column=feed.column,
                who=self.who,
                now=now,
            )


@contextmanager
def _nameless() -> Iterator[Path]:
    """A file in memory, gone when it is closed."""
    descriptor = os.memfd_create("sealed", os.MFD_CLOEXEC)
    try:
        yield _DESCRIPTORS / str(descriptor)
    finally:
        os.close(descriptor)


def read_credentials(path: Path | None) -> str | None:
    """The value of the Authorization header. Raises `CredentialsUnusable`."""
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise CredentialsUnusable(f"{path}: others may read these credentials; chmod 600 {path}")
            text = file.read(_MOST_CREDENTIAL_OCTETS + 1)
    except OSError as error:
        raise CredentialsUnusable(f"{path}: {error.strerror}; it holds what the supplier gave you") from error
    value = text.decode("latin-1").strip()
    if not value or len(text) > _MOST_CREDENTIAL_OCTETS or not value.isprintable() or " " not in value:
        raise CredentialsUnusable(f'{path}: write one line, such as "Bearer TOKEN" or "Basic BASE64"')
    return value
