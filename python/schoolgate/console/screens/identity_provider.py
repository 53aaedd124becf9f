"""Sign-in at an identity provider (OpenID Connect): the way there, and the way back."""

from __future__ import annotations

from aiohttp import web

from schoolgate.console.screen import ANYONE, Page, Screen
from schoolgate.console.session_cookie import device_of, forget_provider, keep_provider, provider_state_of
from schoolgate.console.sign_in_steps import SIGN_IN, took
from schoolgate.operations.socket_messages import OperationRefused

WITH = Screen("/sign-in/with", "Sign in", ANYONE)


def add_routes(app: web.Application) -> None:
    """Both ways. A provider's redirect_uri is the second."""
    WITH.get(app, leave, "/{provider}")
    WITH.get(app, come_back, "/{provider}/back")


async def leave(page: Page) -> web.Response:
    """Sends the browser to the provider. No form does: the content security policy keeps forms here."""
    start = await page.call("session.oidc_start", provider=page.request.match_info["provider"])
    response = web.Response(status=303, headers={"Location": str(start["address"])})
    keep_provider(response, str(start["state"]))
    return response


async def come_back(page: Page) -> web.Response:
    """Takes the provider's answer, once, from the browser that left alone."""
    answer = {name: page.query[name] for name in page.query}
    try:
        step = await page.call(
            "session.oidc_finish",
            provider=page.request.match_info["provider"],
            answer=answer,
            cookie=provider_state_of(page.request),
            device=device_of(page.request),
        )
        response = took(page, step, "/")
    except OperationRefused:
        response = page.redirect(f"{SIGN_IN}?refused=1")
    forget_provider(response)
    return response
