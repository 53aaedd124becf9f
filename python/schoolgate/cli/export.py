"""The command line of what other machines take from us: arguments and help."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from schoolgate.cli.options import Config, config_of

export_app = typer.Typer(no_args_is_help=True, help="What other machines of the school need to know.")


class FirewallFormat(StrEnum):
    """The firewall it is for."""

    nftables = "nftables"
    ipset = "ipset"
    opnsense = "opnsense"
    csv = "csv"


@export_app.callback()
def _export() -> None:
    """What other machines of the school need to know."""


@export_app.command(
    "firewall",
    epilog="schoolgate export firewall --interface vlan20 --interface vlan30 --resolver 10.1.0.53 > schoolgate.nft",
)
def export_firewall(
    form: Annotated[FirewallFormat, typer.Option("--format", "-f", help="The firewall.")] = FirewallFormat.nftables,
    interface: Annotated[
        list[str] | None,
        typer.Option("--interface", "-i", metavar="NAME", help="Where devices come in. May be repeated."),
    ] = None,
    resolver: Annotated[
        list[str] | None,
        typer.Option(
            "--resolver",
            metavar="ADDRESS",
            help="An address of schoolgate. May be repeated. Default: those of server.listen that devices can reach.",
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Print rules that make devices ask schoolgate: port 53 to it alone, encrypted DNS and known resolvers refused."""
    from schoolgate.cli.commands import firewall

    firewall.export(config_of(config), form.value, tuple(interface or ()), tuple(resolver or ()))
