"""Policies and groups of devices: what is in force for whom and until when, and why it is so, category by category."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.screen import Page, Screen
from schoolgate.console.screens.policy_text import reviewed
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/policy", "Policies", "segments.list")
CHOICES: Final = (("inherit", "As above"), ("deny", "Closed"), ("allow", "Open"))
# Kinds of category in the order of a page, and what they are for people.
ROLES: Final = {
    "threat": "What attacks devices",
    "circumvention": "Ways round the filter",
    "content": "What harms",
    "service": "Kinds of site",
    "protected": "Always open",
    "platform": "Always open",
}
_ALWAYS_OPEN: Final = frozenset({"protected", "platform"})


def add_routes(app: web.Application) -> None:
    """All groups; one policy; its categories to change."""
    SCREEN.get(app, show)
    SCREEN.get(app, one, "/of/{policy}")
    SCREEN.get(app, edit, "/of/{policy}/edit")
    SCREEN.post(app, check, "/of/{policy}/edit")


async def show(page: Page) -> web.Response:
    """Every group of devices with the policy in force."""
    found = await page.call("segments.list")
    policies = (await page.call("policy.categories"))["policies"]
    words = page.query.get("q", "").strip().lower()
    rows = [row for row in found["segments"] if words in f"{row['id']} {row['policy_now']} {row['networks']}".lower()]
    return page.render(
        "screens/policies.html",
        segments=rows,
        in_all=len(found["segments"]),
        strictest=found["strictest"],
        revision=found["revision"],
        closed={one["policy"]: sum(row["value"] == "deny" for row in one["categories"]) for one in policies},
        policies=policies,
        scheduled=[row for row in found["segments"] if row["origin"] == "schedule"],
    )


async def one(page: Page) -> web.Response:
    """What one policy says of each category, where that comes from and who can change it."""
    rules = await _rules(page)
    wanted = page.query.get("value", "")
    words = page.query.get("q", "").strip().lower()
    rows = [row for row in rules["categories"] if _is_wanted(row, wanted, words)]
    return page.render("screens/policy.html", rules=rules, groups=_grouped(rows), shown=len(rows))


async def edit(page: Page) -> web.Response:
    """A choice for each category."""
    page.need("policy.apply")
    rules = await _rules(page)
    return _form(page, rules, {row["category"]: own_choice(row) for row in rules["categories"]})


async def check(page: Page) -> web.Response:
    """The choices as a text, which is looked through before it is saved."""
    page.need("policy.apply")
    form, rules = await page.form(), await _rules(page)
    offered = {row["category"]: own_choice(row) for row in rules["categories"] if is_changeable(row)}
    choices = {name: form.get(f"category:{name}", old) for name, old in offered.items()}
    changed = {name: choice for name, choice in choices.items() if choice != offered[name]}
    try:
        draft = await page.call("policy.draft", policy=rules["policy"], choices=changed)
    except FormRefused as error:
        return _form(page, rules, choices, {"": str(error)})
    if not draft["lines"]:
        return _form(page, rules, choices, {"": "Nothing is changed yet: choose another value for a category."})
    return await reviewed(page, draft["text"], draft["revision"] or 0, back=f"/policy/of/{rules['policy']}/edit")


def own_choice(row: Mapping[str, Any]) -> str:
    """What the policy itself says."""
    return str(row["value"]) if row["level"] == "own" and row["locked_by"] is None else "inherit"


def is_changeable(row: Mapping[str, Any]) -> bool:
    """Neither locked nor always open."""
    return row["locked_by"] is None and row["role"] not in _ALWAYS_OPEN


def _form(
    page: Page, rules: Mapping[str, Any], choices: Mapping[str, str], mistakes: Mapping[str, str] | None = None
) -> web.Response:
    rows = [row for row in rules["categories"] if row["role"] not in _ALWAYS_OPEN]
    return page.render(
        "screens/policy_edit.html",
        status=422 if mistakes else 200,
        rules=rules,
        groups=_grouped(rows),
        choices=choices,
        options=CHOICES,
        mistakes=mistakes or {},
    )


async def _rules(page: Page) -> Any:
    try:
        found = await page.call(
            "policy.categories", policy=page.request.match_info["policy"], shows_reasons=True, is_all=True
        )
    except OperationRefused as error:
        if error.kind == "NoSuchPolicy":
            raise web.HTTPNotFound from None
        raise
    rules = found["policies"][0]
    # Services have a page of their own; here they stand only where the policy says something of them.
    rules["categories"] = [row for row in rules["categories"] if not _is_silent_service(row)]
    return rules


def _is_silent_service(row: Mapping[str, Any]) -> bool:
    return row["category"].startswith("service:") and row["value"] is None


def _grouped(rows: list[Any]) -> list[tuple[str, list[Any]]]:
    def place(row: Any) -> int:
        is_single = row["category"].startswith("service:")
        return len(ROLES) if is_single else list(ROLES).index(row["role"]) if row["role"] in ROLES else len(ROLES) - 1

    def heading(row: Any) -> str:
        return "Single services" if row["category"].startswith("service:") else ROLES.get(row["role"], row["role"])

    ordered = sorted(rows, key=lambda row: (place(row), row["name"].lower()))
    return [(name, list(some)) for name, some in groupby(ordered, heading)]


def _is_wanted(row: Mapping[str, Any], wanted: str, words: str) -> bool:
    is_closed = row["value"] == "deny"
    fits = {"closed": is_closed, "open": not is_closed, "locked": row["locked_by"] is not None}.get(wanted, True)
    return fits and words in f"{row['name']} {row['category']}".lower()
