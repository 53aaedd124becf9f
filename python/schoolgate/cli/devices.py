"""The command line of devices: arguments and help."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from schoolgate.cli.options import Config, Json, config_of

devices_app = typer.Typer(no_args_is_help=True, help="What the school calls its devices, and which one had an address.")

Device = Annotated[str, typer.Argument(metavar="DEVICE", help="Its hardware address (MAC), or its name.")]


class Which(StrEnum):
    """Which devices."""

    every = "all"
    named = "named"
    unnamed = "unnamed"
    here = "here"
    lost = "lost"


@devices_app.command("list")
def devices_list(
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="A part of a name or an address.")] = "",
    group: Annotated[str, typer.Option("--group", metavar="GROUP", help="Those of a group.")] = "",
    which: Annotated[Which, typer.Option("--which", help="here: they have an address now.")] = Which.every,
    most: Annotated[int, typer.Option("--most", min=1, max=500, help="How many.")] = 100,
    skip: Annotated[int, typer.Option("--skip", min=0, max=1_000_000, help="Leave out the first of them.")] = 0,
    as_json: Json = False,
    config: Config = None,
) -> None:
    """List devices that have a name or were seen. It is on record."""
    from schoolgate.cli.commands import devices

    devices.show_list(config_of(config), text, group, which.value, most, skip, as_json=as_json)


@devices_app.command("show")
def devices_show(
    device: Device,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why, where its name says who has it.")] = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Show one device, and when it had which address. It is on record."""
    from schoolgate.cli.commands import devices

    devices.show(config_of(config), device, reason, as_json=as_json)


@devices_app.command("name", epilog='schoolgate devices name 00:00:5e:00:53:01 "Year 9 iPad 12"')
def devices_name(
    device: Device,
    text: Annotated[str, typer.Argument(metavar="NAME", help='"" takes the name away.')],
    is_person: Annotated[
        bool, typer.Option("--names-person", help="The name says who has it: shown beside the log by a reveal alone.")
    ] = False,
    config: Config = None,
) -> None:
    """Give a device a name."""
    from schoolgate.cli.commands import devices

    devices.name_it(config_of(config), device, text, is_person=is_person)


@devices_app.command("group", epilog='schoolgate devices group "Year 9 iPad 12" "Year 9" "Trolley B"')
def devices_group(
    device: Device,
    groups: Annotated[list[str] | None, typer.Argument(metavar="[GROUP]...", help="All of them.")] = None,
    config: Config = None,
) -> None:
    """Say which groups a device is in: these alone. A group that has a policy may only tighten."""
    from schoolgate.cli.commands import devices

    devices.group_it(config_of(config), device, groups or [])


@devices_app.command("groups")
def devices_groups(as_json: Json = False, config: Config = None) -> None:
    """List the groups of devices, and the policy of each."""
    from schoolgate.cli.commands import devices

    devices.show_groups(config_of(config), as_json=as_json)


@devices_app.command("lost")
def devices_lost(
    device: Device,
    is_found: Annotated[bool, typer.Option("--found", help="It is found again.")] = False,
    config: Config = None,
) -> None:
    """Mark a device as lost. It gets the policy of the group `lost`, if that only tightens."""
    from schoolgate.cli.commands import devices

    devices.lose(config_of(config), device, is_lost=not is_found)


@devices_app.command("forget")
def devices_forget(
    device: Device,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is kept on record.")],
    config: Config = None,
) -> None:
    """Remove a device's name, its groups, and which addresses it had. Rows of the log stay."""
    from schoolgate.cli.commands import devices

    devices.forget(config_of(config), device, reason)


@devices_app.command("sources")
def devices_sources(as_json: Json = False, config: Config = None) -> None:
    """Show what says which device has an address, and whether it works."""
    from schoolgate.cli.commands import devices

    devices.show_sources(config_of(config), as_json=as_json)
