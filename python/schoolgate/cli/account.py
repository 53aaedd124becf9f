"""The command line of accounts: arguments and help."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from schoolgate.accounts.roles import TRUST, Role
from schoolgate.cli.options import Config, Json, config_of

account_app = typer.Typer(no_args_is_help=True, help="Who may sign in, in which roles. Approving needs the console.")
token_app = typer.Typer(no_args_is_help=True, help="API tokens: scoped, expiring, shown once.")
account_app.add_typer(token_app, name="token")

Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The login name, in any spelling.")]
Scope = Annotated[str, typer.Option("--scope", metavar="SCOPE", help="trust, school:ID or segment:NAME.")]


@account_app.command("create", epilog='schoolgate account create asmith --display-name "Alice Smith"')
def account_create(
    login: Annotated[str, typer.Argument(metavar="LOGIN", help="The login name.")],
    display_name: Annotated[str, typer.Option("--display-name", metavar="TEXT", help="How pages and reports say it.")],
    mail: Annotated[str | None, typer.Option("--mail", metavar="ADDRESS", help="For alerts; never a key.")] = None,
    config: Config = None,
) -> None:
    """Make an account, and print the token by which its person chooses a password within the hour."""
    from schoolgate.cli.commands import accounts

    accounts.create(config_of(config), login, display_name, mail)


@account_app.command("list", epilog="schoolgate account list --json")
def account_list(as_json: Json = False, config: Config = None) -> None:
    """List accounts with their roles, requests and second factors."""
    from schoolgate.cli.commands import accounts

    accounts.list_(config_of(config), as_json)


@account_app.command("disable", epilog="schoolgate account disable asmith")
def account_disable(login: Login, config: Config = None) -> None:
    """Disable an account at once: its sessions end, its tokens are revoked."""
    from schoolgate.cli.commands import accounts

    accounts.disable(config_of(config), login)


@account_app.command("enable", epilog="schoolgate account enable asmith")
def account_enable(login: Login, config: Config = None) -> None:
    """Enable an account. Roles that are granted by approval have to be approved again."""
    from schoolgate.cli.commands import accounts

    accounts.enable(config_of(config), login)


@account_app.command("leavers", epilog="schoolgate account leavers --read")
def account_leavers(
    reads: Annotated[bool, typer.Option("--read", help="Read the directories now.")] = False,
    accepts: Annotated[
        bool, typer.Option("--accept-many", help="With --read: also where many people left at once.")
    ] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show when the directories were last read for people who left, or read them now."""
    from schoolgate.cli.commands import accounts

    accounts.leavers(config_of(config), reads, accepts, as_json)


@account_app.command("role", epilog="schoolgate account role asmith teacher --scope school:north")
def account_role(
    login: Login,
    role: Annotated[Role, typer.Argument(metavar="ROLE", help=f"One of: {', '.join(Role)}.")],
    scope: Scope = TRUST,
    ends: Annotated[bool, typer.Option("--end", help="Take the role away, or the request for it back.")] = False,
    config: Config = None,
) -> None:
    """Grant a role, or end it. One that approves or sees identities is a request that a head or director approves."""
    from schoolgate.cli.commands import accounts

    accounts.role(config_of(config), login, role, scope, ends)


@account_app.command("reset", epilog="schoolgate account reset asmith")
def account_reset(
    login: Login,
    resets_factor: Annotated[
        bool,
        typer.Option(
            "--factor", help="The second factor instead. Of an approver or data protection officer: a request."
        ),
    ] = False,
    config: Config = None,
) -> None:
    """Print a token by which a person chooses a new password within the hour. It lifts no second factor."""
    from schoolgate.cli.commands import accounts

    accounts.reset(config_of(config), login, resets_factor)


@account_app.command("compromised", epilog="schoolgate account compromised asmith")
def account_compromised(login: Login, config: Config = None) -> None:
    """End an account's sessions, revoke its tokens, and have it change its password at the next sign-in."""
    from schoolgate.cli.commands import accounts

    accounts.compromised(config_of(config), login)


@account_app.command("sessions", epilog="schoolgate account sessions asmith --end")
def account_sessions(
    login: Login,
    ends: Annotated[bool, typer.Option("--end", help="End them all.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List the sessions of an account, or end them."""
    from schoolgate.cli.commands import accounts

    accounts.sessions(config_of(config), login, ends, as_json)


@account_app.command("review", epilog="schoolgate account review")
def account_review(
    confirmed: Annotated[
        UUID | None, typer.Option("--confirm", metavar="GRANT", help="Confirm this role for another quarter.")
    ] = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List the roles that are held and when each is to be reviewed; overdue ones first."""
    from schoolgate.cli.commands import accounts

    accounts.review(config_of(config), confirmed, as_json)


@account_app.command("requests", epilog="schoolgate account requests --json")
def account_requests(as_json: Json = False, config: Config = None) -> None:
    """List roles and resets of second factors that wait for other people. They decide in the console."""
    from schoolgate.cli.commands import accounts

    accounts.requests(config_of(config), as_json)


@account_app.command("seal-break-glass", epilog="schoolgate account seal-break-glass hjones")
def account_seal_break_glass(login: Login, config: Config = None) -> None:
    """Make the code for the day when no approver can sign in; the code before it ends.

    LOGIN is a head or a trust director, who signs in here with password and authenticator app. The code is printed
    once.
    """
    from schoolgate.cli.commands import accounts

    accounts.seal_break_glass(config_of(config), login)


@token_app.command("make", epilog='schoolgate account token make asmith --label "nightly export" --scope log.search')
def token_make(
    login: Login,
    label: Annotated[str, typer.Option("--label", metavar="TEXT", help="What uses it.")],
    scopes: Annotated[list[str], typer.Option("--scope", metavar="NAME", help="What it may do. May be repeated.")],
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="When it expires.")] = 90,
    config: Config = None,
) -> None:
    """Make an API token of an account, and print it: it is shown once."""
    from schoolgate.cli.commands import accounts

    accounts.make_token(config_of(config), login, label, scopes, days)


@token_app.command("list", epilog="schoolgate account token list asmith")
def token_list(login: Login, as_json: Json = False, config: Config = None) -> None:
    """List the API tokens of an account."""
    from schoolgate.cli.commands import accounts

    accounts.list_tokens(config_of(config), login, as_json)


@token_app.command("revoke", epilog="schoolgate account token revoke asmith 019a3185-c500-7000-8000-000000000000")
def token_revoke(
    login: Login,
    token: Annotated[UUID, typer.Argument(metavar="TOKEN", help="Its identifier, from `account token list`.")],
    config: Config = None,
) -> None:
    """Revoke one API token of an account."""
    from schoolgate.cli.commands import accounts

    accounts.revoke_token(config_of(config), login, token)
