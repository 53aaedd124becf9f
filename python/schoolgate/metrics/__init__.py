"""The running service in numbers, for Prometheus. Never a client's address, never a name that was asked."""

from schoolgate.metrics.exposition import CONTENT_TYPE, exposition

__all__ = ["CONTENT_TYPE", "exposition"]
