"""Which settings a command speaks of: those it is given, else the machine's, else those beside
the state, else the built-in ones."""

from __future__ import annotations

import os
from pathlib import Path

from schoolgate.config.load import default_state_dir

SYSTEM_CONFIG = Path("/etc/schoolgate/schoolgate.toml")


def config_path(given: Path | None) -> Path | None:
    """The settings file to read; None means the built-in settings."""
    if given is not None:
        return given
    # The second is where `setup` writes one for a user's own state directory.
    for path in (SYSTEM_CONFIG, default_state_dir(os.environ) / "schoolgate.toml"):
        try:
            if path.exists():
                return path
        except PermissionError:  # its directory is closed to this user; reading the file says so
            return path
    return None
