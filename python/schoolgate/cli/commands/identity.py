"""`identity`."""

from __future__ import annotations

from pathlib import Path

from schoolgate.identity import identity_process as service
from schoolgate.telemetry import configure_logs


def identity(config: Path | None, log_level: str, until_stdin_ends: bool) -> None:
    """Reads which device has an address until stopped."""
    configure_logs(log_level)
    service.run(config, until_stdin_ends=until_stdin_ends)
