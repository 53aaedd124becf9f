"""States and steps of a change request in words, for pages and for its document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STATES: Final[Mapping[str, str]] = {
    "suggested": "Suggested",
    "requested": "Waits for a decision",
    "approved": "Approved, not in force yet",
    "applied": "In force",
    "refused": "Refused",
    "withdrawn": "Taken back",
    "expired": "Ended by itself",
    "ended": "Ended early",
}
STEPS: Final[Mapping[str, str]] = {
    "suggested": "Suggested",
    "requested": "Asked for by a leader",
    "joined": "Asked for by one more",
    "advised": "The safeguarding lead's view",
    "approved": "Approved",
    "refused": "Refused",
    "reported": "Reported to governors and directors",
    "applied": "Put in force",
    "not applied": "Could not be put in force",
    "reminded": "Announced that it ends within a week",
    "reviewed": "Looked at again, and kept",
    "expired": "Ended by itself",
    "ended": "Ended early",
    "withdrawn": "Taken back",
    "file added": "A file was added",
}
