"""Posts and roles in place of names of staff, for readers who see no identities: governors and the IT provider.

What is no known post and no known person is not shown either: a text of a form may be a name that no register holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from schoolgate.accounts.roles import Role
from schoolgate.operations import rights
from schoolgate.operations.registry import Operation, StaffName
from schoolgate.operations.rights import Audience
from schoolgate.operations.work import Work

if TYPE_CHECKING:
    from schoolgate.operations.accounts.account_results import AccountShown

UNNAMED: Final = "a member of staff"
# What forms ask for ("A post.") and people write, beside the posts of the register and the roles of accounts.
_POSTS: Final = (
    "IT", "IT manager", "IT provider", "IT support", "IT technician", "DSL", "Designated safeguarding lead",
    "Deputy safeguarding lead", "DPO", "Headteacher", "Head teacher", "Principal", "Deputy head", "Business manager",
    "School business manager", "SENCO", "Senior leader", "Senior leadership team", "SLT", "Governing body", "Governors",
    "Chair of governors", "Safeguarding governor", "School Improvement Team", "Trust directors", "Provider",
    "schoolgate",
)  # fmt: skip


class StaffNames:
    """Who has which post or role. `persons`: posts by name or login name; `posts`: what is a post itself."""

    def __init__(self, persons: Mapping[str, str], posts: tuple[str, ...]) -> None:
        self._said = {_key(name): post for name, post in persons.items()} | {_key(one): one for one in posts}

    def post_of(self, name: str) -> str:
        """What stands in place of a name; "" for none."""
        return self._said.get(_key(name), UNNAMED) if name.strip() else ""


async def staff_names(work: Work) -> StaffNames:
    """By the accounts, the register of responsibilities and the settings."""
    from schoolgate.governance.registers import POSTS

    persons = dict([*await _of_accounts(work), *await _of_registers(work)])
    roles = tuple(one.replace("_", " ") for one in Role)
    steps = tuple(one.post for one in work.settings.escalation.steps)
    return StaffNames(persons, (*roles, *_POSTS, *dict(POSTS).values(), *steps))


async def shown_to(work: Work, operation: Operation, result: Any) -> Any:
    """The result as the caller may see it. What may be a name is marked `StaffName` in its type."""
    if operation.is_change or operation.audience is not Audience.roles or not any(_marked(result)):
        return result
    if rights.sees_identities(work.actor.roles, operation.name):
        return result
    return _without(result, await staff_names(work))


def _marked(value: Any) -> Iterator[str]:
    """Names that stand in it."""
    if is_dataclass(value) and not isinstance(value, type):
        marked = _fields(type(value))
        for one in fields(value):
            held = getattr(value, one.name)
            if one.name in marked:
                yield held or ""
            else:
                yield from _marked(held)
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from _marked(one)


def _without(value: Any, names: StaffNames) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        marked = _fields(type(value))
        held = {one.name: getattr(value, one.name) for one in fields(value)}
        return replace(
            value,
            **{
                name: (one and names.post_of(one)) if name in marked else _without(one, names)
                for name, one in held.items()
            },
        )
    if isinstance(value, (tuple, list)):
        return type(value)(_without(one, names) for one in value)
    return value


@cache
def _fields(kind: type) -> frozenset[str]:
    hints = get_type_hints(kind, include_extras=True)
    return frozenset(name for name, hint in hints.items() if StaffName in getattr(hint, "__metadata__", ()))


async def roles_of_accounts(work: Work) -> dict[str, str]:
    """By the actor that an account is."""
    from schoolgate.operations.accounts.accounts import list_accounts

    return {f"account:{one.id}": _roles(one) for one in await list_accounts(work)}


async def _of_accounts(work: Work) -> list[tuple[str, str]]:
    from schoolgate.operations.accounts.accounts import list_accounts

    return [(name, _roles(one)) for one in await list_accounts(work) for name in (one.login, one.display_name)]


def _roles(one: AccountShown) -> str:
    roles = sorted({grant.role.replace("_", " ") for grant in one.grants if grant.state == "active"})
    return ", ".join(roles) or UNNAMED


async def _of_registers(work: Work) -> list[tuple[str, str]]:
    from schoolgate.governance import record_store
    from schoolgate.governance.registers import CURRENT, POSTS, Responsibility

    store = await work.store()
    async with store.reading() as connection:
        held = await record_store.listed(connection, store.site_id, Responsibility, states=(CURRENT,), most=5_000)
    words = dict(POSTS)
    return [
        (name, f"{'Deputy: ' if is_deputy else ''}{words[one.fields.post]}")
        for one in held
        for name, is_deputy in ((one.fields.deputy, True), (one.fields.person, False))
        if name
    ]


def _key(name: str) -> str:
    return " ".join(name.casefold().removeprefix("account:").split())
