"""What can be wrong with the parts of the audit log that lie outside its database."""

from __future__ import annotations

from schoolgate.errors import SchoolgateError


class AuditProblem(SchoolgateError):
    """The root of what the audit log refuses."""


class EntryRefused(AuditProblem):
    """An entry cannot be written as it is."""


class NoteInvalid(AuditProblem):
    """A text is no signed note or no checkpoint, or no trusted key signed it."""


class KeyUnusable(AuditProblem):
    """The file of the signing key is missing, readable by others, or does not hold an Ed25519 key."""


class ExportInvalid(AuditProblem):
    """A file is no export of an audit log."""
