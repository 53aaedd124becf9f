"""Options that many commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CONFIG_HELP = (
    "The settings file. Default: $SCHOOLGATE_CONFIG, else /etc/schoolgate/schoolgate.toml, else schoolgate.toml in the"
    " state directory, else built-in settings."
)
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        envvar="SCHOOLGATE_CONFIG",
        show_envvar=False,
        help=CONFIG_HELP,
        dir_okay=False,
        # The reader of settings says it, with the user to be.
        readable=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

Approved = Annotated[
    int | None,
    typer.Option(
        "--request", metavar="NUMBER", min=1, help="The approved change request that it is for, where one is needed."
    ),
]


def config_of(given: Path | None) -> Path | None:
    """The settings file to read; None means the built-in settings."""
    from schoolgate.cli.commands import school_time
    from schoolgate.cli.commands.config_file import config_path

    found = config_path(given)
    school_time.of_settings(found)
    return found
