"""What is refused of a record, in words for the person who wrote it."""

from __future__ import annotations

from schoolgate.errors import SchoolgateError


class RecordRefused(SchoolgateError):
    """A record does not exist, is not in the state for this step, or its fields cannot be kept."""


class NoSuchRecord(RecordRefused):
    """No record of this kind has this number."""


class RecordChanged(RecordRefused):
    """Somebody else changed the record in the meantime."""
