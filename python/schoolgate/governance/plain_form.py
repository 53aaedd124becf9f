"""Plain forms: the fields of a kind of record as a person fills them in, and the record that comes of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, StringConstraints, ValidationError

from schoolgate.governance.errors import RecordRefused
from schoolgate.governance.record_store import Fields

DAY_US = 86_400_000_000

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20_000)]
# An empty field of a form is no day.
Day = Annotated[dt.date | None, BeforeValidator(lambda value: None if value == "" else value)]

F = TypeVar("F", bound=Fields)


class FieldsRefused(RecordRefused):
    """Fields of a form cannot be kept. `reasons`: each mistake, as "field: what is wrong"."""

    def __init__(self, kind: str, reasons: tuple[str, ...]) -> None:
        super().__init__(f"{kind}: {'; '.join(reasons)}")
        self.reasons = reasons


@dataclass(frozen=True)
class FormField:
    """One field. `options`: pairs of value and words of a choice. `names_person`: left out where identities are.
    `is_post`: a post, and where a name was written, a post takes its place where identities are left out.

    `bullet`: the point of a policy or a standard that asks for it. `is_prefilled`: from the system's own data.
    """

    name: str
    words: str
    kind: Literal["line", "text", "day", "choice", "number"] = "line"
    hint: str = ""
    options: tuple[tuple[str, str], ...] = ()
    is_required: bool = True
    names_person: bool = False
    is_post: bool = False
    bullet: str = ""
    is_prefilled: bool = False


def read_form(model: type[F], form: tuple[FormField, ...], given: Mapping[str, Any], *, is_draft: bool = False) -> F:
    """The fields of a record. `is_draft`: what is required may still be missing. Raises `FieldsRefused`."""
    known = {one.name for one in form}
    # What a form does not show, no person sets: signatures, digests.
    mistakes = [f"{name[:80]}: there is no such field" for name in given if name not in known]
    missing = () if is_draft else missing_of(form, given)
    mistakes += [f"{one.name}: fill in “{one.words}”" for one in missing]
    try:
        if not mistakes:
            return model.model_validate(dict(given))
    except ValidationError as error:
        mistakes += [f"{'.'.join(map(str, one['loc'])) or 'form'}: {_plain(one)}" for one in error.errors()[:20]]
    raise FieldsRefused(model.KIND.replace("_", " "), tuple(mistakes[:20]))


def missing_of(form: tuple[FormField, ...], given: Mapping[str, Any]) -> tuple[FormField, ...]:
    """The required fields that are empty."""
    return tuple(one for one in form if one.is_required and str(given.get(one.name) or "").strip() == "")


def without_persons(
    form: tuple[FormField, ...], fields: Mapping[str, Any], post_of: Callable[[str], str] = lambda _: ""
) -> dict[str, Any]:
    """The values of a record, without who it is about. `post_of`: what stands in place of a name."""
    hidden = {one.name for one in form if one.names_person}
    posts = {one.name: post_of(str(fields[one.name])) for one in form if one.is_post and one.name in fields}
    return {name: "" if name in hidden else posts.get(name, value) for name, value in fields.items()}


def due_at_end_of(day: dt.date | None) -> int | None:
    """What is due on a day is late when that day is over (UTC); in microseconds since 1970."""
    if day is None:
        return None
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()) * 1_000_000 + DAY_US


def _plain(one: Any) -> str:
    if one["type"].startswith(("date", "int")):
        return "write a day such as 2026-11-30" if one["type"].startswith("date") else "write a whole number"
    return str(one["msg"]).removeprefix("Value error, ")
