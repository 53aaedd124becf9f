"""Which host names are ours. Requests for others are refused (421, RFC 9110 section 15.5.20).

A page of the attacker's whose name resolves to our address (DNS rebinding) sends its own name; so does a request with a
foreign Host header.
"""

from __future__ import annotations

import ipaddress
import re

from schoolgate.config.web_listener import WebListener

# Host = uri-host [ ":" port ], RFC 9110 section 7.2.
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253}?)\.?(:[0-9]{1,5})?")
_ON_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "[::1]"})


def served_hosts(site: WebListener) -> frozenset[str]:
    """The configured names, the address itself unless it is a wildcard, and on loopback its usual names."""
    hosts = set(site.names)
    address = ipaddress.ip_address(site.address)
    if not address.is_unspecified:
        hosts.add(f"[{address}]" if address.version == 6 else str(address))
    if address.is_loopback:
        hosts |= _ON_THIS_MACHINE
    return frozenset(hosts)


def is_served(host: str, hosts: frozenset[str]) -> bool:
    """Whether a Host header names one of `hosts`. The port is not compared: a reverse proxy has its own."""
    found = _HOST.fullmatch(host.lower())
    return found is not None and found["name"] in hosts
