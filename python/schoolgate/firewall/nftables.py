"""For a Linux router: one nftables table, replaced in one step. Never touches other tables."""

from __future__ import annotations

from collections.abc import Iterable

from schoolgate.firewall.header import header, wrapped
from schoolgate.firewall.resolvers import Network, Resolvers, text_of
from schoolgate.firewall.rule_set import ENCRYPTED_DNS_PORT, Place

# Not the table of deploy/firewall/nftables.conf: an administrator who loaded that one keeps it.
TABLE = "schoolgate_export"


def nftables(resolvers: Resolvers, place: Place) -> str:
    title = "Devices ask schoolgate, or nobody: nftables rules, written by `schoolgate export firewall`."
    how = (
        "Check: nft -c -f FILE   Load: nft -f FILE   Undo: nft delete table inet " + TABLE,
        "Instead of deploy/firewall/nftables.conf, not beside it.",
        "schoolgate must stand in another network than the devices: it then sees each device's own address.",
    )
    lines = [
        "#!/usr/sbin/nft -f",
        *header(title, how, place),
        "",
        f"table inet {TABLE}",
        f"delete table inet {TABLE}",
        "",
        f"table inet {TABLE} {{",
        *_set("schoolgate4", "ipv4_addr", place.v4),
        *_set("schoolgate6", "ipv6_addr", place.v6),
        *_networks("resolvers4", "ipv4_addr", resolvers.v4),
        *_networks("resolvers6", "ipv6_addr", resolvers.v6),
        *_redirect(place),
        *_refuse(place),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _set(name: str, kind: str, addresses: Iterable[str]) -> list[str]:
    elements = wrapped(addresses, "            ")
    body = ["        elements = {", *elements, "        }"] if elements else []
    return [f"    set {name} {{", f"        type {kind}", *body, "    }"]


def _networks(name: str, kind: str, networks: Iterable[Network]) -> list[str]:
    head, kind_line, *rest = _set(name, kind, map(text_of, networks))
    return [head, kind_line, "        flags interval", *rest]


def _from(place: Place) -> str:
    return "iifname { " + ", ".join(f'"{one}"' for one in place.interfaces) + " }"


def _redirect(place: Place) -> list[str]:
    """Port 53 to the first address of each family; a question sent to another of ours on purpose is left alone."""
    port_53 = "meta l4proto { tcp, udp } th dport 53 counter"
    rules = []
    for version, addresses in ((4, place.v4), (6, place.v6)):
        if addresses:
            word = "ip" if version == 4 else "ip6"
            rules.append(f"{_from(place)} meta nfproto ipv{version} {port_53} dnat {word} to {addresses[0]}")
    return [
        "    chain redirect_dns {",
        "        type nat hook prerouting priority dstnat; policy accept;",
        "        ip daddr @schoolgate4 accept",
        "        ip6 daddr @schoolgate6 accept",
        *(f"        {rule}" for rule in rules),
        "    }",
    ]


def _refuse(place: Place) -> list[str]:
    reset, unreachable = "reject with tcp reset", "reject with icmpx port-unreachable"
    port = ENCRYPTED_DNS_PORT
    rules = [f"tcp dport {port} counter {reset}", f"udp dport {port} counter {unreachable}"]
    rules += [f"{word} {rule}" for word in ("ip daddr @schoolgate4", "ip6 daddr @schoolgate6") for rule in ("accept",)]
    # What the redirect could not catch: a family in which schoolgate has no address would be the way out.
    rules += [f"tcp dport 53 counter {reset}", f"udp dport 53 counter {unreachable}"]
    for word in ("ip daddr @resolvers4", "ip6 daddr @resolvers6"):
        rules += [f"{word} meta l4proto tcp counter {reset}", f"{word} meta l4proto udp counter {unreachable}"]
    return [
        "    chain refuse_other_resolvers {",
        "        # Before the router's own filter, so that a broad accept there does not decide first.",
        "        type filter hook forward priority filter - 5; policy accept;",
        *(f"        {_from(place)} {rule}" for rule in rules),
        "    }",
    ]
