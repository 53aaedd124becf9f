"""Before there is a password: a link's token chooses one, and the token of the first run makes the first account.

Tokens are typed or pasted into a form; none is ever in an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from schoolgate.console.errors import AttemptRefused, PasswordUnfit
from schoolgate.console.home_tasks import ADD_MANAGER
from schoolgate.console.screen import ANYONE, Page, Screen
from schoolgate.console.screens.factor_setup import differing, unfit
from schoolgate.console.session_cookie import forget_setup_token, setup_token_of
from schoolgate.operations.socket_messages import OperationRefused

LINK = Screen("/choose-password", "Choose a password", ANYONE)
FIRST = Screen("/first-account", "Make the first account", ANYONE)

_NO_TOKEN = "This code cannot be used: it is wrong, was used, or is too old. Ask for a new one."
_NONE: tuple[str, ...] = ()
ROLES = (("head", "Head of a school"), ("trust_director", "Director of IT of a trust"))


def add_routes(app: web.Application) -> None:
    """Pages and forms."""
    LINK.get(app, show_link)
    LINK.post(app, redeem)
    FIRST.get(app, show_first)
    FIRST.post(app, make_first)


async def show_link(page: Page) -> web.Response:
    """The form: the code that was given, and a password."""
    return page.render("screens/link.html", token="", mistakes={}, reasons=())


async def redeem(page: Page) -> web.Response:
    """Sets the password; the code is used up."""
    form = await page.form()
    token, mistakes, reasons = form.get("token", "").strip(), _differing(form), _NONE
    if not mistakes:
        try:
            holder = await page.call("session.redeem_link", token=token, password=form.get("password", ""))
            return page.render("screens/password_set.html", holder=holder, then="", role="")
        except AttemptRefused:
            mistakes = {"token": _NO_TOKEN}
        except PasswordUnfit as error:
            mistakes, reasons = unfit(error)
    return page.render("screens/link.html", status=422, token=token, mistakes=mistakes, reasons=reasons)


async def show_first(page: Page) -> web.Response:
    """The form of the first account; a code that this browser gave to the setup counts here too."""
    return page.render(
        "screens/first_account.html",
        given={},
        roles=ROLES,
        mistakes={},
        reasons=(),
        has_code=bool(setup_token_of(page.request)),
    )


async def make_first(page: Page) -> web.Response:
    """Makes the first head or director."""
    form = await page.form()
    mistakes, reasons = _differing(form), _NONE
    if not mistakes:
        try:
            holder = await _first_run(page, form)
            response = page.render("screens/password_set.html", holder=holder, then=ADD_MANAGER, role=form.get("role"))
            forget_setup_token(response)
            return response
        except AttemptRefused:
            mistakes = {"token": _NO_TOKEN}
        except PasswordUnfit as error:
            mistakes, reasons = unfit(error)
        except OperationRefused as error:
            mistakes = {"login": str(error)}
    return page.render(
        "screens/first_account.html",
        status=422,
        given=form,
        roles=ROLES,
        mistakes=mistakes,
        reasons=reasons,
        has_code=bool(setup_token_of(page.request)) and "token" not in mistakes,
    )


async def _first_run(page: Page, form: Mapping[str, str]) -> Any:
    return await page.call(
        "session.first_run",
        token=form.get("token", "").strip() or setup_token_of(page.request),
        login=form.get("login", "").strip(),
        display_name=form.get("display_name", "").strip(),
        password=form.get("password", ""),
        role=form.get("role", ""),
    )


def _differing(form: Mapping[str, str]) -> dict[str, str]:
    return differing(form.get("password", ""), form.get("again", ""))
