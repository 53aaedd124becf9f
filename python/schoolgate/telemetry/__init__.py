"""What schoolgate says of itself while it runs: structured logs, and the service manager's notifications."""

from schoolgate.telemetry.logs import LEVELS, Logger, configure_logs, set_level
from schoolgate.telemetry.service_manager import ServiceManager

__all__ = ["LEVELS", "Logger", "ServiceManager", "configure_logs", "set_level"]
