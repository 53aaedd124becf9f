"""The built-in addresses on a machine without IPv6: it has no ::1, and is served over IPv4 all the same.

What a school wrote itself is taken at its word: an address that cannot be listened on is an error there.
"""

from __future__ import annotations

import errno
import socket

from schoolgate.config.settings import Settings


def on_this_machine(settings: Settings, has_ipv6: bool | None = None) -> Settings:
    """The settings, less built-in IPv6 addresses that this machine does not have."""
    if "listen" in settings.server.model_fields_set or (_has_ipv6() if has_ipv6 is None else has_ipv6):
        return settings
    listen = tuple(one for one in settings.server.listen if ":" not in one.host)
    return settings.model_copy(update={"server": settings.server.model_copy(update={"listen": listen})})


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        return error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)
    return True
