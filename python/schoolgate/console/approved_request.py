"""The number of an approved change request in a form, where another person decides what opens sites."""

from __future__ import annotations

from collections.abc import Mapping

from schoolgate.console.errors import RightMissing
from schoolgate.console.screen import number_in

FIELD = "request"
_HOW = "Leave that out, or ask for it by a change request, and give its number here once it is approved."


def named_in(form: Mapping[str, str]) -> dict[str, int]:
    """The argument of the operation; none where the field is empty or no number."""
    number = number_in(form.get(FIELD, "").strip())
    return {} if number is None else {FIELD: number}


def mistakes_of(error: Exception) -> dict[str, str]:
    """What a form says of a refusal: beside the number where another person decides, without the command line."""
    if not isinstance(error, RightMissing):
        return {"": str(error)}
    said, _, listed = str(error).partition("\n")
    if not listed:
        return {FIELD: said.partition("; ask for it: schoolgate")[0]}
    opens = "; ".join(one.strip() for one in listed.splitlines()[:-1])
    return {FIELD: f"{said.partition(': ')[2][:1].upper()}{said.partition(': ')[2][1:]}: {opens}. {_HOW}"}
