"""Where a sign-in goes after each step, and its cookies. Each step has a new token; the old one is worth nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from schoolgate.console.screen import Page, own_path
from schoolgate.console.session_cookie import keep_device, keep_session

SIGN_IN: Final = "/sign-in"
STEP_UP: Final = "/sign-in/again"
CODE: Final = "/sign-in/code"
ENROL: Final = "/sign-in/app"
PASSKEY: Final = "/sign-in/passkey"
NEW_PASSKEY: Final = "/sign-in/passkey/new"
PASSWORD: Final = "/sign-in/password"

# What comes next at each stage (accounts/sessions.py).
_AT_STAGE: Final = {"factor": CODE, "enrol": ENROL, "change": PASSWORD}
# The same for every reason: which of them it was would help who guesses.
REFUSED: Final = "That did not work. Check what you typed. After several tries, wait a minute before the next."


def next_path(page: Page, form: Mapping[str, str] | None = None) -> str:
    """Where the person wanted to go."""
    return own_path((form if form is not None else page.query).get("next", "/"))


def at_stage(stage: str, wanted: str) -> str:
    """The page of a stage, or what was wanted where the sign-in is complete."""
    path = _AT_STAGE.get(stage)
    return wanted if path is None else with_next(path, wanted)


def with_next(path: str, wanted: str) -> str:
    """A path that remembers what was wanted."""
    return path if wanted == "/" else f"{path}?{urlencode({'next': wanted})}"


def took(page: Page, step: Mapping[str, Any], wanted: str) -> web.Response:
    """The answer to a step that was taken: its cookies, and the way to the next."""
    response = page.redirect(at_stage(str(step["stage"]), wanted))
    keep(response, step)
    return response


def keep(response: web.StreamResponse, step: Mapping[str, Any]) -> None:
    """The cookies of a step."""
    keep_session(response, str(step["token"]))
    if step.get("device"):
        keep_device(response, str(step["device"]))
