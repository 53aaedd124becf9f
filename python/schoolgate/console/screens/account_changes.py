"""What is done to an account of another: a page says what follows, then its form does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from schoolgate.console.errors import FormRefused
from schoolgate.console.screen import Page
from schoolgate.console.screens.accounts import SCREEN, UUID_PATH, code_shown, person_of, words
from schoolgate.console.sign_in_steps import STEP_UP, with_next
from schoolgate.operations import rights


@dataclass(frozen=True)
class Deed:
    """`operation` takes the login name. `question` and `verb` name the person; `follows`: what happens."""

    operation: str
    question: str
    verb: str
    follows: str


DEEDS: Final = {
    "disable": Deed(
        "account.disable", "Disable {}?", "Disable the account",
        "At once every session ends and every API token is revoked. Roles that need approval must be approved again if"
        " the account is enabled later. Nothing that the person did is lost from the records.",
    ),
    "enable": Deed(
        "account.enable", "Enable {}?", "Enable the account",
        "The person can sign in again. Roles that need approval wait for another person first.",
    ),
    "compromised": Deed(
        "account.compromised", "Does someone else know the password of {}?", "Stop it now",
        "Sessions, API tokens, codes and known browsers end at once, and the password must change at the next sign-in."
        " The person gets a message.",
    ),
    "end-sessions": Deed(
        "account.end_sessions", "Sign {} out everywhere?", "Sign out",
        "Every browser has to sign in again. The password stays as it is.",
    ),
    "reset-password": Deed(
        "account.reset_password", "Let {} choose a new password?", "Make a code",
        "You get a code that works once, within the hour. Give it to the person by a way that is not this account's own"
        " mail. The second factor stays.",
    ),
    "reset-factor": Deed(
        "account.reset_factor", "Has {} lost the second factor?", "Remove the second factor",
        "Authenticator app, passkeys and recovery codes are removed, and a new one is set up at the next sign-in. For"
        " people who approve, two others have to agree first. Make sure that it is really the person who asks.",
    ),
    "end-role": Deed("account.end_role", "Take a role from {}?", "Take the role", "It ends at once."),
    "role": Deed(
        "account.role", "Give {} a role.", "Give the role",
        "Roles that approve or see pupils' data are only asked for here: a head or director approves them.",
    ),
}  # fmt: skip
_WITH_CODE: Final = "reset-password"


def add_routes(app: web.Application) -> None:
    """The page before, and the form."""
    deeds = "|".join(DEEDS)
    SCREEN.get(app, ask, f"{UUID_PATH}/{{deed:{deeds}}}")
    SCREEN.post(app, do, f"{UUID_PATH}/{{deed:{deeds}}}")


async def ask(page: Page) -> web.Response:
    """Says what follows. A second factor is asked for before, where it will be needed."""
    name, deed = _deed(page)
    if deed.operation in rights.NEEDS_FRESH_FACTOR and not page.viewer.is_fresh:
        return page.redirect(with_next(STEP_UP, page.request.path_qs))
    people, person = await person_of(page)
    given = {"role": page.query.get("role", ""), "scope": page.query.get("scope", "trust")}
    return _form(page, name, people, person, given, {})


async def do(page: Page) -> web.Response:
    """Does it."""
    name, deed = _deed(page)
    people, person = await person_of(page)
    form = await page.form()
    given = {"role": form.get("role", ""), "scope": form.get("scope", "").strip() or "trust"}
    more: dict[str, Any] = given if name in ("role", "end-role") else {}
    try:
        result = await page.call(deed.operation, login=person["login"], **more)
    except FormRefused as error:
        return _form(page, name, people, person, given, {"": str(error)})
    if name == _WITH_CODE:
        return await code_shown(page, result, is_new=False)
    return page.redirect(f"/accounts/{person['id']}?done={_done(name, result)}")


def _done(name: str, result: Any) -> str:
    """What came of it, for the next page: some things are only asked for."""
    is_asked = (name == "role" and result["state"] == "requested") or (name == "reset-factor" and result is not None)
    return f"{name}-asked" if is_asked else name


def _deed(page: Page) -> tuple[str, Deed]:
    """Raises 404 without the right."""
    name = page.request.match_info["deed"]
    page.need(DEEDS[name].operation)
    return name, DEEDS[name]


def _form(
    page: Page, name: str, people: list[dict[str, Any]], person: dict[str, Any], given: dict[str, str],
    mistakes: dict[str, str],
) -> web.Response:  # fmt: skip
    return page.render(
        "screens/account_deed.html", status=422 if mistakes else 200, name=name, deed=DEEDS[name], person=person,
        given=given, mistakes=mistakes, **words(people),
    )  # fmt: skip
