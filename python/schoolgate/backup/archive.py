"""A backup as a stream of octets (tar, POSIX.1-2001), written and read without going back.

Head first, then directories and files, the manifest last. What is read is foreign text until the manifest bears it out:
no link, no device, no name that leads out of the directory is ever made.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from schoolgate.backup import manifest as manifests
from schoolgate.backup.contents import Contents, Item
from schoolgate.backup.errors import BackupDamaged, BackupFailed, why
from schoolgate.backup.manifest import ELSEWHERE, HEAD, MANIFEST, STATE, FileEntry, Manifest

PIECE = 1 << 20
# What a restored file or directory may allow: its owner everything, its group no writing, others nothing.
_MOST_MODE = 0o750


class ArchiveWriter:
    """Writes one archive. `entries`: what was written so far, for the manifest."""

    def __init__(self, stream: BinaryIO) -> None:
        # Closed by `manifest`; an archive without that end is one that was cut short.
        self._tar = tarfile.TarFile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, bufsize=PIECE)
        self.entries: list[FileEntry] = []

    def head(self, made_by: str) -> None:
        """The first member."""
        self._octets(HEAD, manifests.compose_head(made_by))

    def folders(self, contents: Contents) -> None:
        """Directories of the state, with their modes."""
        for name, mode in contents.folders:
            member = tarfile.TarInfo(str(STATE / name))
            member.type, member.mode = tarfile.DIRTYPE, mode
            self._tar.addfile(member)

    def files(self, root: PurePosixPath, items: Iterable[Item]) -> None:
        """Files as they are; those that went meanwhile are left out. Raises `BackupFailed`, or what the stream does."""
        for item in items:
            try:
                file = item.source.open("rb")
            except FileNotFoundError:
                continue
            except OSError as error:
                raise BackupFailed(f"{item.source}: cannot be read: {why(error)}; no backup was made") from error
            with file:
                self._file(root / item.name, item.source, file)

    def manifest(self, manifest: Manifest) -> None:
        """The last member, and the end."""
        self._octets(MANIFEST, manifests.compose(manifest))
        self._tar.close()

    def _file(self, name: PurePosixPath, source: Path, file: BinaryIO) -> None:
        found = os.fstat(file.fileno())
        member = tarfile.TarInfo(str(name))
        # A file that grows meanwhile is taken as long as it is now.
        member.size, member.mode, member.mtime = found.st_size, found.st_mode & 0o777, found.st_mtime
        counted = _Counted(file, source, member.size)
        self._tar.addfile(member, counted)  # type: ignore[arg-type]
        self.entries.append(FileEntry(str(name), member.size, counted.digest.hexdigest()))

    def _octets(self, name: str, octets: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(octets), 0o600
        self._tar.addfile(member, io.BytesIO(octets))


class _Counted:
    """Reads a file and hashes what goes through. Raises `BackupFailed` where it became shorter."""

    def __init__(self, file: BinaryIO, source: Path, octets: int) -> None:
        self._file, self._source, self._left = file, source, octets
        self.digest = hashlib.sha256()

    def read(self, most: int) -> bytes:
        try:
            octets = self._file.read(min(most, self._left))
        except OSError as error:
            raise BackupFailed(f"{self._source}: cannot be read: {why(error)}; no backup was made") from error
        if not octets and self._left:
            raise BackupFailed(f"{self._source}: became shorter while it was read; make the backup again")
        self._left -= len(octets)
        self.digest.update(octets)
        return octets


def read_archive(stream: BinaryIO, folder: Path) -> Manifest:
    """Unpacks into an empty directory, and compares every file with the manifest. Raises `BackupDamaged`,
    `BackupLater`, or `OSError` of the directory."""
    with _damage_named():
        found: dict[str, FileEntry] = {}
        manifest: Manifest | None = None
        with tarfile.open(fileobj=stream, mode="r|", bufsize=PIECE) as tar:
            for number, member in enumerate(tar):
                if manifest is not None or (member.name == HEAD) != (number == 0):
                    raise BackupDamaged(f"{member.name[:80]!r} is not where it belongs in a backup; use another one")
                if number == 0:
                    manifests.refuse_other_format(_whole(tar, member))
                elif member.name == MANIFEST:
                    manifest = manifests.parse(_whole(tar, member))
                elif (entry := _unpacked(tar, member, folder)) is not None:
                    found[entry.path] = entry
    if manifest is None:
        raise BackupDamaged("the backup ends before its manifest: it was cut short; use another one")
    _refuse_difference(found, manifest)
    return manifest


@contextmanager
def _damage_named() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, UnicodeError, ValueError, OverflowError) as error:
        raise BackupDamaged(f"this is no backup of schoolgate, or it was changed ({error}); use another one") from error


def _whole(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if not member.isreg() or member.size > manifests.LARGEST_OCTETS:
        raise BackupDamaged(f"{member.name[:80]!r} is no file of a backup; use another one")
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


def _unpacked(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> FileEntry | None:
    place = _place_of(member.name, folder)
    mode = member.mode & _MOST_MODE
    if member.isdir():
        _make_private(place)
        place.chmod(mode | 0o700)
        return None
    if not member.isreg() or member.issparse():
        raise BackupDamaged(f"{member.name[:80]!r} is neither a file nor a directory; this is no backup of schoolgate")
    _make_private(place.parent)
    source = tar.extractfile(member)
    assert source is not None
    digest, octets = hashlib.sha256(), 0
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while piece := source.read(PIECE):
            file.write(piece)
            digest.update(piece)
            octets += len(piece)
        file.flush()
        os.fchmod(file.fileno(), mode | 0o400)
        os.fsync(file.fileno())
    os.utime(place, (member.mtime, member.mtime))
    return FileEntry(member.name, octets, digest.hexdigest())


def _make_private(folder: Path) -> None:
    """Makes a directory and those above it, each for its owner alone."""
    if not folder.is_dir():
        _make_private(folder.parent)
        folder.mkdir(mode=0o700)


def _place_of(name: str, folder: Path) -> Path:
    path = PurePosixPath(name)
    is_known = len(path.parts) >= 2 and PurePosixPath(path.parts[0]) in (STATE, ELSEWHERE)
    if not is_known or str(path) != name or ".." in path.parts or "\0" in name:
        raise BackupDamaged(f"{name[:80]!r} is no name of a backup; this is none of schoolgate, or it was changed")
    return folder / path


def _refuse_difference(found: dict[str, FileEntry], manifest: Manifest) -> None:
    named = {one.path: one for one in manifest.files}
    wrong = [path for path in sorted({*found, *named}) if found.get(path) != named.get(path)]
    if wrong:
        raise BackupDamaged(
            f"{len(wrong)} files are not as the manifest says, {wrong[0]} first; it was changed: use another backup"
        )
