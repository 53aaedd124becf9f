"""`account ...` and `setup token`: prints what the accounts library returns, for the user of this machine."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from schoolgate.accounts.roles import Role
from schoolgate.cli.commands.school_time import on_the_wall
from schoolgate.cli.commands.terminal import note, out, say, say_json, table
from schoolgate.config import Settings, load
from schoolgate.operations.actor import this_user
from schoolgate.operations.errors import NotPermitted
from schoolgate.storage import state_dir

if TYPE_CHECKING:
    from schoolgate.accounts.account_operations import At
    from schoolgate.accounts.grants import Grant
    from schoolgate.accounts.reset_links import ResetLink


def create(config: Path | None, login: str, display_name: str, mail: str | None) -> None:
    """Makes an account."""
    from schoolgate.accounts import account_operations

    link = asyncio.run(account_operations.create(_at(config), login, display_name, mail))
    note(f"{link.account.login}: made, without a role (`schoolgate account role`)")
    _say_link(link)


def list_(config: Path | None, as_json: bool) -> None:
    """Every account."""
    from schoolgate.accounts import account_operations

    found = asyncio.run(account_operations.list_accounts(_at(config)))
    if as_json:
        say_json(
            [
                {**vars(one.account), "grants": [vars(grant) for grant in one.grants], "factors": vars(one.factors)}
                for one in found
            ]
        )
        return
    rows = table("Login", "Name", "State", "Roles", "Second factor", "Last sign-in")
    for one in found:
        factors = ["app"] * one.factors.has_totp + [f"{one.factors.passkeys} passkeys"] * bool(one.factors.passkeys)
        rows.add_row(
            one.account.login,
            one.account.display_name,
            one.account.state,
            ", ".join(map(_in_words, one.grants)),
            ", ".join(factors) or "none",
            _moment(one.account.last_sign_in_us),
        )
    out.print(rows)


def disable(config: Path | None, login: str) -> None:
    """Disables an account."""
    from schoolgate.accounts import account_operations

    done = asyncio.run(account_operations.disable(_at(config), login))
    say(f"{done.account.login}: disabled; {done.sessions} sessions ended, {done.tokens} tokens revoked")


def enable(config: Path | None, login: str) -> None:
    """Enables an account."""
    from schoolgate.accounts import account_operations

    asked = asyncio.run(account_operations.enable(_at(config), login))
    say(f"{login}: enabled" + (f"; {asked} roles wait for a head or director" if asked else ""))


def role(config: Path | None, login: str, name: Role, scope: str, ends: bool) -> None:
    """Grants or ends a role."""
    from schoolgate.accounts import account_operations

    act = account_operations.end_role if ends else account_operations.grant
    say(f"{login}: {_in_words(asyncio.run(act(_at(config), login, name, scope)))}")


def reset(config: Path | None, login: str, resets_factor: bool) -> None:
    """Makes a reset link, or resets the second factor."""
    from schoolgate.accounts import account_operations

    if not resets_factor:
        _say_link(asyncio.run(account_operations.reset_password(_at(config), login)))
        return
    asked = asyncio.run(account_operations.reset_factor(_at(config), login))
    if asked is None:
        say(f"{login}: the second factor was removed; it is set up anew at the next sign-in. Inform the holder")
    else:
        say(f"{login}: its role is granted by approval, so two other people have to agree (request {asked.id})")


def compromised(config: Path | None, login: str) -> None:
    """Takes an account for compromised."""
    from schoolgate.accounts import account_operations

    done = asyncio.run(account_operations.compromise(_at(config), login))
    say(f"{done.account.login}: {done.sessions} sessions ended, {done.tokens} tokens revoked; the password must change")


def sessions(config: Path | None, login: str, ends: bool, as_json: bool) -> None:
    """Lists or ends sessions."""
    from schoolgate.accounts import account_operations

    if ends:
        say(f"{login}: {asyncio.run(account_operations.end_sessions(_at(config), login))} sessions ended")
        return
    found = asyncio.run(account_operations.list_sessions(_at(config), login))
    if as_json:
        say_json([vars(one) for one in found])
        return
    rows = table("Begun", "Last used", "By", "From", "Browser")
    for one in found:
        rows.add_row(_moment(one.created_us), _moment(one.seen_us), one.method, one.address, one.user_agent)
    out.print(rows)


def review(config: Path | None, confirmed: UUID | None, as_json: bool) -> None:
    """Lists the roles to review, or confirms one."""
    from schoolgate.accounts import account_operations

    at = _at(config)
    if confirmed is not None:
        say(f"confirmed: {_in_words(asyncio.run(account_operations.confirm_role(at, confirmed)))}")
        return
    found = asyncio.run(account_operations.reviews(at))
    if as_json:
        say_json(
            [
                {"login": one.account.login, **vars(one.grant), "due_us": one.due_us, "is_due": one.is_due(at.now_us)}
                for one in found
            ]
        )
        return
    rows = table("Login", "State", "Role", "Review", "Grant")
    for one in found:
        when = "OVERDUE" if one.is_overdue(at.now_us) else "due" if one.is_due(at.now_us) else _moment(one.due_us)
        rows.add_row(one.account.login, one.account.state, _in_words(one.grant), when, str(one.grant.id))
    out.print(rows)


def make_token(config: Path | None, login: str, label: str, scopes: Sequence[str], days: int) -> None:
    """Makes an API token."""
    from schoolgate.accounts import account_operations

    made = asyncio.run(account_operations.make_token(_at(config), login, label, scopes, days))
    say(made.secret)
    note(f"it is not shown again; it expires {_moment(made.token.expires_us)}")


def list_tokens(config: Path | None, login: str, as_json: bool) -> None:
    """Lists API tokens."""
    from schoolgate.accounts import account_operations

    found = asyncio.run(account_operations.list_tokens(_at(config), login))
    if as_json:
        say_json([vars(one) for one in found])
        return
    rows = table("Token", "Label", "Scopes", "Expires", "Last used")
    for one in found:
        rows.add_row(str(one.id), one.label, " ".join(one.scopes), _moment(one.expires_us), _moment(one.used_us))
    out.print(rows)


def revoke_token(config: Path | None, login: str, token: UUID) -> None:
    """Revokes an API token."""
    from schoolgate.accounts import account_operations

    asyncio.run(account_operations.revoke_token(_at(config), login, token))
    say(f"{token}: revoked")


def setup_token(config: Path | None) -> None:
    """Writes the token of the first run."""
    from schoolgate.accounts import account_operations
    from schoolgate.accounts.first_run import FILE_NAME

    at = _at(config)
    assert isinstance(at.store, Path)
    path = at.store.with_name(FILE_NAME)
    expires_us = asyncio.run(account_operations.write_setup_token(at, path))
    say(str(path))
    note(f"the token in it makes the first head or director, once, until {_moment(expires_us)}")


def _at(config: Path | None) -> At:
    from schoolgate.accounts.account_operations import At
    from schoolgate.storage.audit_operations import Place

    settings = load(config)
    state_dir.refuse_strangers(settings.server.state_dir)
    _refuse_without_role(settings)
    actor = this_user(map(Role, settings.operations.local_roles))
    return At(Place.in_folder(settings.server.state_dir).store, actor.id, time.time_ns() // 1000)


def _refuse_without_role(settings: Settings) -> None:
    if Role.network_manager not in settings.operations.local_roles:
        raise NotPermitted(
            "accounts are the network manager's to keep, and users of this machine do not have that role"
            " ([operations] local_roles)"
        )


def _say_link(link: ResetLink) -> None:
    say(link.token)
    note(f"give it to {link.account.display_name} alone: it sets the password once, until {_moment(link.expires_us)}")


def _in_words(grant: Grant) -> str:
    """`teacher`, `head in school:north (requested)`."""
    scope = "" if grant.scope == "trust" else f" in {grant.scope}"
    state = "" if grant.is_active else f" ({grant.state})"
    return f"{grant.role.value.replace('_', ' ')}{scope}{state}"


def _moment(at_us: Any) -> str:
    return "never" if at_us is None else on_the_wall(dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC))
