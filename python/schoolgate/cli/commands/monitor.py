"""`monitor`."""

from __future__ import annotations

from pathlib import Path

from schoolgate.monitoring import monitor as service
from schoolgate.telemetry import configure_logs


def monitor(config: Path | None, log_level: str, until_stdin_ends: bool) -> None:
    """Watches the query log until stopped."""
    configure_logs(log_level)
    service.run(config, until_stdin_ends=until_stdin_ends)
