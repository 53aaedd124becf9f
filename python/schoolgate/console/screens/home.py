"""Home: whether anything is wrong, and what needs this person, in five seconds."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from aiohttp import web

from schoolgate.accounts.roles import Role
from schoolgate.console import home_tasks, request_words
from schoolgate.console.home_tasks import PARTS
from schoolgate.console.screen import SIGNED_IN, Page, Screen
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/", "Home", SIGNED_IN)

# What is on which role's page, in its order; a part is shown where the account has the right.
_ROLES_OF: Final[Mapping[str, tuple[Role, ...]]] = {
    "accounts": (Role.head, Role.trust_director),
    "changes": (
        Role.network_manager,
        Role.safeguarding_lead,
        Role.head,
        Role.trust_director,
        Role.teacher,
        Role.provider,
    ),
    "requests": (Role.head, Role.trust_director),
    "status": (Role.network_manager, Role.trust_director, Role.provider),
    "cases": (Role.network_manager, Role.safeguarding_lead, Role.provider),
    "alerts": (Role.network_manager, Role.safeguarding_lead, Role.head, Role.provider),
    "tickets": (
        Role.network_manager,
        Role.safeguarding_lead,
        Role.head,
        Role.trust_director,
        Role.provider,
        Role.data_protection_officer,
    ),
    "own_tickets": (Role.teacher,),
    "own_changes": (Role.teacher,),
    "dues": (Role.network_manager, Role.safeguarding_lead, Role.head, Role.trust_director),
    "gaps": (Role.head, Role.trust_director),
    "review": (Role.network_manager, Role.head, Role.trust_director, Role.data_protection_officer),
    "leavers": (Role.network_manager, Role.trust_director),
    "suggestions": (Role.network_manager,),
    "checks": (Role.safeguarding_lead,),
    "coverage": (Role.network_manager, Role.safeguarding_lead),
    "log": (Role.data_protection_officer,),
    "assurance": (Role.governor,),
    "lessons": (Role.safeguarding_lead, Role.head, Role.teacher),
    "exams": tuple(Role),
    "lesson_lists": (Role.safeguarding_lead, Role.head, Role.trust_director),
    "exceptions": (Role.network_manager, Role.safeguarding_lead, Role.head, Role.trust_director, Role.provider),
    "hours": (
        Role.network_manager,
        Role.safeguarding_lead,
        Role.head,
        Role.trust_director,
        Role.provider,
        Role.data_protection_officer,
    ),
}


def add_routes(app: web.Application) -> None:
    """The page."""
    SCREEN.get(app, show)


async def show(page: Page) -> web.Response:
    """The tasks of every role that the account has, under one answer."""
    roles = [role for role in Role if role in page.viewer.roles]
    if not roles:
        return page.render("screens/home_without_role.html")
    home = await page.call("status.home")
    facts, missing = await _facts(page, [part for part, whose in _ROLES_OF.items() if set(whose) & set(roles)])
    now = dt.datetime.now(dt.UTC)
    tasks = home_tasks.tasks_of(facts, now)
    if not page.viewer.may("setup.apply"):
        tasks = [one for one in tasks if one.path != home_tasks.SET_UP]
    return page.render(
        "screens/home.html",
        first=home_tasks.answer(home, tasks),
        home=home,
        facts=facts,
        missing=missing,
        roles=[role.value for role in roles],
        words=request_words,
        tasks=tasks,
        expected=home_tasks.expected(home, facts.get("exceptions"), now, facts.get("lessons")),
        light=home_tasks.light_of(home, tasks),
        feeds=_oldest_first(facts.get("status")),
        chart=await _chart(page, facts, now),
    )


async def _facts(page: Page, parts: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """What could be read, by part; and what could not, in words."""
    allowed = [part for part in parts if page.viewer.may(PARTS[part][0])]
    found = await asyncio.gather(
        *(page.call(PARTS[one][0], **PARTS[one][1]) for one in allowed), return_exceptions=True
    )
    facts: dict[str, Any] = {}
    missing: list[str] = []
    for part, result in zip(allowed, found, strict=True):
        if isinstance(result, OperationRefused):
            missing.append(str(result))
        elif isinstance(result, BaseException):
            raise result
        else:
            facts[part] = result
    return facts, missing


def _oldest_first(status: Any) -> list[Any]:
    """Feeds in use; those that were never read come first."""
    never = float("inf")
    feeds = status["feeds"] if status else ()
    return sorted(feeds, key=lambda one: -(never if one["age_s"] is None else one["age_s"]))


async def _chart(page: Page, facts: Mapping[str, Any], now: dt.datetime) -> Any:
    """Questions and blocks of the last 24 hours; None where there is nothing to draw."""
    if not facts.get("hours") or not facts["hours"]["counts"]:
        return None
    choices = await page.call("log.choices")
    return home_tasks.by_hour(facts["hours"], now, ZoneInfo(choices["time_zone"]))
