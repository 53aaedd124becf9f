"""What devices and other servers of the school take from us, as files: written from the settings when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field

from schoolgate.firewall import Format, exported, place_of, read_resolvers
from schoolgate.firewall.formats import beside
from schoolgate.generated_files.apple_profile import profile
from schoolgate.generated_files.browser_policies import chromium_policy, firefox_policy
from schoolgate.generated_files.device_scripts import android_script, windows_script
from schoolgate.generated_files.dhcp_options import DhcpServer, dhcp_options
from schoolgate.generated_files.dnr_options import DnrServer, dnr_options
from schoolgate.generated_files.own_servers import NotWritten, OwnDoor, addresses_of, door_of
from schoolgate.generated_files.school_poster import poster
from schoolgate.operations.registry import looks
from schoolgate.operations.work import Work

# `off`: no encrypted DNS of the device's own, so that it asks as its network says. `ours`: to our door, by its name.
Encrypted = Literal["off", "ours"]
# Of schoolgate, as devices reach it; those of the settings where none is given.
Resolvers = Annotated[tuple[Annotated[str, Field(max_length=45)], ...], Field(max_length=16)]
Line = Annotated[str, Field(max_length=200)]
_JSON: Final = "application/json"
_PART: Final = "It is a part of the server's configuration: put it beside what is there; take other DNS servers out."
_AWAY: Final = "Away from school the device resolves only where this door can be reached."


@dataclass(frozen=True)
class ExportedFile:
    """`name`: for saving. `notes`: what a person must know that the text itself does not say."""

    name: str
    media_type: str
    text: str
    notes: tuple[str, ...] = ()


@looks("export.mdm")
def mdm(work: Work, resolvers: Resolvers = (), is_everywhere: bool = False) -> ExportedFile:
    """A configuration profile for Apple devices. Raises `NotWritten`, `PlaceUnclear`."""
    text = profile(
        door_of(work.settings, work.now), addresses_of(work.settings, resolvers), is_everywhere=is_everywhere
    )
    notes = ("Sign it, or deliver it by device management. On devices without supervision people can switch it off.",)
    away = (_AWAY,) if is_everywhere else ()
    return ExportedFile("schoolgate.mobileconfig", "application/x-apple-aspen-config", text, (*notes, *away))


@looks("export.chrome")
def chrome(work: Work, encrypted: Encrypted = "off") -> ExportedFile:
    """Policies of Chrome and ChromeOS. Raises `NotWritten`."""
    return _chromium(work, encrypted, "chrome", "/etc/opt/chrome/policies/managed/")


@looks("export.edge")
def edge(work: Work, encrypted: Encrypted = "off") -> ExportedFile:
    """Policies of Edge. Raises `NotWritten`."""
    return _chromium(work, encrypted, "edge", "/etc/opt/edge/policies/managed/")


@looks("export.firefox")
def firefox(work: Work, encrypted: Encrypted = "off") -> ExportedFile:
    """Policies of Firefox. Raises `NotWritten`."""
    where = "Put it as policies.json into the folder `distribution` of Firefox, or /etc/firefox/policies/ on Linux."
    return ExportedFile("policies.json", _JSON, firefox_policy(_url(work, encrypted)), _notes(where, encrypted))


@looks("export.windows")
def windows(work: Work, resolvers: Resolvers = (), encrypted: Encrypted = "off") -> ExportedFile:
    """A script for Windows. Raises `NotWritten`, `PlaceUnclear`."""
    text = windows_script(addresses_of(work.settings, resolvers), _door(work, encrypted))
    return ExportedFile("schoolgate.ps1", "text/plain", text, _notes("Try it on one device first.", encrypted))


@looks("export.android")
def android(work: Work, encrypted: Encrypted = "off") -> ExportedFile:
    """Private DNS of Android. Raises `NotWritten`."""
    text = android_script(_door(work, encrypted))
    return ExportedFile("schoolgate-android.sh", "text/plain", text, _notes("", encrypted))


@looks("export.dhcp")
def dhcp(work: Work, server: DhcpServer = DhcpServer.dnsmasq, resolvers: Resolvers = ()) -> ExportedFile:
    """DNS servers as options of a DHCP server. Raises `NotWritten`, `PlaceUnclear`."""
    text = dhcp_options(server, addresses_of(work.settings, resolvers))
    return ExportedFile(f"schoolgate-dhcp-{server}.{_ending(server)}", "text/plain", text, (_PART,))


@looks("export.dnr")
def dnr(work: Work, server: DnrServer = DnrServer.dnsmasq, resolvers: Resolvers = ()) -> ExportedFile:
    """Encrypted DNS as options of RFC 9463. Raises `NotWritten`, `PlaceUnclear`."""
    text = dnr_options(server, door_of(work.settings, work.now), addresses_of(work.settings, resolvers))
    trust = "Devices use it where they trust the certificate; the others ask in clear."
    return ExportedFile(f"schoolgate-dnr-{server}.{_ending(server)}", "text/plain", text, (_PART, trust))


@looks("export.firewall")
def firewall(
    work: Work,
    format: Format = Format.nftables,  # noqa: A002 (the word of the command line)
    interfaces: Annotated[tuple[Annotated[str, Field(max_length=15)], ...], Field(max_length=256)] = (),
    resolvers: Resolvers = (),
) -> ExportedFile:
    """Rules that make devices ask schoolgate. Raises `PlaceUnclear`, `AddressesUnreadable`."""
    place = place_of(interfaces, resolvers, work.settings)
    text = exported(format, read_resolvers(work.settings.lists.dir), place)
    return ExportedFile(f"schoolgate-firewall-{format}.txt", "text/plain", text, tuple(beside(format, place)))


@looks("export.poster")
def school_poster(work: Work, school: Line = "", why_page: Line = "", ask: Line = "") -> ExportedFile:
    """A page to print for pupils. Raises `NotWritten`."""
    return ExportedFile("schoolgate-poster.html", "text/html", poster(school, why_page, ask))


def _chromium(work: Work, encrypted: Encrypted, name: str, folder: str) -> ExportedFile:
    where = f"Linux: put it into {folder}. Elsewhere set policies of the same names by device management."
    text = chromium_policy(_url(work, encrypted))
    return ExportedFile(f"schoolgate-{name}.json", _JSON, text, _notes(where, encrypted))


def _door(work: Work, encrypted: Encrypted) -> OwnDoor | None:
    return door_of(work.settings, work.now) if encrypted == "ours" else None


def _url(work: Work, encrypted: Encrypted) -> str | None:
    door = _door(work, encrypted)
    if door is not None and door.url is None:
        raise NotWritten("the door of DNS over HTTPS is closed: take doh = [] out of [doors]")
    return None if door is None else door.url


def _notes(where: str, encrypted: Encrypted) -> tuple[str, ...]:
    return tuple(one for one in (where, _AWAY if encrypted == "ours" else "") if one)


def _ending(server: DhcpServer | DnrServer) -> str:
    if server in (DhcpServer.kea4, DhcpServer.kea6, DnrServer.kea4, DnrServer.kea6):
        return "json"
    return "ps1" if server is DhcpServer.windows else "conf"
