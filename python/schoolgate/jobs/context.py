"""What a job of the monitor may use. Each attribute is current when it is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from schoolgate.alerts.findings import Finding
from schoolgate.config import Settings
from schoolgate.policy.model import Document


class JobContext(Protocol):
    """The running monitor, as its jobs see it."""

    @property
    def config(self) -> Path | None: ...

    @property
    def settings(self) -> Settings: ...

    @property
    def document(self) -> Document: ...

    @property
    def state_dir(self) -> Path: ...

    def is_read(self, class_: str, number: int) -> bool:
        """Whether a file of the log has been read to its end and the place is saved: it may be removed."""

    async def report(self, finding: Finding) -> None:
        """Through the rules, as if a detector had found it."""

    async def post(
        self, recipients: Sequence[str], subject: str, text: str, *, key: str, html: str | None = None
    ) -> None:
        """A message of its own, by the outbox. The same key again is the same message."""
