"""`console`."""

from __future__ import annotations

from pathlib import Path

from schoolgate.console import console_process
from schoolgate.telemetry import configure_logs


def console(config: Path | None, log_level: str, until_stdin_ends: bool) -> None:
    """Serves the web console until stopped."""
    configure_logs(log_level)
    console_process.run(config, until_stdin_ends=until_stdin_ends)
