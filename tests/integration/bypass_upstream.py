"""A forwarder with an answer for every route round a block: chains, lies, hints, addresses: each as its text says.

A name that has no text of its own has one address, 203.0.113.7 and 2001:db8::7, and nothing else.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
from tests.failures.upstream import Upstream

# Denied to pupils by category; to nobody; by the trust's lock; by a sealed list. Allowed by the school.
BLOCKED, OPEN, LOCKED, SEALED = (
    "gambling.blocked.example.com",
    "open.example.org",
    "locked.example",
    "sealed.example.net",
)
# An ECHConfigList of one configuration of an invented kind (RFC 9849 section 4).
KEYS = 'ech="AAj+DQAEa2V5cw=="'
ALIASES = (dns.rdatatype.CNAME, dns.rdatatype.DNAME)
SOA = "ns.example.org. host.example.org. 1 3600 600 86400 60"


def chain(*names: str, end: str = "A 203.0.113.9") -> str:
    """Each name is an alias of the next; the last has `end`."""
    links = [f"{name}. 300 IN CNAME {to}." for name, to in itertools.pairwise(names)]
    return "\n".join([*links, f"{names[-1]}. 300 IN {end}"])


def own(name: str, *data: str) -> str:
    """Records of the name itself."""
    return "\n".join(f"{name}. 300 IN {one}" for one in data)


def _search(name: str) -> str:
    """A search engine as its owner publishes it: addresses, hints that lead past a lock, keys that hide the visit."""
    hints = f'HTTPS 1 . alpn="h2,h3" ipv4hint=203.0.113.99 {KEYS} ipv6hint=2001:db8::99'
    return own(name, "A 203.0.113.99", "AAAA 2001:db8::99", hints)


def _safe(name: str, last: int) -> str:
    return own(name, f"A 203.0.113.{last}", f"AAAA 2001:db8::{last}")


CHAINS = (
    chain("alias.example.org", BLOCKED),
    chain("alias-below.example.org", f"cdn.{BLOCKED}"),
    chain("alias-first.example.org", BLOCKED, "cdn.example.net"),
    chain("alias-middle.example.org", "one.example.net", BLOCKED, "two.example.net"),
    chain("alias-last.example.org", "one.example.net", "two.example.net", "three.example.net", BLOCKED),
    f"alias-only.example.org. 300 IN CNAME {BLOCKED}.",
    chain("alias-upper.example.org", BLOCKED.upper()),
    chain("alias-text.example.org", BLOCKED, end='TXT "where to go"'),
    f"dname.example.org. 300 IN DNAME blocked.example.com.\n{BLOCKED}. 300 IN A 203.0.113.9",
    f"www.owner.example.org. 300 IN CNAME {BLOCKED}.\nowner.example.org. 300 IN A 203.0.113.9",
    chain("to-locked.own.example", LOCKED),
    chain("to-blocked.own.example", BLOCKED),
    chain("to-sealed.own.example", SEALED),
    chain("games.blocked.example.com", BLOCKED),
    own("https-alias.example.org", f"HTTPS 0 {BLOCKED}."),
    own("https-target.example.org", f'HTTPS 1 {BLOCKED}. alpn="h2"'),
    own("_dns.svcb-target.example.org", f'SVCB 1 {BLOCKED}. alpn="dot"'),
    chain("https-chain.example.org", "one.example.net", end=f'HTTPS 1 {BLOCKED}. alpn="h2"'),
    own("https-second.example.org", 'HTTPS 1 . alpn="h2"', f'HTTPS 2 {BLOCKED}. alpn="h2"'),
    chain("large.example.org", BLOCKED, end='TXT "' + "x" * 250 + '"'),
)
ADDRESSES = (
    own("to-resolver.example.org", "A 8.8.8.8", "AAAA 2606:4700:4700::1111"),
    own("to-mapped.example.org", "AAAA ::ffff:8.8.8.8"),
    own("to-nat64.example.org", "AAAA 64:ff9b::8.8.8.8"),
    own("to-several.example.org", "A 203.0.113.1", "A 1.1.1.1", "A 203.0.113.2"),
    own("hint4.example.org", "HTTPS 1 . ipv4hint=203.0.113.1,9.9.9.9"),
    own("hint6.example.org", "HTTPS 1 . ipv6hint=2620:fe::fe"),
    own("doh.own.example", "A 8.8.8.8"),
    own("8.8.8.8.in-addr.arpa", "PTR dns.google."),
    own("ten.example.org", "A 10.0.0.1"),
    own("loopback.example.org", "A 127.0.0.1", "AAAA ::1"),
    own("zero.example.org", "A 0.0.0.0", "AAAA ::"),
    own("link-local.example.org", "A 169.254.169.254", "AAAA fe80::1"),
    own("shared.example.org", "A 100.64.0.1"),
    own("unique-local.example.org", "AAAA fd00::1"),
    own("mapped-private.example.org", "AAAA ::ffff:192.168.1.1"),
    own("nat64-private.example.org", "AAAA 64:ff9b::192.168.1.1"),
    own("hint-private.example.org", "HTTPS 1 . ipv4hint=192.168.1.1"),
    chain("to-school.example.org", "www.school.example", end="A 10.0.0.2"),
    own("www.school.example", "A 10.0.0.2"),
    own("pc.corp.example", "A 10.0.0.3"),
    own("intranet.own.example", "A 10.0.0.4"),
    own(
        "keys.example.org", f'HTTPS 1 . mandatory="alpn,ech" alpn="h2" ipv4hint=203.0.113.1 {KEYS} ipv6hint=2001:db8::1'
    ),
    own("_dns.keys.example.org", f'SVCB 1 . alpn="dot" {KEYS}'),
    own("beside.example.org", "A 203.0.113.7") + "\npoisoned.example.org. 300 IN A 203.0.113.66",
    "elsewhere.example.org. 300 IN A 203.0.113.66",
    own("cached-alias.example.org", f"CNAME {BLOCKED}.") + f"\n{BLOCKED}. 300 IN A 203.0.113.9",
    own("cached-address.example.org", "A 8.8.4.4"),
    f"stale-alias.example.org. 1 IN CNAME {BLOCKED}.\n{BLOCKED}. 1 IN A 203.0.113.9",
    chain("lesson.example", "cdn.example.net", end="A 203.0.113.9"),
)
ENGINES = ("www.google.com", "www.youtube.com", "www.bing.com", "duckduckgo.com", "search.brave.com")
SEARCH = (
    *map(_search, ENGINES),
    _safe("forcesafesearch.google.com", 11),
    _safe("restrict.youtube.com", 12),
    _safe("restrictmoderate.youtube.com", 13),
    own("strict.bing.com", "A 203.0.113.14"),
    _safe("safe.duckduckgo.com", 15) + '\nsafe.duckduckgo.com. 300 IN HTTPS 1 . alpn="h2"',
    _safe("forcesafe.search.brave.com", 16),
)
# By the name that is asked, or for a DNAME the name the text begins with.
SAYS = {text.split(". ", 1)[0]: text for text in (*CHAINS, *ADDRESSES, *SEARCH)}
SAYS["gambling.dname.example.org"] = SAYS["dname.example.org"]
SAYS["liar.example.org"] = SAYS["elsewhere.example.org"]
# The record under another owner's name comes in the answer and in the additional section too.
ADDITIONAL = {"beside.example.org": "poisoned.example.org. 300 IN A 203.0.113.66"}


class BypassUpstream(Upstream):
    """Answers as the texts say. `is_dead` says nothing."""

    def _replies(self, query: bytes) -> Sequence[bytes]:
        if self.is_dead:
            return ()
        return [answered(query)]


def answered(query: bytes) -> bytes:
    """The reply to one query."""
    message = dns.message.from_wire(query)
    question = message.question[0]
    reply = dns.message.make_response(message, recursion_available=True)
    name = question.name.to_text().lower().removesuffix(".")
    text = SAYS.get(name) or own(name, "A 203.0.113.7", "AAAA 2001:db8::7") if name.isascii() else ""
    wanted = (*ALIASES, question.rdtype)
    reply.answer = [one for one in _rrsets(text) if one.rdtype in wanted]
    if all(one.rdtype != question.rdtype for one in reply.answer):
        # Of the root itself is asked whether we live.
        zone = question.name if question.name == dns.name.root else question.name.parent()
        soa = dns.rrset.from_text(zone, 60, "IN", "SOA", SOA)
        reply.authority = [soa]
    reply.additional = _rrsets(ADDITIONAL.get(name, ""))
    return reply.to_wire(max_size=65535)


def _rrsets(text: str) -> list[dns.rrset.RRset]:
    """The records in their order, those of one owner and type together."""
    found: list[dns.rrset.RRset] = []
    for line in text.splitlines():
        owner, ttl, rclass, rtype, data = line.split(" ", 4)
        one = dns.rrset.from_text(owner, int(ttl), rclass, rtype, data)
        same = next((each for each in found if (each.name, each.rdtype) == (one.name, one.rdtype)), None)
        if same is None:
            found.append(one)
        else:
            same.update(one)
    return found
