"""From TOML text to a pydantic model, with every problem found on the way.

When some values are wrong, the rest is read without them, so that rules across values (which the caller checks) are
reported in the same run. What was left out is remembered: complaints that only follow from it are dropped.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schoolgate.config.problems import Problem, did_you_mean, path_of, shown

M = TypeVar("M", bound=BaseModel)
Steps = tuple[str | int, ...]
# Our own files nest six deep.
DEEPEST = 32

# What to do about pydantic's own complaints; ours carry their remedy.
_REMEDIES = {
    "missing": "add this key",
    "string_type": "write it as text in quotes",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "int_parsing": "write a whole number without quotes",
    "float_parsing": "write a number without quotes",
    "int_type": "write a whole number without quotes",
    "float_type": "write a number without quotes",
    "tuple_type": "write a list in square brackets",
    "dict_type": "write a table",
    "model_type": "write a table",
    "model_attributes_type": "write a table",
    "string_too_short": "write some text",
    "string_pattern_mismatch": "use lower-case letters, digits and hyphens",
    "too_short": "write at least one entry",
    "too_long": "write fewer entries",
}
_MESSAGES = {
    "missing": "is missing",
    "string_pattern_mismatch": "is not an id",
    "too_short": "has too few entries",
    "too_long": "has too many entries",
}
# What is wrong with a value, after the value itself: pydantic's own words are for programmers.
_WRONG = {
    "string_type": "is not text",
    "bool_type": "is neither true nor false",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "int_parsing": "is not a whole number",
    "int_parsing_size": "is too large",
    "bool_parsing": "is neither true nor false",
    "float_parsing": "is not a number",
    "float_type": "is not a number",
    "finite_number": "is not a number",
    "tuple_type": "is not a list",
    "dict_type": "is not a table",
    "model_type": "is not a table",
    "model_attributes_type": "is not a table",
    "path_type": "is not a path",
    "string_too_short": "is too short",
    "string_too_long": "is too long: {max_length} characters at most",
    "greater_than": "is too small: more than {gt}",
    "greater_than_equal": "is too small: {ge} at least",
    "less_than": "is too large: less than {lt}",
    "less_than_equal": "is too large: {le} at most",
    "literal_error": "is not one of {expected}",
}


@dataclass(frozen=True)
class Reading(Generic[M]):
    """What could be read (None when nothing could), the problems, and the places left out."""

    value: M | None
    problems: tuple[Problem, ...]
    left_out: tuple[str, ...] = ()

    def with_checks(self, found: Iterable[Problem]) -> tuple[Problem, ...]:
        """All problems, less those that only follow from what was left out."""
        return self.problems + tuple(problem for problem in found if not self._follows(problem.path))

    def _follows(self, path: str) -> bool:
        return any(_within(path, lost) or _within(lost, path) for lost in self.left_out)


def parse_toml(text: str, file: str) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """The TOML document, or the one place where it stops being TOML."""
    too_deep = Problem(file, "", "nested too deeply", "write the file as in the shipped samples")
    try:
        raw = tomllib.loads(text)
        return (raw, ()) if _depth_is_sane(raw) else ({}, (too_deep,))
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at (line \d+), column \d+\)|\(at (end) of document\)", str(error))
        where = (found.group(1) or "end of file") if found else ""
        message = re.sub(r" \(at .*\)$", "", str(error))
        return {}, (Problem(file, where, f"not valid TOML: {message}", "correct this line; text needs quotes"),)
    except RecursionError:
        return {}, (too_deep,)


def _depth_is_sane(raw: dict[str, Any]) -> bool:
    """`a.a.a...` nests as deep as a line is long, and whatever copies or compares the tables would follow it down."""
    level: list[Any] = [raw]
    for _ in range(DEEPEST):
        inner = [list(table.values()) if isinstance(table, dict) else table for table in level]
        level = [value for values in inner for value in values if isinstance(value, (dict, list))]
        if not level:
            return True
    return False


def read(model: type[M], raw: Mapping[str, Any], file: str, context: Mapping[str, Any] | None = None) -> Reading[M]:
    """Validate `raw`; see `Reading`. `context` reaches the model's validators."""
    try:
        return Reading(model.model_validate(raw, context=context), ())
    except ValidationError as error:
        details = _without_echoes(error.errors(include_url=False))
    problems = tuple(_problem(model, file, detail) for detail in details)
    pruned: Any = copy.deepcopy(dict(raw))
    lost = sorted({_place_to_leave_out(detail) for detail in details}, key=lambda steps: (len(steps), str(steps)))
    for steps in lost:
        _remove(pruned, steps)
    # An unknown key can be left out with no loss, so nothing follows from it.
    unknown = {detail["loc"] for detail in details if detail["type"] == "extra_forbidden"}
    left_out = tuple(path_of(steps) for steps in lost if steps not in unknown)
    try:
        return Reading(model.model_validate(pruned, context=context), problems, left_out)
    except ValidationError:
        return Reading(None, problems, left_out)


def _without_echoes(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """pydantic counts only the good entries of a list; that a list of bad ones is too short is no news."""

    def echoes(detail: ErrorDetails) -> bool:
        steps = detail["loc"]
        return detail["type"] == "too_short" and any(
            len(other["loc"]) > len(steps) and other["loc"][: len(steps)] == steps for other in details
        )

    return [detail for detail in details if not echoes(detail)]


def _problem(model: type[BaseModel], file: str, detail: ErrorDetails) -> Problem:
    steps = _place(detail)
    path = path_of(steps)
    context = detail.get("ctx", {})
    if detail["type"] == "extra_forbidden":
        parent = _model_at(model, steps[:-1])
        return Problem(file, path, "unknown key", did_you_mean(str(steps[-1]), _keys(parent)))
    if "remedy" in context:
        return Problem(file, path, str(context["message"]), str(context["remedy"]))
    if detail["type"] in _MESSAGES:
        return Problem(file, path, _MESSAGES[detail["type"]], _REMEDIES[detail["type"]])
    remedy = _REMEDIES.get(detail["type"], "change the value")
    if detail["type"] in _WRONG:
        wrong = _WRONG[detail["type"]].format_map(context)
        return Problem(file, path, f"{shown(detail['input'])} {wrong}", remedy)
    said = str(context.get("error") or _lower_first(detail["msg"]))
    return Problem(file, path, f"{shown(detail['input'])}: {said}", remedy)


def wrong_with(detail: ErrorDetails) -> str:
    """What is wrong with one value that pydantic refused, to stand after the value: "is not a whole number"."""
    wrong = _WRONG.get(detail["type"], "is not what stands here")
    return wrong.format_map(detail.get("ctx", {}))


def _place(detail: ErrorDetails) -> Steps:
    """Where the problem is. pydantic marks the key of a table with a last step of its own."""
    steps: Steps = tuple(detail["loc"])
    is_key = steps[-1:] == ("[key]",) and detail["type"] != "extra_forbidden"
    return steps[:-1] if is_key else steps


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _place_to_leave_out(detail: ErrorDetails) -> Steps:
    """The smallest part to leave out. A whole list for one entry, because paths count its entries."""
    steps = _place(detail)
    if detail["type"] == "missing":
        steps = steps[:-1]
    for depth, step in enumerate(steps):
        if isinstance(step, int):
            return steps[:depth]
    return steps


def _remove(raw: Any, steps: Steps) -> None:
    for step in steps[:-1]:
        if not isinstance(raw, dict) or step not in raw:
            return
        raw = raw[step]
    if steps and isinstance(raw, dict):
        raw.pop(steps[-1], None)


def _within(path: str, place: str) -> bool:
    return path == place or path.startswith((place + ".", place + "[")) or place == ""


def _keys(model: type[BaseModel] | None) -> list[str]:
    if model is None:
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(model: type[BaseModel], steps: Sequence[str | int]) -> type[BaseModel] | None:
    here: Any = model
    for step in steps:
        here = _inside(_bare(here), step)
    here = _bare(here)
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def _inside(annotation: Any, step: str | int) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if step in (field.alias, name):
                return field.annotation
        return None
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return arguments[1]
    return arguments[0] if get_origin(annotation) is tuple else None


def _bare(annotation: Any) -> Any:
    """`X | None` is X here."""
    if isinstance(annotation, type) or get_origin(annotation) in (dict, tuple, None):
        return annotation
    return next((part for part in get_args(annotation) if part is not type(None)), annotation)
