"""What a check found, as a value: for a command that prints it, an operation that returns it, a page that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# refused: nothing comes into force while it is so; warning: it does, and is to be seen to; notice: said once.
Severity = Literal["refused", "warning", "notice"]


@dataclass(frozen=True)
class Diagnostic:
    """One thing to know. `id` names the kind, for programs; `subject` is what it is about: a path of a file, a
    category, a name. `remedy` says what to do, in the imperative."""

    id: str
    severity: Severity
    subject: str
    sentence: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.sentence} ({self.remedy})"


def from_text(kind: str, severity: Severity, subject: str, text: str) -> Diagnostic:
    """The value of a text that says what to do after its last semicolon; no remedy where there is none."""
    sentence, is_split, remedy = text.rpartition("; ")
    return (
        Diagnostic(kind, severity, subject, sentence, remedy)
        if is_split
        else Diagnostic(kind, severity, subject, text, "")
    )
