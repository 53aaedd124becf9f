"""The policy as its text: the same document that is applied on the machine, with its mistakes beside their lines.

A text is looked through first: what it changes, and what it would have meant last month. Then it is saved with a
reason, against the revision that it was made from; where that is not the latest any more, the difference is shown and
the text stays as it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from schoolgate.console.approved_request import mistakes_of, named_in
from schoolgate.console.errors import FormRefused, RightMissing
from schoolgate.console.past_use import last_month
from schoolgate.console.screen import Page, Screen, number_in
from schoolgate.console.text_lines import line_of

SCREEN = Screen("/policy/text", "The policy as text", "policy.apply")
# A form holds 1 MB, and some octets become three.
LONGEST_TEXT: Final = 320_000


def add_routes(app: web.Application) -> None:
    """The text; its check; its saving."""
    SCREEN.get(app, show)
    SCREEN.post(app, sent)


async def show(page: Page) -> web.Response:
    """The text in force."""
    found = await page.call("policy.draft")
    return _editor(page, found["text"], found["revision"] or 0)


async def sent(page: Page) -> web.Response:
    """`step`: check, save, or edit again."""
    form = await page.form()
    latest = await page.call("policy.draft")
    text, number = own_line_ends(form.get("text", ""), latest["text"]), latest["revision"] or 0
    expected = number_in(form.get("expected", str(number)))
    if expected is None:
        raise web.HTTPBadRequest
    if form.get("step") == "edit":
        return _editor(page, text, expected)
    if form.get("step") != "save":
        return await reviewed(page, text, expected)
    reason = form.get("reason", "").strip()
    if not reason:
        return await reviewed(page, text, expected, mistakes={"reason": "Say why; a few words are enough."})
    return await _saved(page, text, expected, reason, number, named_in(form))


async def reviewed(
    page: Page, text: str, expected: int, back: str = "", mistakes: Mapping[str, str] | None = None, reason: str = ""
) -> web.Response:
    """What a text changes, before it is saved; or its mistakes. `expected`: 0 before the first revision."""
    compared = await page.call("policy.compare", old=expected or None, text=text)
    if compared["problems"]:
        return _editor(page, text, expected, problems=compared["problems"])
    if not compared["lines"] and not mistakes:
        same = "Nothing changes that counts: the text says the same as the revision it was made from."
        return _editor(page, text, expected, said=same)
    found, why_not = await last_month(page, text)
    return page.render(
        "screens/policy_review.html",
        status=422 if mistakes else 200,
        text=text,
        expected=expected,
        lines=compared["lines"],
        replayed=found,
        why_not=why_not,
        back=back,
        mistakes=mistakes or {},
        reason=reason,
    )


async def _saved(
    page: Page, text: str, expected: int, reason: str, latest: int, approved: Mapping[str, int]
) -> web.Response:
    given: dict[str, Any] = {"text": text, "reason": reason, "file": "the policy", "expected": expected, **approved}
    try:
        made = await page.call("policy.apply", **given)
    except (FormRefused, RightMissing) as error:
        if error.kind == "StalePolicy":
            meanwhile = (await page.call("policy.compare", old=expected or None, new=latest))["lines"]
            return _editor(page, text, latest, meanwhile=meanwhile, made_from=expected)
        return await reviewed(page, text, expected, mistakes=mistakes_of(error), reason=reason)
    return page.redirect(f"/policy/revisions/{made['revision']}?made=policy")


def _editor(
    page: Page,
    text: str,
    expected: int,
    *,
    problems: list[Any] | None = None,
    meanwhile: list[str] | None = None,
    made_from: int | None = None,
    said: str = "",
) -> web.Response:
    placed = sorted(
        ((line_of(text, one["path"], one["message"]), one) for one in problems or ()), key=lambda pair: pair[0]
    )
    lines = text.splitlines()
    return page.render(
        "screens/policy_text.html",
        status=422 if problems else 409 if meanwhile is not None else 200,
        text=text,
        expected=expected,
        problems=[(line, lines[line - 1] if 0 < line <= len(lines) else "", one) for line, one in placed],
        meanwhile=meanwhile,
        made_from=made_from,
        said=said,
        rows=min(40, max(16, len(lines) + 1)),
        longest=LONGEST_TEXT,
    )


def own_line_ends(sent: str, before: str) -> str:
    """A form sends every line end as CR LF; the text keeps the ones that it had."""
    plain = sent.replace("\r\n", "\n")
    return plain.replace("\n", "\r\n") if "\r\n" in before else plain
