"""`account ...` and `setup token`: prints what the operations on accounts return."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import typer

from schoolgate.accounts.roles import Role
from schoolgate.cli.commands.asking import ask, ask_as
from schoolgate.cli.commands.school_time import on_the_wall
from schoolgate.cli.commands.terminal import note, out, say, say_json, table
from schoolgate.errors import SchoolgateError

if TYPE_CHECKING:
    from schoolgate.operations.accounts.account_results import GrantShown, LinkMade


def create(config: Path | None, login: str, display_name: str, mail: str | None) -> None:
    """Makes an account."""
    link = ask(config, "account.create", login=login, display_name=display_name, mail=mail)
    note(f"{link.login}: made, without a role (`schoolgate account role`)")
    _say_link(link)


def list_(config: Path | None, as_json: bool) -> None:
    """Every account."""
    found = ask(config, "account.list")
    if as_json:
        say_json([asdict(one) for one in found])
        return
    rows = table("Login", "Name", "State", "Roles", "Second factor", "Last sign-in")
    for one in found:
        factors = ["app"] * one.factors.has_totp + [f"{one.factors.passkeys} passkeys"] * bool(one.factors.passkeys)
        rows.add_row(
            one.login,
            one.display_name,
            one.state,
            ", ".join(map(_in_words, one.grants)),
            ", ".join(factors) or "none",
            _moment(one.last_sign_in_us),
        )
    out.print(rows)


def disable(config: Path | None, login: str) -> None:
    """Disables an account."""
    done = ask(config, "account.disable", login=login)
    say(f"{done.login}: disabled; {done.sessions} sessions ended, {done.tokens} tokens revoked")


def enable(config: Path | None, login: str) -> None:
    """Enables an account."""
    asked = ask(config, "account.enable", login=login)
    say(f"{login}: enabled" + (f"; {asked} roles wait for a head or director" if asked else ""))


def leavers(config: Path | None, reads: bool, accepts: bool, as_json: bool) -> None:
    """The last reading of each directory, or one now. Exit code 1 where a directory could not be read."""
    found = ask(config, "account.read_leavers", accept_many=accepts) if reads else ask(config, "account.leavers")
    if as_json:
        say_json([asdict(one) for one in found])
    elif not found:
        say("no directory is read: set reads_leavers for a provider in [accounts.providers.ID]")
    else:
        rows = table("Provider", "Last read", "Disabled then", "Problem")
        for one in found:
            rows.add_row(one.provider, _moment(one.read_us or None), str(one.disabled), one.problem)
        out.print(rows)
    if any(one.problem for one in found):
        raise typer.Exit(1)


def role(config: Path | None, login: str, name: Role, scope: str, ends: bool) -> None:
    """Grants or ends a role."""
    operation = "account.end_role" if ends else "account.role"
    say(f"{login}: {_in_words(ask(config, operation, login=login, role=name.value, scope=scope))}")


def reset(config: Path | None, login: str, resets_factor: bool) -> None:
    """Makes a reset link, or resets the second factor."""
    if not resets_factor:
        _say_link(ask(config, "account.reset_password", login=login))
        return
    asked = ask(config, "account.reset_factor", login=login)
    if asked is None:
        say(f"{login}: the second factor was removed; it is set up anew at the next sign-in. Inform the holder")
    else:
        say(f"{login}: its role is granted by approval, so two other people have to agree (request {asked.id})")


def compromised(config: Path | None, login: str) -> None:
    """Takes an account for compromised."""
    done = ask(config, "account.compromised", login=login)
    say(f"{done.login}: {done.sessions} sessions ended, {done.tokens} tokens revoked; the password must change")


def sessions(config: Path | None, login: str, ends: bool, as_json: bool) -> None:
    """Lists or ends sessions."""
    if ends:
        say(f"{login}: {ask(config, 'account.end_sessions', login=login)} sessions ended")
        return
    found = ask(config, "account.sessions", login=login)
    if as_json:
        say_json([asdict(one) for one in found])
        return
    rows = table("Begun", "Last used", "By", "From", "Browser")
    for one in found:
        rows.add_row(_moment(one.created_us), _moment(one.seen_us), one.method, one.address, one.user_agent)
    out.print(rows)


def review(config: Path | None, confirmed: UUID | None, as_json: bool) -> None:
    """Lists the roles to review, or confirms one."""
    if confirmed is not None:
        say(f"confirmed: {_in_words(ask(config, 'account.confirm', grant=confirmed))}")
        return
    found = ask(config, "account.review")
    if as_json:
        say_json(
            [{"login": one.login, **asdict(one.grant), "due_us": one.due_us, "is_due": one.is_due} for one in found]
        )
        return
    rows = table("Login", "State", "Role", "Review", "Grant")
    for one in found:
        when = "OVERDUE" if one.is_overdue else "due" if one.is_due else _moment(one.due_us)
        rows.add_row(one.login, one.state, _in_words(one.grant), when, str(one.grant.id))
    out.print(rows)


def requests(config: Path | None, as_json: bool) -> None:
    """Lists what waits for other people."""
    found = ask(config, "account.requests")
    if as_json:
        say_json(asdict(found))
        return
    rows = table("Login", "Asked for", "By", "When", "Request")
    for one in found.roles:
        when = _moment(one.grant.requested_us)
        rows.add_row(one.login, _in_words(one.grant), one.grant.requested_by, when, str(one.grant.id))
    for one in found.resets:
        agreed = "reset of the second factor" + (", one of two agreed" if one.first_by else "")
        rows.add_row(one.login, agreed, one.requested_by, _moment(one.requested_us), str(one.id))
    out.print(rows)
    note("heads and directors decide in the console, never who asked")


class NotSealed(SchoolgateError):
    """The person did not sign in as this command needs it."""


def seal_break_glass(config: Path | None, login: str) -> None:
    """Signs a head or a director in for this one step, and prints the code once."""
    # A user without access to the accounts gets that error before a password is asked for.
    ask_as(config, "", "session.providers")
    note("this makes a new break-glass code and ends the old one; a head or a director signs in for it", "bold")
    password = typer.prompt(f"Password of {login}", hide_input=True, err=True)
    step = ask_as(config, "", "session.begin", login=login, password=password)
    if step.stage != "factor" or "totp" not in step.names:
        raise NotSealed(
            "a code of an authenticator app is needed, and this account has none or has another step to take first;"
            " sign in at the console, where a passkey will do, and open Accounts, Sealed code"
        )
    step = ask_as(config, step.token, "session.totp", code=typer.prompt("Code of the authenticator app", err=True))
    try:
        say(str(ask_as(config, step.token, "account.seal_break_glass")))
    finally:
        ask_as(config, step.token, "session.end")
    note("print it, seal it, and lock it away; it is not shown again. Approvers get a mail when it is used")


def make_token(config: Path | None, login: str, label: str, scopes: Sequence[str], days: int) -> None:
    """Makes an API token."""
    made = ask(config, "account.make_token", login=login, label=label, scopes=list(scopes), days=days)
    say(made.secret)
    note(f"it is not shown again; it expires {_moment(made.token.expires_us)}")


def list_tokens(config: Path | None, login: str, as_json: bool) -> None:
    """Lists API tokens."""
    found = ask(config, "account.tokens", login=login)
    if as_json:
        say_json([asdict(one) for one in found])
        return
    rows = table("Token", "Label", "Scopes", "Expires", "Last used")
    for one in found:
        rows.add_row(str(one.id), one.label, " ".join(one.scopes), _moment(one.expires_us), _moment(one.used_us))
    out.print(rows)


def revoke_token(config: Path | None, login: str, token: UUID) -> None:
    """Revokes an API token."""
    ask(config, "account.revoke_token", login=login, token=token)
    say(f"{token}: revoked")


def setup_token(config: Path | None) -> None:
    """Writes the token of the first run."""
    made = ask(config, "setup.token")
    say(made.path)
    note(f"the token in it makes the first head or director, once, until {_moment(made.expires_us)}")


def _say_link(link: LinkMade) -> None:
    say(link.token)
    note(f"give it to {link.display_name} alone: it sets the password once, until {_moment(link.expires_us)}")


def _in_words(grant: GrantShown) -> str:
    """`teacher`, `head in school:north (requested)`."""
    scope = "" if grant.scope == "trust" else f" in {grant.scope}"
    state = "" if grant.state == "active" else f" ({grant.state})"
    return f"{grant.role.replace('_', ' ')}{scope}{state}"


def _moment(at_us: Any) -> str:
    return "never" if at_us is None else on_the_wall(dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC))
