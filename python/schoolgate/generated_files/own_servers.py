"""Where devices reach schoolgate: its addresses, and the encrypted doors that a device can be sent to by name."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from schoolgate._core import CertificateUnusable
from schoolgate.config import Settings, SocketAddress
from schoolgate.config.doors import DOH_PORT, DOT_PORT, at_port
from schoolgate.doors.certificate_file import read_certificate
from schoolgate.errors import SchoolgateError
from schoolgate.firewall import place_of

DOH_PATH = "/dns-query"
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_NO_INTERFACE = ("any",)


class NotWritten(SchoolgateError):
    """A file would name what devices cannot reach, or what is not there."""


@dataclass(frozen=True)
class Addresses:
    """Of schoolgate, as text; at least one of both."""

    v4: tuple[str, ...]
    v6: tuple[str, ...]

    @property
    def every(self) -> tuple[str, ...]:
        return (*self.v4, *self.v6)


@dataclass(frozen=True)
class OwnDoor:
    """`name`: what the certificate says. `https_port`, `tls_port`: None where that door is closed."""

    name: str
    https_port: int | None
    tls_port: int | None

    @property
    def url(self) -> str | None:
        """Of DNS over HTTPS."""
        if self.https_port is None:
            return None
        port = "" if self.https_port == DOH_PORT else f":{self.https_port}"
        return f"https://{self.name}{port}{DOH_PATH}"


def addresses_of(settings: Settings, given: Sequence[str]) -> Addresses:
    """Those given, else those of the settings that devices can reach. Raises `NotWritten`, `PlaceUnclear`."""
    place = place_of(_NO_INTERFACE, given, settings)
    if place.is_example:
        raise NotWritten(
            "no setting names an address that devices can reach: say --resolver 10.1.0.53, or put it in server.listen"
        )
    return Addresses(place.v4, place.v6)


def door_of(settings: Settings, now: dt.datetime) -> OwnDoor:
    """The doors as a device is told of them. Raises `NotWritten` where it could not use one."""
    chain, key = settings.tls.certificate, settings.tls.key
    if chain is None or key is None:
        raise NotWritten("encrypted DNS is closed: name a certificate in [tls] (docs/encrypted-dns.md), then try again")
    try:
        name = read_certificate(chain, key, now).name
    except CertificateUnusable as error:
        raise NotWritten(f"no device would trust the encrypted door: {error}") from error
    # It goes into scripts as it is.
    if name is None or not _HOST.fullmatch(name):
        raise NotWritten(f"{chain}: names no host by its whole name; issue one with such as dns.school.example")
    https = _port(settings.doors.doh, settings, DOH_PORT)
    tls = _port(settings.doors.dot, settings, DOT_PORT)
    if https is None and tls is None:
        raise NotWritten("both encrypted doors are closed: take doh = [] or dot = [] out of [doors]")
    return OwnDoor(name, https, tls)


def _port(given: tuple[SocketAddress, ...] | None, settings: Settings, usual: int) -> int | None:
    open_at = at_port(settings.server.listen, usual) if given is None else given
    return next((one.port for one in open_at if one.port), None)
