"""Operations by name, with the types of their arguments and results."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic_core import PydanticSerializationError

from schoolgate.operations.errors import ArgumentsRefused, NoSuchOperation
from schoolgate.operations.rights import Audience
from schoolgate.operations.work import Work

# The noun before the dot, and the modules whose import registers its operations.
_MODULES = {
    "policy": (
        "policies.policies",
        "policies.quick_policy",
        "policies.quick_preview",
        "policies.policy_views",
        "policies.policy_drafts",
    ),
    "segments": ("policies.segments",),
    "schedules": ("policies.segments",),
    "exceptions": ("policies.exceptions", "policies.exception_renewal"),
    "services": ("policies.services",),
    "feeds": ("lists.feed_views", "lists.feeds"),
    "lists": ("lists.lists", "lists.list_views"),
    "sealed": ("lists.sealed",),
    "alerts": ("alerts", "outside_alerts"),
    "log": (
        "log.log_rows",
        "log.log_choices",
        "log.log_live",
        "log.log_counts",
        "log.log_access",
        "log.log_erasure",
        "log.log_care",
        "log.saved_searches",
    ),
    "device": (
        "log.log_counts",
        "devices.device_book",
        "devices.device_names",
        "devices.device_naming",
        "devices.attributed",
        "devices.grouped",
    ),
    "suggestions": ("suggestions",),
    "words": ("words",),
    "checks": (
        "checks",
        "governance.check_runs",
        "governance.check_records",
        "governance.check_plans",
        "governance.check_drift",
    ),
    "reports": ("reports", "report_readings"),
    "session": ("accounts.sign_in", "accounts.own_account"),
    "status": ("status",),
    "audit": ("audit",),
    "backup": ("backups",),
    "settings": ("settings",),
    "export": ("exports",),
    "explain": ("explain",),
    "account": ("accounts.accounts", "accounts.account_requests", "accounts.account_leavers"),
    "escalation": ("escalation",),
    "ticket": ("governance.tickets",),
    "lesson": ("governance.lessons", "governance.lesson_alerts", "governance.lesson_lists"),
    "exam": ("policies.exams",),
    "calendar": ("governance.school_days",),
    "case": ("governance.case_views", "governance.case_recipients", "governance.cases"),
    "review": ("governance.reviews",),
    "action": ("governance.actions",),
    "evidence": ("governance.evidence", "governance.service_report"),
    "pages": ("public_notice", "last_blocks", "guest_acceptance"),
    "request": (
        "governance.request_views",
        "governance.request_filing",
        "governance.request_deciding",
        "governance.request_keeping",
        "governance.request_bundles",
        "governance.request_files",
    ),
    "setup": ("accounts.accounts", "setup.setup_looks", "setup.setup_trials", "setup.setup_changes"),
    "register": ("governance.registers", "governance.decisions", "governance.meeting_report"),
}

# Of a refusal: it says what to correct, and does not send back all that was sent.
MOST_MISTAKES, LONGEST_PATH = 20, 80

F = TypeVar("F", bound=Callable[..., Any])


class Personal:
    """Marks an argument that may name a person: the audit log keeps it behind a commitment, so it can be erased."""


class StaffName:
    """Marks a text of a result that may name a member of staff: who sees no identities gets a post or role instead."""


class Bulk:
    """Marks an argument of any length: the audit log keeps its digest."""


@dataclass(frozen=True)
class Operation:
    """`function` takes a `Work` and the arguments. A function may block; a coroutine function may not.

    `records_itself`: the function appends its own entries of the audit log, in the transaction of its change.
    """

    name: str
    function: Callable[..., Any]
    arguments: type[BaseModel]
    returns: TypeAdapter[Any]
    is_change: bool
    marks: Mapping[str, type]
    is_disclosure: bool = False
    records_itself: bool = False
    audience: Audience = Audience.roles

    async def do(self, work: Work, given: Mapping[str, Any]) -> Any:
        """The result; a function that may block runs in a thread."""
        if inspect.iscoroutinefunction(self.function):
            return await self.function(work, **given)
        return await asyncio.to_thread(self.function, work, **given)

    def names_a_person(self, given: Mapping[str, Any]) -> bool:
        """Whether a call shows what one person or device did. Without an argument that can name one, each does."""
        personal = [name for name, mark in self.marks.items() if mark is Personal]
        return self.is_disclosure and (not personal or any(given[name] is not None for name in personal))

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of the right types. Raises `ArgumentsRefused`, which names each mistake."""
        try:
            model = self.arguments.model_validate(dict(given))
        except ValidationError as error:
            mistakes = tuple(f"{_path(one['loc'])}: {one['msg']}" for one in error.errors()[:MOST_MISTAKES])
            more = error.error_count() - MOST_MISTAKES
            message = f"{self.name}: {'; '.join(mistakes)}" + (f"; and {more} more" if more > 0 else "")
            raise ArgumentsRefused(message, mistakes) from None
        try:
            # What the audit log and the socket can hold: no surrogates (octets that are not UTF-8), no endless numbers.
            orjson.dumps(model.model_dump(mode="json"))
        except (TypeError, ValueError, PydanticSerializationError) as error:
            raise ArgumentsRefused(f"{self.name}: an argument cannot be written down ({error})") from None
        return {name: getattr(model, name) for name in self.arguments.model_fields}

    @property
    def noun(self) -> str:
        """What it is about: the part before the dot."""
        return self.name.partition(".")[0]

    @property
    def summary(self) -> str:
        """The first line of its description."""
        return (self.function.__doc__ or "").partition("\n")[0]


_registered: dict[str, Operation] = {}


def looks(name: str) -> Callable[[F], F]:
    """Registers an operation that changes nothing."""
    return _register(name, is_change=False)


def sees(name: str) -> Callable[[F], F]:
    """Registers an operation that changes nothing and shows what a person or a device did: on record before its result
    is seen. One with personal arguments is on record where any of these is given, else always."""
    return _register(name, is_change=False, is_disclosure=True)


def changes(name: str) -> Callable[[F], F]:
    """Registers an operation whose begin and end are entries of the audit log."""
    return _register(name, is_change=True)


def records(name: str) -> Callable[[F], F]:
    """Registers an operation that appends its own entries of the audit log, in the transaction of its change."""
    return _register(name, is_change=True, records_itself=True)


def anyone(name: str) -> Callable[[F], F]:
    """Registers a step of a sign-in or a look of a public page, which need no session. It appends its own entries."""
    return _register(name, is_change=False, records_itself=True, audience=Audience.anyone)


def own(name: str) -> Callable[[F], F]:
    """Registers what each account does about itself, by its session. It appends its own entries."""
    return _register(name, is_change=False, records_itself=True, audience=Audience.own)


def find(name: str) -> Operation:
    """Imports no more modules than it needs. Raises `NoSuchOperation`."""
    for _ in _loading(name.partition(".")[0]):
        if name in _registered:
            return _registered[name]
    if name in _registered:
        return _registered[name]
    raise NoSuchOperation(f"there is no operation {name!r}; `schoolgate rights` lists them")


def every_operation() -> Mapping[str, Operation]:
    """All of them; imports every module."""
    for noun in _MODULES:
        for _ in _loading(noun):
            pass
    return MappingProxyType(_registered)


def _loading(noun: str) -> Iterator[str]:
    """Each module of a noun, once it is imported."""
    for module in _MODULES.get(noun, ()):
        importlib.import_module(f"schoolgate.operations.{module}")
        yield module


def _register(
    name: str,
    *,
    is_change: bool,
    is_disclosure: bool = False,
    records_itself: bool = False,
    audience: Audience = Audience.roles,
) -> Callable[[Any], Any]:
    def registered(function: Any) -> Any:
        hints = get_type_hints(function, include_extras=True)
        returns = TypeAdapter(hints.pop("return"))
        parameters = [one for one in inspect.signature(function).parameters.values() if one.name != "work"]
        fields: dict[str, Any] = {
            one.name: (hints[one.name], ... if one.default is one.empty else one.default) for one in parameters
        }
        model: type[BaseModel] = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
        marks = {one.name: mark for one in parameters for mark in _marks(hints[one.name])}
        _registered[name] = Operation(
            name, function, model, returns, is_change, marks, is_disclosure, records_itself, audience
        )
        return function

    return registered


def _marks(hint: Any) -> Iterator[type]:
    if get_origin(hint) is Annotated:
        yield from (one for one in get_args(hint)[1:] if one in (Personal, Bulk))


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location))[:LONGEST_PATH] or "arguments"
