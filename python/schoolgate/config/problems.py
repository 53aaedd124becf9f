"""A problem in a file a person wrote: where it is, what it is, and what to do about it.

A network manager mends a file once, not once for each mistake: readers collect problems and raise them together.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic_core import PydanticCustomError

from schoolgate.errors import SchoolgateError

_COMPLAINT = "schoolgate"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong (or, as a warning, doubtful) at one place of one file."""

    file: str
    path: str
    message: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}: {self.path}" if self.path else self.file
        return f"{where}: {self.message} ({self.remedy})"


class InputRefused(SchoolgateError):
    """A file cannot be used. `problems` holds everything wrong with it, in a stable order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(map(str, self.problems)))


class ConfigInvalid(InputRefused):
    """schoolgate.toml cannot be used; the settings in force stay."""


def complaint(message: str, remedy: str) -> PydanticCustomError:
    """What a parser of one value raises: a ValueError that pydantic collects and `problem_of` can read back."""
    return PydanticCustomError(_COMPLAINT, "{message}", {"message": message, "remedy": remedy})


def message_and_remedy(error: PydanticCustomError) -> tuple[str, str]:
    """The two halves of a `complaint`."""
    context = error.context or {}
    return str(context.get("message", error)), str(context.get("remedy", "change the value"))


def problem_of(file: str, path: str, error: PydanticCustomError) -> Problem:
    """A `complaint` as a problem, for readers that do not go through pydantic."""
    message, remedy = message_and_remedy(error)
    return Problem(file, path, message, remedy)


def path_of(steps: Sequence[str | int]) -> str:
    """A TOML path as people write it: `policies.pupil.allow[0]`, odd keys in quotes."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            key = step if _BARE_KEY.fullmatch(step) else '"' + step.replace('"', '\\"') + '"'
            text += f".{key}" if text else key
    return text


def shown(value: object) -> str:
    """A value as it stands in a message: quoted, and short, because a message is read on one line."""
    text = repr(value) if not isinstance(value, str) else f'"{value}"'
    return text if len(text) <= 80 else text[:77] + "..."


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word a person most likely meant."""
    found = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The remedy for an unknown word."""
    known = sorted(known)
    guess = closest(word, known)
    if guess is not None:
        return f"did you mean {guess}?"
    some = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"use one of: {some}" if known else "remove it"
