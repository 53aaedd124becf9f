"""Two ends of a pipe, one of them in a thread: an archive is packed and encrypted, or decrypted and unpacked, at once.

Neither end holds more than a piece of it in memory. What one end raises ends the other.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from schoolgate.backup import encryption
from schoolgate.backup.archive import PIECE, read_archive
from schoolgate.backup.errors import BackupDamaged
from schoolgate.backup.manifest import Manifest

if TYPE_CHECKING:
    import pyrage


class _Beside:
    """Work in a thread that fills a pipe, and closes it when it ends, however it ends."""

    def __init__(self, work: Callable[[BinaryIO], None]) -> None:
        reading, writing = os.pipe()
        self.stream = os.fdopen(reading, "rb", buffering=0)
        self._sink = os.fdopen(writing, "wb", buffering=PIECE)
        self._work = work
        self.error: BaseException | None = None
        # A daemon: Ctrl-C ends the process although the disk hangs.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._sink:
                self._work(self._sink)
        except BaseException as error:
            self.error = error

    def end(self) -> None:
        """Closes our end and waits for the other."""
        self.stream.close()
        self._thread.join()


class _Checked:
    """Reads the pipe. At its end, what the thread raised is raised here, so that half an archive is never whole."""

    def __init__(self, beside: _Beside) -> None:
        self._beside = beside

    def read(self, most: int = -1) -> bytes:
        octets = self._beside.stream.read(most)
        if not octets and most:
            self._beside._thread.join()
            if self._beside.error is not None:
                raise self._beside.error
        return octets


def pack_encrypted(
    pack: Callable[[BinaryIO], None], writer: encryption.Writes, recipients: Sequence[pyrage.x25519.Recipient]
) -> None:
    """Encrypts what `pack` writes. Raises what it or the writer raises; then what was written is of no use."""
    beside = _Beside(pack)
    try:
        encryption.encrypt(_Checked(beside), writer, recipients)  # type: ignore[arg-type]
    finally:
        beside.end()


def unpack_decrypted(source: BinaryIO, identities: Sequence[pyrage.x25519.Identity], folder: Path) -> Manifest:
    """Decrypts and unpacks into an empty directory. Raises `WrongKey`, `BackupDamaged`, `BackupLater`, `OSError`."""
    beside = _Beside(lambda sink: encryption.decrypt(source, sink, identities))
    try:
        try:
            manifest = read_archive(beside.stream, folder)
            while beside.stream.read(PIECE):  # to the end: only there the encryption says that nothing is missing
                pass
        except BackupDamaged:
            # Why the archive ended early, the other end knows better.
            beside.end()
            if isinstance(beside.error, Exception) and not isinstance(beside.error, BrokenPipeError):
                raise beside.error from None
            raise
    finally:
        with contextlib.suppress(OSError):
            beside.end()
    if beside.error is not None:
        raise beside.error
    return manifest
