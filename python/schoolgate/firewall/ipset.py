"""For iptables: two sets in the language of `ipset restore`, swapped in whole; the rules that use them stand beside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schoolgate.firewall.header import header
from schoolgate.firewall.resolvers import MOST_ADDRESSES, Network, Resolvers, text_of
from schoolgate.firewall.rule_set import ENCRYPTED_DNS_PORT, Place

SETS = (("schoolgate-resolvers4", "inet"), ("schoolgate-resolvers6", "inet6"))


def ipset(resolvers: Resolvers, place: Place) -> str:
    title = "Addresses of known resolvers, for iptables: written by `schoolgate export firewall`."
    how = (
        "Load: ipset restore < FILE   Undo: take the rules out, then ipset destroy " + " and ".join(n for n, _ in SETS),
        "The rules, once (for every interface of devices):",
        *_rules(place),
    )
    lines = header(title, how, place)
    (name4, family4), (name6, family6) = SETS
    lines += [*_filled(name4, family4, resolvers.v4), *_filled(name6, family6, resolvers.v6)]
    return "\n".join(lines) + "\n"


def _filled(name: str, family: str, networks: Sequence[Network]) -> list[str]:
    """Built aside and swapped: there is no moment in which the set is empty."""
    kind = f"hash:net family {family} maxelem {MOST_ADDRESSES} -exist"
    aside = f"{name}-new"
    return [
        f"create {name} {kind}",
        f"create {aside} {kind}",
        f"flush {aside}",
        *(f"add {aside} {text_of(one)} -exist" for one in networks),
        f"swap {aside} {name}",
        f"destroy {aside}",
    ]


def _rules(place: Place) -> Iterable[str]:
    families = ((place.v4, "iptables", "icmp-port-unreachable"), (place.v6, "ip6tables", "icmp6-port-unreachable"))
    for (name, _), (addresses, program, refused) in zip(SETS, families, strict=True):
        for interface in place.interfaces:
            forward = f"  {program} -I FORWARD -i {interface}"
            for protocol, reject in (("tcp", "tcp-reset"), ("udp", refused)):
                refuse = f"-j REJECT --reject-with {reject}"
                yield f"{forward} -p {protocol} -m set --match-set {name} dst {refuse}"
                yield f"{forward} -p {protocol} --dport {ENCRYPTED_DNS_PORT} {refuse}"
                if addresses:
                    elsewhere = f"-i {interface} -p {protocol} --dport 53 ! -d {addresses[0]}"
                    yield f"  {program} -t nat -I PREROUTING {elsewhere} -j DNAT --to-destination {addresses[0]}"
                else:
                    yield f"{forward} -p {protocol} --dport 53 {refuse}"
