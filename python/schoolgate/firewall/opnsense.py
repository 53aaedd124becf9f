"""For OPNsense: aliases as its own import reads them (Firewall: Aliases: upload). The rules are made by hand.

The shape is that of its alias import: {"aliases": {"alias": {uuid: {field: text}}}}, found again by name, so that a
later import renews an alias instead of adding one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

import orjson

from schoolgate.firewall.resolvers import Resolvers, text_of
from schoolgate.firewall.rule_set import ENCRYPTED_DNS_PORT, Place

# Alias ids are ours and stay the same from export to export.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "schoolgate:opnsense-alias")
DESCRIPTION = "known DNS resolvers: refuse TCP and UDP to them. DoH elsewhere, VPN and proxies are not stopped by this"


def opnsense(resolvers: Resolvers, place: Place) -> str:
    aliases = {
        **_alias("schoolgate_server", "host", place.resolvers, "schoolgate: the only DNS server for devices"),
        **_alias("schoolgate_resolvers", "network", map(text_of, resolvers.all), DESCRIPTION),
        **_alias(
            "schoolgate_encrypted_dns", "port", (str(ENCRYPTED_DNS_PORT),), "DNS over TLS and QUIC: refuse TCP and UDP"
        ),
    }
    return orjson.dumps({"aliases": {"alias": aliases}}, option=orjson.OPT_INDENT_2).decode() + "\n"


def _alias(name: str, kind: str, content: Iterable[str], description: str) -> dict[str, dict[str, str]]:
    fields = {
        "enabled": "1",
        "name": name,
        "type": kind,
        "content": "\n".join(content),
        "description": description,
    }
    return {str(uuid.uuid5(_NAMESPACE, name)): fields}
