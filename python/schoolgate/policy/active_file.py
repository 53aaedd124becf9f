"""The active file: the last published revision of the policy, whole and by itself. `serve` starts from it alone.

It holds the identity of the installation, the revision with its number and text, the checksum of the revision before,
and what was compiled of it. A change is stored in the database first, then published here, then loaded.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schoolgate.errors import SchoolgateError
from schoolgate.policy.revision import Revision, checksum_of
from schoolgate.storage.checked_file import CheckedFileDamaged, read_checked, write_checked

_KIND = "active-policy"


class ActiveFileMissing(SchoolgateError):
    """There is no active file."""


class ActiveFileDamaged(SchoolgateError):
    """The active file cannot be believed."""


@dataclass(frozen=True)
class PublishedPolicy:
    """A revision as it was published. `parent` is the checksum it is chained to, `compiled` the engine's description of
    it at the instant `compiled_at` (UTC)."""

    installation: str
    revision: Revision
    parent: str
    compiled: bytes
    compiled_at: dt.datetime

    @property
    def number(self) -> int:
        """The number of the revision."""
        return self.revision.number


def read_active_file(path: Path) -> PublishedPolicy:
    """Raises `ActiveFileMissing` or `ActiveFileDamaged`; both messages name the file."""
    try:
        published = _published(read_checked(path, _KIND))
    except FileNotFoundError:
        raise ActiveFileMissing(f"{path}: is missing") from None
    except CheckedFileDamaged as error:
        raise ActiveFileDamaged(str(error)) from error
    except (KeyError, TypeError, ValueError) as error:
        raise ActiveFileDamaged(f"{path}: does not hold what an active file holds") from error
    if published.revision.checksum != checksum_of(published.revision, published.parent):
        raise ActiveFileDamaged(f"{path}: revision {published.number} is not what was applied")
    return published


def write_active_file(path: Path, published: PublishedPolicy) -> None:
    """Replaces the file whole and brings file and directory to the disk. Raises `OSError`; the old file is then as it
    was."""
    one = published.revision
    fields = {
        "installation": published.installation,
        "number": one.number,
        "at": one.at.isoformat(),
        "who": one.who,
        "why": one.why,
        "rolls_back_to": one.rolls_back_to,
        "checksum": one.checksum,
        "parent": published.parent,
        "text": one.text,
        "compiled": published.compiled.decode("utf-8"),
        "compiled_at": published.compiled_at.isoformat(),
    }
    write_checked(path, _KIND, fields)


def _published(fields: dict[str, Any]) -> PublishedPolicy:
    revision = Revision(
        int(fields["number"]),
        dt.datetime.fromisoformat(fields["at"]),
        str(fields["who"]),
        str(fields["why"]),
        str(fields["text"]),
        fields["rolls_back_to"],
        str(fields["checksum"]),
    )
    compiled_at = dt.datetime.fromisoformat(fields["compiled_at"])
    return PublishedPolicy(
        str(fields["installation"]), revision, str(fields["parent"]), fields["compiled"].encode("utf-8"), compiled_at
    )
