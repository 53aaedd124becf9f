"""Keys that targets are opened with: files of their own, or credentials of the service manager."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from schoolgate.backup.errors import TargetUnusable, why

# A private key for SSH has some kilobytes.
MOST_OCTETS = 64 * 1024


def read_target_secret(path: Path, target: str, what: str, environ: Mapping[str, str] | None = None) -> bytes:
    """The content of `path`, else of the credential `backup-TARGET`. Raises `TargetUnusable`; never quotes it."""
    variables = os.environ if environ is None else environ
    is_ours = path != Path()
    if not is_ours:
        directory = variables.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise TargetUnusable(
                f"target {target}: {what} is nowhere; name its file, or give the service a credential backup-{target}"
            )
        path = Path(directory) / f"backup-{target}"
    try:
        with path.open("rb") as file:
            mode, content = stat.S_IMODE(os.fstat(file.fileno()).st_mode), file.read(MOST_OCTETS + 1)
    except OSError as error:
        raise TargetUnusable(f"target {target}: {path}: {what} cannot be read: {why(error)}") from error
    # systemd guards its own directory, whatever the mode of a file in it.
    if is_ours and mode & 0o077:
        raise TargetUnusable(f"target {target}: {path}: {what} can be read by others; run `chmod 600 {path}`")
    if not content.strip() or len(content) > MOST_OCTETS:
        raise TargetUnusable(f"target {target}: {path}: holds no {what}")
    return content
