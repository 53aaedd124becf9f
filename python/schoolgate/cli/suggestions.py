"""The command line of suggestions: arguments and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from schoolgate.cli.options import Config, Json, config_of

suggestions_app = typer.Typer(
    invoke_without_command=True, help="Names the school asked that look like something a list should know."
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="As the queue shows it.")]


def _config(context: typer.Context, given: Path | None) -> Path | None:
    return config_of(given if given is not None else context.obj)


@suggestions_app.callback(
    invoke_without_command=True, epilog="schoolgate lists suggestions accept unblocked.example.org"
)
def suggestions(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Those that were decided too.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show the review queue: look-alikes, misspellings and keywords among names that were open. It blocks nothing."""
    context.obj = config
    if context.invoked_subcommand is None:
        from schoolgate.cli.commands import suggestions as queue

        queue.show(config_of(config), everything=everything, as_json=as_json)


@suggestions_app.command("look")
def look(
    context: typer.Context,
    days: Annotated[int, typer.Option("--days", metavar="N", min=1, max=90, help="How far back.")] = 1,
    config: Config = None,
) -> None:
    """Look through the query log now; the monitor does it once a day."""
    from schoolgate.cli.commands import suggestions as queue

    queue.look_now(_config(context, config), days)


@suggestions_app.command("accept")
def accept(context: typer.Context, name: NameArgument, config: Config = None) -> None:
    """Take a name out of the queue and print what to add to the policy."""
    from schoolgate.cli.commands import suggestions as queue

    queue.accept(_config(context, config), name)


@suggestions_app.command("dismiss")
def dismiss(
    context: typer.Context,
    name: NameArgument,
    reason: Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Why; kept.")],
    config: Config = None,
) -> None:
    """Take a name out of the queue for good."""
    from schoolgate.cli.commands import suggestions as queue

    queue.dismiss(_config(context, config), name, reason)
