"""The command line of backups: arguments and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from schoolgate.cli.exit_codes import epilog
from schoolgate.cli.options import Config, Json, config_of

backup_app = typer.Typer(
    no_args_is_help=True, help="Encrypted copies of settings and state: made, kept, proved, restored."
)

Identity = Annotated[
    Path,
    typer.Option(
        "--identity",
        "-i",
        metavar="FILE",
        help="The secret key, as `backup key` wrote it; - for standard input.",
        dir_okay=False,
    ),
]
Source = Annotated[
    str, typer.Argument(metavar="BACKUP", help="A file, the name of a backup as `backup list` shows it, or -.")
]
Target = Annotated[str | None, typer.Option("--target", metavar="ID", help="The target that has it.")]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint", metavar="FILE", help="The newest audit checkpoint that was kept elsewhere.", dir_okay=False
    ),
]


@backup_app.command("key", epilog="schoolgate backup key --out /media/usb/backup-key.txt")
def backup_key(
    out: Annotated[
        str, typer.Option("--out", metavar="FILE", help="Where the secret key goes; - prints it, once.")
    ] = "-",
    passphrase: Annotated[bool, typer.Option("--passphrase", help="Encrypt the key by a passphrase.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Forget keys made before: one was lost or seen.")] = False,
    config: Config = None,
) -> None:
    """Make a key for backups. Only its public half stays here: keep the secret one away from this machine."""
    from schoolgate.cli.commands import backup

    backup.key(config_of(config), out, passphrase, replace)


@backup_app.command("create", epilog=epilog("backup create"))
def backup_create(
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="FOLDER", help="This folder instead of the targets; - for standard output."),
    ] = None,
    with_log: Annotated[
        bool | None, typer.Option("--with-log/--without-log", help="With the query log. Default: the setting.")
    ] = None,
    if_due: Annotated[bool, typer.Option("--if-due", help="Only if one is due by the settings; for a timer.")] = False,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Make a backup and place it at every target of the settings."""
    from schoolgate.cli.commands import backup

    raise typer.Exit(backup.create(config_of(config), to, with_log, if_due, as_json))


@backup_app.command("medium", epilog="schoolgate backup medium /media/usb --label blue")
def backup_medium(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the medium is mounted.")],
    label: Annotated[str, typer.Option("--label", metavar="NAME", help="What is written on it, such as blue.")],
    config: Config = None,
) -> None:
    """Mark a disk that is taken away in turn, so that the record says which one took which backup."""
    from schoolgate.cli.commands import backup

    backup.medium(config_of(config), folder, label)


@backup_app.command("list", epilog="schoolgate backup list --json")
def backup_list(as_json: Json = False, config: Config = None) -> None:
    """List the backups at every target, those on media that were taken away too."""
    from schoolgate.cli.commands import backup

    raise typer.Exit(backup.list_backups(config_of(config), as_json))


@backup_app.command("restore", epilog="schoolgate backup restore /media/usb/schoolgate-....tar.age -i backup-key.txt")
def backup_restore(
    source: Source,
    identity: Identity,
    target: Target = None,
    state_dir: Annotated[
        Path | None, typer.Option("--state-dir", metavar="DIR", help="Default: that of the settings.", file_okay=False)
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Move what is there aside.")] = False,
    checkpoint: Checkpoint = None,
    config: Config = None,
) -> None:
    """Restore a backup into an empty state directory. The service must not run."""
    from schoolgate.cli.commands import backup

    backup.restore(config_of(config), source, identity, target, state_dir, replace, checkpoint)


@backup_app.command("test", epilog=epilog("backup test"))
def backup_test(
    source: Source,
    identity: Identity,
    target: Target = None,
    checkpoint: Checkpoint = None,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Restore a backup aside, ask a server that starts from it, search its log, verify its audit log. Recorded."""
    from schoolgate.cli.commands import backup

    raise typer.Exit(backup.test(config_of(config), source, identity, target, checkpoint, as_json))
