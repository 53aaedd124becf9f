"""What other machines take from us: one form and one download for each kind of file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from schoolgate.console.csv_text import download
from schoolgate.console.errors import FormRefused
from schoolgate.console.screen import Page, Screen
from schoolgate.operations.socket_messages import OperationRefused

SCREEN = Screen("/exports", "Files for devices", "export.mdm")

_ADDRESSES: Final = "resolvers"
_ENCRYPTED: Final = (
    "encrypted",
    "Encrypted DNS",
    (("off", "Off: as the network says"), ("ours", "To schoolgate's door")),
)
_REFUSED: Final = frozenset({"NotWritten", "PlaceUnclear", "AddressesUnreadable"})


@dataclass(frozen=True)
class Kind:
    """A kind of file. `lists`: fields of several values, with blanks between; `lines`: name, label, example;
    `choices`: name, label, values with their words."""

    words: str
    says: str
    lists: tuple[str, ...] = ()
    lines: tuple[tuple[str, str, str], ...] = ()
    choices: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = ()


def _same(*values: str) -> tuple[tuple[str, str], ...]:
    return tuple((one, one) for one in values)


KINDS: Final[Mapping[str, Kind]] = {
    "dhcp": Kind(
        "DHCP", "Options that name schoolgate as the only DNS server.", (_ADDRESSES,),
        choices=(("server", "Server", _same("dnsmasq", "kea4", "kea6", "isc", "windows", "radvd")),),
    ),
    "firewall": Kind(
        "Firewall", "Rules that make devices ask schoolgate.", (_ADDRESSES, "interfaces"),
        choices=(("format", "For", _same("nftables", "ipset", "opnsense", "csv")),),
    ),
    "chrome": Kind("Chrome", "Policies of Chrome and ChromeOS.", choices=(_ENCRYPTED,)),
    "edge": Kind("Edge", "Policies of Edge.", choices=(_ENCRYPTED,)),
    "firefox": Kind("Firefox", "Policies of Firefox.", choices=(_ENCRYPTED,)),
    "windows": Kind("Windows", "A script for administrators.", (_ADDRESSES,), choices=(_ENCRYPTED,)),
    "android": Kind("Android", "Private DNS, set by adb or device management.", choices=(_ENCRYPTED,)),
    "mdm": Kind("iPhone, iPad and Mac", "A profile for encrypted DNS at school.", (_ADDRESSES,)),
    "dnr": Kind(
        "DHCP, encrypted DNS", "Options that name the encrypted doors (RFC 9463).", (_ADDRESSES,),
        choices=(("server", "Server", _same("dnsmasq", "kea4", "kea6", "odhcpd")),),
    ),
    "poster": Kind(
        "Poster", "A page to print for pupils: why a page does not open, and whom to ask.",
        lines=(("school", "School", "Hill School"), ("why_page", "Address of the page that says why", "https://..."),
               ("ask", "Whom to ask", "the IT office")),
    ),
}  # fmt: skip
FIELD_WORDS: Final = {
    _ADDRESSES: ("Addresses of schoolgate", "May be left out where the settings name them."),
    "interfaces": ("Interfaces of the devices' networks", "Such as vlan20."),
}


def add_routes(app: web.Application) -> None:
    """The list, and a download each."""
    SCREEN.get(app, show)
    SCREEN.get(app, file, f"/{{kind:{'|'.join(KINDS)}}}")


async def show(page: Page) -> web.Response:
    """Every kind, each with its form."""
    return _shown(page)


async def file(page: Page) -> web.Response:
    """The file, or the list with the reason why there is none."""
    kind = page.request.match_info["kind"]
    page.need(f"export.{kind}")
    try:
        made = await page.call(f"export.{kind}", **_arguments(KINDS[kind], page.query))
    except FormRefused as error:
        return _shown(page, kind, str(error))
    except OperationRefused as error:
        if error.kind not in _REFUSED:
            raise
        return _shown(page, kind, str(error))
    return download(made["name"], made["text"], made["media_type"])


def _arguments(kind: Kind, query: Mapping[str, str]) -> dict[str, Any]:
    """What is empty is left to the operation."""
    given: dict[str, Any] = {one: query[one].replace(",", " ").split() for one in kind.lists if query.get(one)}
    plain = [name for name, _, _ in (*kind.lines, *kind.choices)]
    return given | {one: query[one] for one in plain if query.get(one)}


def _shown(page: Page, kind: str = "", mistake: str = "") -> web.Response:
    kinds = {name: one for name, one in KINDS.items() if page.viewer.may(f"export.{name}")}
    return page.render(
        "screens/exports.html", status=422 if mistake else 200, kinds=kinds, words=FIELD_WORDS, chosen=kind,
        mistakes={kind: mistake} if mistake else {}, given=page.query,
    )  # fmt: skip
