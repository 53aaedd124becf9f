"""A directory as a target: another disk, a share of another machine, what is mounted there."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schoolgate.backup.errors import NotRemoved, TargetUnusable, why
from schoolgate.backup.made_record import Placed
from schoolgate.backup.stored import Stored, is_backup, is_left_partial, partial_name
from schoolgate.storage.atomic_file import sync_directory


class FolderTarget:
    """See `Target`."""

    kind = "folder"

    def __init__(self, name: str, folder: Path) -> None:
        self.id = name
        self.folder = folder

    def put(self, file: Path, name: str) -> Placed:
        with self._named():
            self._drop_partial(name)
            place, aside = self.folder / name, self.folder / partial_name(name)
            if place.exists():
                raise TargetUnusable(f"{place} is there already, and is not replaced; make the backup again")
            try:
                _copied(file, aside)
                aside.replace(place)
            except BaseException:
                with contextlib.suppress(OSError):
                    aside.unlink()
                raise
            sync_directory(self.folder)
        return Placed(self.id, self.kind)

    def listing(self) -> tuple[Stored, ...]:
        with self._named():
            found = [entry for entry in os.scandir(self.folder) if is_backup(entry.name)]
            return tuple(sorted((Stored(one.name, one.stat().st_size) for one in found), key=lambda one: one.name))

    def fetch(self, name: str, place: Path) -> None:
        with self._named():
            shutil.copyfile(self.folder / name, place)

    def remove(self, name: str) -> None:
        with self._named():
            try:
                (self.folder / name).unlink(missing_ok=True)
            except PermissionError as error:
                raise NotRemoved(f"target {self.id}: {name} cannot be removed: {why(error)}") from error
            except OSError as error:
                if error.errno != errno.EROFS:
                    raise
                raise NotRemoved(f"target {self.id}: {name} cannot be removed: {why(error)}") from error
            sync_directory(self.folder)

    def _drop_partial(self, name: str) -> None:
        for one in list(self.folder.iterdir()):
            if is_left_partial(one.name, name):
                one.unlink(missing_ok=True)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """The directory must be there, and what the system refuses names the target."""
        if not self.folder.is_dir():
            raise TargetUnusable(f"target {self.id}: {self.folder} is no directory; is the disk or share mounted?")
        try:
            yield
        except OSError as error:
            path = error.filename or self.folder
            raise TargetUnusable(f"target {self.id}: {path}: {why(error)}") from error


def _copied(file: Path, aside: Path) -> None:
    with file.open("rb") as source, aside.open("xb") as copy:
        os.fchmod(copy.fileno(), 0o600)
        shutil.copyfileobj(source, copy, 1 << 20)
        copy.flush()
        os.fsync(copy.fileno())
        if os.fstat(copy.fileno()).st_size != os.fstat(source.fileno()).st_size:
            raise OSError(errno.EIO, "the copy is shorter than the backup", str(aside))
