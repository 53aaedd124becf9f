"""Accounts: who has one, and with which roles. What is done about one has a page of its own that says what follows."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from schoolgate.console.account_words import ROLES, actor_words, factor_words, role_words, scope_words
from schoolgate.console.errors import FactorNeeded, FormRefused
from schoolgate.console.screen import Page, Screen, number_in

SCREEN = Screen("/accounts", "Accounts", "account.list")
ROWS: Final = 25
UUID_PATH: Final = r"/{account:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}}"


def add_routes(app: web.Application) -> None:
    """The list, a person, a new account, and who left."""
    SCREEN.get(app, show)
    SCREEN.get(app, new, "/new")
    SCREEN.post(app, create, "/new")
    SCREEN.get(app, one, UUID_PATH)
    SCREEN.post(app, read_leavers, "/leavers")


async def show(page: Page) -> web.Response:
    """People by name, as the filters choose."""
    people = await page.call("account.list")
    query = page.query
    chosen = {name: query.get(name, "")[:253] for name in ("name", "role", "state")}
    found = [one for one in people if _fits(one, chosen)]
    start = number_in(query.get("after", ""), 6) or 0
    requests = await _open_requests(page)
    return page.render(
        "screens/accounts.html", people=found[start : start + ROWS], chosen=chosen, shown=len(found), all=people,
        more=_more(page, chosen, start + ROWS) if len(found) > start + ROWS else None,
        hidden=max(0, len(found) - start - ROWS), open_requests=requests, **words(people),
        without_factor=[one for one in people if _lacks_factor(one)], reviews=await _due(page),
        leavers=await page.call("account.leavers") if page.viewer.may("account.leavers") else [],
    )  # fmt: skip


async def one(page: Page) -> web.Response:
    """A person: roles, factors, sessions."""
    people, person = await person_of(page)
    sessions = await page.call("account.sessions", login=person["login"]) if page.viewer.may("account.sessions") else []
    tokens = await page.call("account.tokens", login=person["login"]) if page.viewer.may("account.tokens") else []
    return page.render(
        "screens/account_of.html", person=person, sessions=sessions, tokens=tokens, done=page.query.get("done", ""),
        is_own=person["id"] == page.viewer.whoami["account_id"], **words(people),
    )  # fmt: skip


async def new(page: Page) -> web.Response:
    """The form of a new account; first the second factor, so that nothing is typed twice."""
    page.need("account.create")
    if not page.viewer.is_fresh:
        raise FactorNeeded("a code is needed before an account is made", "FactorNeeded", 1)
    return page.render("screens/account_new.html", given={}, mistakes={})


async def create(page: Page) -> web.Response:
    """Makes the account. Its code is on the answer's page, and nowhere again."""
    page.need("account.create")
    form = await page.form()
    given = {name: form.get(name, "").strip() for name in ("login", "display_name", "mail")}
    mistakes = {
        name: words
        for name, words in (("login", "Write a login name."), ("display_name", "Write the person's name."))
        if not given[name]
    }
    if not mistakes:
        try:
            wanted: dict[str, Any] = {**given, "mail": given["mail"] or None}
            link = await page.call("account.create", **wanted)
            return await code_shown(page, link, is_new=True)
        except FormRefused as error:
            mistakes = {"login": str(error)}
    return page.render("screens/account_new.html", status=422, given=given, mistakes=mistakes)


async def read_leavers(page: Page) -> web.Response:
    """Reads the school's lists of people now; the page then says what came of it."""
    page.need("account.read_leavers")
    form = await page.form()
    await page.call("account.read_leavers", accept_many=form.get("accept_many") == "yes")
    return page.redirect("/accounts#leavers")


async def code_shown(page: Page, link: dict[str, Any], *, is_new: bool) -> web.Response:
    """The page with the code, once."""
    people = await page.call("account.list")
    person = next((one for one in people if one["login"] == link["login"]), None)
    return page.render("screens/account_code.html", link=link, person=person, is_new=is_new)


async def person_of(page: Page) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All people, and the one of the address. Raises 404."""
    people: list[dict[str, Any]] = await page.call("account.list")
    wanted = page.request.match_info["account"]
    for person in people:
        if person["id"] == wanted:
            return people, person
    raise web.HTTPNotFound


def words(people: list[dict[str, Any]]) -> dict[str, Any]:
    """Functions for templates."""
    return {
        "role_words": role_words, "scope_words": scope_words, "factor_words": factor_words, "roles": ROLES,
        "actor_words": lambda actor: actor_words(actor, people),
    }  # fmt: skip


def _fits(person: dict[str, Any], chosen: dict[str, str]) -> bool:
    text = f"{person['login']} {person['display_name']} {person['mail'] or ''}".casefold()
    return (
        chosen["name"].casefold() in text
        and chosen["state"] in ("", person["state"])
        and (not chosen["role"] or any(one["role"] == chosen["role"] for one in person["grants"]))
    )


def _lacks_factor(person: dict[str, Any]) -> bool:
    """Whether a person has an active role and no second factor yet: the next sign-in asks for one."""
    factors = person["factors"]
    has_role = any(one["state"] == "active" for one in person["grants"])
    return person["state"] == "active" and has_role and not (factors["has_totp"] or factors["passkeys"])


async def _open_requests(page: Page) -> int:
    if not page.viewer.may("account.requests"):
        return 0
    found = await page.call("account.requests")
    return len(found["roles"]) + len(found["resets"])


async def _due(page: Page) -> int:
    return sum(one["is_due"] for one in await page.call("account.review")) if page.viewer.may("account.review") else 0


def _more(page: Page, chosen: dict[str, str], after: int) -> str:
    given = {**{name: value for name, value in chosen.items() if value}, "after": str(after)}
    return str(page.request.rel_url.with_query(given))
