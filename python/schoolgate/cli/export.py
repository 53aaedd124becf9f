"""The command line of what other machines take from us: arguments and help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from schoolgate.cli.options import Config, config_of

export_app = typer.Typer(no_args_is_help=True, help="What other machines of the school need to know.")


class FirewallFormat(StrEnum):
    """The firewall it is for."""

    nftables = "nftables"
    ipset = "ipset"
    opnsense = "opnsense"
    csv = "csv"


class Encrypted(StrEnum):
    """off: the device asks as its network says. ours: schoolgate's encrypted door."""

    off = "off"
    ours = "ours"


class OptionsFor(StrEnum):
    """The server that hands out DNS servers."""

    dnsmasq = "dnsmasq"
    kea4 = "kea4"
    kea6 = "kea6"
    isc = "isc"
    windows = "windows"
    radvd = "radvd"


class DesignatedBy(StrEnum):
    """The server that tells devices of encrypted doors."""

    dnsmasq = "dnsmasq"
    kea4 = "kea4"
    kea6 = "kea6"
    odhcpd = "odhcpd"


Resolver = Annotated[
    list[str] | None,
    typer.Option(
        "--resolver",
        metavar="ADDRESS",
        help="An address of schoolgate. May be repeated. Default: those of server.listen that devices can reach.",
    ),
]
Encryption = Annotated[
    Encrypted,
    typer.Option("--encrypted", help="off: DNS as the network says. ours: the encrypted door of schoolgate."),
]


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


@export_app.command("mdm", epilog="schoolgate export mdm --resolver 10.1.0.53 > schoolgate.mobileconfig")
def export_mdm(
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Away from school too, where the door must be reachable.")
    ] = False,
    resolver: Resolver = None,
    config: Config = None,
) -> None:
    """Print a profile for iPhones, iPads and Macs: encrypted DNS to schoolgate while they are at school."""
    _print(config, "mdm", resolvers=tuple(resolver or ()), is_everywhere=everywhere)


@export_app.command("chrome")
def export_chrome(encrypted: Encryption = Encrypted.off, config: Config = None) -> None:
    """Print policies of Chrome: DNS over HTTPS off, or to schoolgate."""
    _print(config, "chrome", encrypted=encrypted.value)


@export_app.command("edge")
def export_edge(encrypted: Encryption = Encrypted.off, config: Config = None) -> None:
    """Print policies of Edge: DNS over HTTPS off, or to schoolgate."""
    _print(config, "edge", encrypted=encrypted.value)


@export_app.command("firefox")
def export_firefox(encrypted: Encryption = Encrypted.off, config: Config = None) -> None:
    """Print policies of Firefox: DNS over HTTPS off, or to schoolgate."""
    _print(config, "firefox", encrypted=encrypted.value)


@export_app.command("windows")
def export_windows(encrypted: Encryption = Encrypted.off, resolver: Resolver = None, config: Config = None) -> None:
    """Print a script for Windows: DNS over HTTPS forbidden, or to schoolgate."""
    _print(config, "windows", encrypted=encrypted.value, resolvers=tuple(resolver or ()))


@export_app.command("android")
def export_android(encrypted: Encryption = Encrypted.off, config: Config = None) -> None:
    """Print commands for Android: private DNS off, or to schoolgate."""
    _print(config, "android", encrypted=encrypted.value)


@export_app.command("dhcp", epilog="schoolgate export dhcp --server kea4 --resolver 10.1.0.53")
def export_dhcp(
    server: Annotated[OptionsFor, typer.Option("--server", help="The DHCP server.")] = OptionsFor.dnsmasq,
    resolver: Resolver = None,
    config: Config = None,
) -> None:
    """Print options of a DHCP server that name schoolgate as the only DNS server."""
    _print(config, "dhcp", server=server.value, resolvers=tuple(resolver or ()))


@export_app.command("dnr", epilog="schoolgate export dnr --server kea4 --resolver 10.1.0.53")
def export_dnr(
    server: Annotated[DesignatedBy, typer.Option("--server", help="The DHCP server.")] = DesignatedBy.dnsmasq,
    resolver: Resolver = None,
    config: Config = None,
) -> None:
    """Print options that tell devices of schoolgate's encrypted doors (RFC 9463)."""
    _print(config, "dnr", server=server.value, resolvers=tuple(resolver or ()))


@export_app.command("poster", epilog="schoolgate export poster --school Hill > poster.html")
def export_poster(
    school: Annotated[str, typer.Option("--school", metavar="NAME", help="The name of the school.")] = "",
    why: Annotated[
        str, typer.Option("--why", metavar="URL", help="Address of the page that says why a name is closed.")
    ] = "",
    contact: Annotated[str, typer.Option("--ask", metavar="WHOM", help="Whom to ask, such as the IT office.")] = "",
    config: Config = None,
) -> None:
    """Print a page to hang up: that names are filtered here, and whom to ask."""
    _print(config, "poster", school=school, why_page=why, ask=contact)


def _print(config: Path | None, name: str, /, **arguments: Any) -> None:
    from schoolgate.cli.commands import exports

    exports.export_file(config_of(config), name, **arguments)
