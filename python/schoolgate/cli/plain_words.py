"""What is wrong with a value on the command line, in our own words: the parser's are for programmers."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import TyperGroup

# How typer names the values that an option takes.
_CHOICES = re.compile(r"is not one of ('.*')\.$")


class PlainWords(TyperGroup):
    """The program: every command below it says in plain words which value it cannot take."""

    def invoke(self, ctx: Any) -> Any:
        """As the group does it; `BadParameter` leaves with a message of ours."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            if error.__cause__ is not None:
                error.message = _plain(error.__cause__) or error.message
            raise


def _plain(cause: BaseException) -> str | None:
    """The message for what the library found wrong; None where it found nothing."""
    from pydantic import ValidationError

    from schoolgate.config.problems import closest, shown
    from schoolgate.config.reading import wrong_with

    if not isinstance(cause, ValidationError):
        return None
    detail = cause.errors(include_url=False)[0]
    value = detail["input"]
    choices = _CHOICES.search(str(detail.get("ctx", {}).get("error", "")))
    if choices is None:
        return f"{shown(value)} {wrong_with(detail)}"
    known = re.findall(r"'([^']*)'", choices.group(1))
    guess = closest(str(value), known)
    meant = f"; did you mean {guess}?" if guess else ""
    return f"{shown(value)} is not one of {', '.join(known)}{meant}"
