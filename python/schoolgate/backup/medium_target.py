"""A disk that people take away in turn, as a target: each has a mark, and the record says which one took which backup.

A directory without a mark takes nothing: where no medium is mounted, this machine's own disk would be filled.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any

import orjson

from schoolgate.backup.errors import TargetUnusable, why
from schoolgate.backup.folder_target import FolderTarget
from schoolgate.backup.made_record import Placed
from schoolgate.storage.atomic_file import PRIVATE, write_whole

MARK = "schoolgate-medium.json"
LABEL = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_MOST_OCTETS = 4096


class MediumTarget(FolderTarget):
    """See `Target`."""

    kind = "medium"

    def put(self, file: Path, name: str) -> Placed:
        medium = self._medium()
        super().put(file, name)
        return Placed(self.id, self.kind, medium)

    def _medium(self) -> str:
        found = marked(self.folder)
        if found is None:
            raise TargetUnusable(
                f"target {self.id}: no medium is in {self.folder}: mount it; a new one is marked by"
                f" `schoolgate backup medium {self.folder} --label NAME`"
            )
        return found


def marked(folder: Path) -> str | None:
    """The name of the medium that is there, such as `blue-3f2a`; None where there is none. Raises `TargetUnusable`."""
    path = folder / MARK
    try:
        with path.open("rb") as file:
            raw: Any = orjson.loads(file.read(_MOST_OCTETS))
        return f"{LABEL.fullmatch(raw['label'])[0]}-{raw['id'][:4]}"  # type: ignore[index]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TargetUnusable(f"{path}: {why(error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise TargetUnusable(f"{path}: the mark of this medium is damaged; remove it, and mark the medium anew") from (
            error
        )


def mark(folder: Path, label: str) -> str:
    """Marks a medium and returns its name. Raises `TargetUnusable` where it has a mark, or cannot take one."""
    if not LABEL.fullmatch(label):
        raise TargetUnusable(f"{label} is no label; use lower-case letters, digits and hyphens, such as blue")
    if not folder.is_dir():
        raise TargetUnusable(f"{folder} is no directory; mount the medium first")
    found = marked(folder)
    if found is not None:
        raise TargetUnusable(f"{folder}: this medium is marked already, as {found}")
    try:
        write_whole(folder / MARK, orjson.dumps({"label": label, "id": secrets.token_hex(8)}), PRIVATE)
    except OSError as error:
        raise TargetUnusable(f"{folder}: {why(error)}") from error
    made = marked(folder)
    assert made is not None
    return made
