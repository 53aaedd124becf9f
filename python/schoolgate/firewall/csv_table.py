"""For any other firewall: the rules as a table, first match wins, to type in or to have a program read (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from schoolgate.firewall.resolvers import Resolvers, text_of
from schoolgate.firewall.rule_set import ENCRYPTED_DNS_PORT, Place

COLUMNS = ("interface", "action", "family", "protocol", "destination", "port", "why")


def csv_table(resolvers: Resolvers, place: Place) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for interface in place.interfaces:
        writer.writerows((interface, *row) for row in _rules(resolvers, place))
    return text.getvalue()


def _rules(resolvers: Resolvers, place: Place) -> Iterator[tuple[str, ...]]:
    for address in place.resolvers:
        for protocol in ("udp", "tcp"):
            yield "allow", _family(address), protocol, address, "53", "schoolgate"
    for family in ("ipv4", "ipv6"):
        for protocol in ("udp", "tcp"):
            yield "deny", family, protocol, "any", "53", "another DNS server; redirect to schoolgate where possible"
        yield "deny", family, "tcp", "any", str(ENCRYPTED_DNS_PORT), "DNS over TLS"
        yield "deny", family, "udp", "any", str(ENCRYPTED_DNS_PORT), "DNS over QUIC"
    for network in resolvers.all:
        address = text_of(network)
        for protocol in ("tcp", "udp"):
            yield "deny", _family(address), protocol, address, "any", "known DNS resolver: DNS over HTTPS and others"


def _family(address: str) -> str:
    return "ipv6" if ":" in address else "ipv4"
