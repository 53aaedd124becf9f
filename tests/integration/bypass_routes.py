"""Every way round a block that we can think of: what is sent, from where, and what must be heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.integration.bypass_packets import (
    AAAA,
    ANY,
    CAA,
    CNAME,
    DNSKEY,
    DS,
    HTTPS,
    MX,
    NAPTR,
    NS,
    NULL,
    PTR,
    SOA,
    SRV,
    SVCB,
    TXT,
    A,
    opt,
    option,
    query,
    question,
    wire,
)
from tests.integration.bypass_upstream import BLOCKED, KEYS, OPEN

# Who asks: each a segment of the policy below; STRANGER is in none.
PUPIL, STAFF, EXAM, YOUNG, PLAIN, STRANGER = (f"127.0.0.{at}" for at in (1, 2, 3, 4, 5, 99))
WHO = {PUPIL: "pupil", STAFF: "staff", EXAM: "exam", YOUNG: "young", PLAIN: "no HTTPS", STRANGER: "unknown device"}

POLICY = """\
format = 1
allowed_clients = ["127.0.0.0/8"]
private_addresses = ["school.example"]
strictest = "pupil"
strictest_may_be_looser = "an examination opens one lesson's name"

[policies.trust]
deny = ["bücher.example", "denied.example"]

[policies.trust.locked]
categories = { malware = "deny" }
deny = ["locked.example"]

[policies.pupil]
extends = "trust"
max_ttl_s = 60
allow = ["own.example", "www.google.com"]

[policies.pupil.categories]
gambling = "deny"
games = "allow"
search-unsafe = "deny"
circumvention-encrypted-dns = "deny"
circumvention-private-relay = "deny"

[policies.pupil.safesearch]
google = true
bing = true
duckduckgo = true
brave = true
ecosia = true
pixabay = true
qwant = true
yandex = true
youtube = "strict"

[policies.young]
extends = "pupil"
safesearch = { youtube = "moderate" }

[policies.exam]
extends = "pupil"
unknown = "deny"
allow = ["lesson.example"]

[policies.staff]
extends = "trust"
categories = { circumvention-private-relay = "allow", circumvention-encrypted-dns = "allow" }

[segments.pupils]
prefixes = ["127.0.0.1/32"]
policy = "pupil"
ech = "strip"

[segments.staff]
prefixes = ["127.0.0.2/32"]
policy = "staff"

[segments.exams]
prefixes = ["127.0.0.3/32"]
policy = "exam"

[segments.young]
prefixes = ["127.0.0.4/32"]
policy = "young"
ech = "strip-hints"

[segments.plain]
prefixes = ["127.0.0.5/32"]
policy = "staff"
ech = "nodata"
"""


@dataclass(frozen=True)
class Route:
    """One way: how it is called, what is sent, what must be heard. `first`: who asks the same before, so that it is in
    the cache. `pieces`: the packet comes by TCP in pieces; `behind`: by TCP, right behind another query."""

    area: str
    way: str
    asked: str
    packet: bytes
    wanted: str
    client: str = PUPIL
    tcp: bool = False
    pieces: bool = False
    behind: bool = False
    first: str | None = None


DENIED = "NXDOMAIN, EDE 15 gambling"
OWN_DENY = "NXDOMAIN, EDE 15 own-list"
LOCK = "NXDOMAIN, EDE 15 trust-locked"
ENCRYPTED = "NXDOMAIN, EDE 15 circumvention-encrypted-dns"
PRIVATE = "NXDOMAIN, EDE 15 private address"
ADDRESS, ADDRESS6 = "203.0.113.7", "2001:db8::7"
TYPES = {
    AAAA: "AAAA", HTTPS: "HTTPS", SVCB: "SVCB", TXT: "TXT", MX: "MX", NS: "NS", SOA: "SOA", CNAME: "CNAME", PTR: "PTR",
    SRV: "SRV", NAPTR: "NAPTR", CAA: "CAA", DS: "DS", DNSKEY: "DNSKEY", NULL: "NULL", ANY: "ANY", 65280: "TYPE65280",
}  # fmt: skip
NAMES = {A: "A"} | TYPES


def plain(area: str, way: str, name: str, wanted: str, qtype: int = A, client: str = PUPIL) -> Route:
    """An ordinary query."""
    return Route(area, way, f"{name} {NAMES[qtype]}", query(question(name, qtype)), wanted, client)


def odd(area: str, way: str, asked: str, packet: bytes, wanted: str) -> Route:
    """A packet that is described rather than written."""
    return Route(area, way, asked, packet, wanted)


def spelling() -> Iterator[Route]:
    area = "spelling"
    yield plain(area, "the name itself", BLOCKED, DENIED)
    yield plain(area, "mixed case", "gAmBlInG.bLoCkEd.ExAmPlE.cOm", DENIED)
    yield plain(area, "upper case", BLOCKED.upper(), DENIED)
    yield plain(area, "dot at the end", f"{BLOCKED}.", DENIED)
    yield plain(area, "www in front", f"www.{BLOCKED}", DENIED)
    yield plain(area, "far below", f"a.b.c.d.e.f.g.h.{BLOCKED}", DENIED)
    yield plain(area, "an asterisk in front", f"*.{BLOCKED}", DENIED)
    yield plain(area, "an underscore name below", f"_443._tcp.{BLOCKED}", DENIED)
    deep = ".".join(["a"] * 110) + f".{BLOCKED}"
    yield odd(area, "110 labels below", f"a.a.a(…).{BLOCKED} A", query(question(deep)), DENIED)
    yield plain(area, "name of the school's own deny list", "www.denied.example", OWN_DENY)
    yield plain(area, "international name, as A-label", "xn--bcher-kva.example", OWN_DENY)
    yield plain(area, "the same, below and upper case", "WWW.XN--BCHER-KVA.EXAMPLE", OWN_DENY)
    yield plain(area, "a dot inside a label: another name", "gambling\\046blocked.example.com", ADDRESS)
    yield plain(area, "a zero octet in a label: another name", "gambling\\000.blocked.example.com", ADDRESS)
    yield plain(area, "Cyrillic look-alike: another name", "xn--gmbling-2fg.blocked.example.com", ADDRESS)
    yield plain(area, "letters in front: another name", "xgambling.blocked.example.com", ADDRESS)
    yield plain(area, "the name above is not denied", "blocked.example.com", ADDRESS)
    label = b"\x40" + b"a" * 64 + wire("example.com")
    yield odd(area, "label of 64 octets", "(a, 64 times).example.com A", query(question(label)), "FORMERR")
    long = b"".join(b"\x3f" + b"a" * 63 for _ in range(4)) + b"\0"
    yield odd(area, "name of 257 octets", "four labels of 63 octets", query(question(long)), "FORMERR")
    yield plain(area, "no domain at all", "gambling", "NXDOMAIN")


def types() -> Iterator[Route]:
    for qtype, word in TYPES.items():
        yield plain("type", word, BLOCKED, DENIED, qtype)
    yield plain("type", "ANY of an open name: minimal answer", OPEN, '"RFC8482" ""', ANY)
    for number, word, wanted in ((252, "AXFR", "REFUSED"), (251, "IXFR", "REFUSED"), (0, "0", "FORMERR"),
                                 (41, "OPT", "FORMERR"), (249, "TKEY", "NOTIMP")):  # fmt: skip
        yield odd("type", word, f"{BLOCKED} {word}", query(question(BLOCKED, number)), wanted)


def header() -> Iterator[Route]:
    for number, word in ((3, "CH"), (4, "HS"), (254, "NONE"), (255, "ANY")):
        packet = query(question(BLOCKED, A, number))
        yield odd("class", word, f"{BLOCKED} {word} A", packet, "REFUSED")
    for number, word in ((1, "IQUERY"), (2, "STATUS"), (4, "NOTIFY"), (5, "UPDATE"), (6, "DSO")):
        packet = query(question(BLOCKED), flags=0x0100 | number << 11)
        yield odd("opcode", word, f"{BLOCKED} A", packet, "NOTIMP")
    for flags, word in ((0x0110, "CD: do not validate"), (0x0120, "AD"), (0x0000, "no RD"), (0x0140, "Z"),
                        (0x0500, "AA"), (0x0300, "TC"), (0x0180, "RA")):  # fmt: skip
        yield odd("flag", word, f"{BLOCKED} A", query(question(BLOCKED), flags=flags), DENIED)
    yield odd("flag", "no RD, and not in the cache", "uncached.example.org A",
              query(question("uncached.example.org"), flags=0), "REFUSED")  # fmt: skip
    yield odd("flag", "QR: a response", f"{BLOCKED} A", query(question(BLOCKED), flags=0x8100), "no answer")


def edns() -> Iterator[Route]:
    def asked(way: str, *additional: bytes, wanted: str = DENIED) -> Route:
        return odd("EDNS", way, f"{BLOCKED} A", query(question(BLOCKED), additional=additional), wanted)

    subnet = option(8, b"\0\1\x20\0\x7f\0\0\2")
    yield asked("none: no extended error either", wanted="NXDOMAIN")
    yield asked("version 1", opt(version=1), wanted="BADVERS")
    yield asked("DO", opt(flags=0x8000))
    yield asked("client subnet of a staff device", opt(subnet))
    yield asked("padding", opt(option(12, bytes(64))))
    yield asked("cookie", opt(option(10, b"12345678")))
    yield asked("cookie of a wrong length", opt(option(10, b"123")), wanted="FORMERR")
    yield asked("unknown option", opt(option(65001, b"let me in")))
    yield asked("buffer size 0", opt(size=0))
    yield asked("buffer size 65535", opt(size=65535))
    yield asked("two OPT records", opt(), opt(), wanted="FORMERR")
    yield asked("option longer than the record", opt(b"\0\x0c\xff\xff"), wanted="FORMERR")
    yield asked("a record of its own answer", wire(BLOCKED) + b"\0\1\0\1\0\0\1\x2c\0\4\xcb\0\x71\x09", wanted="FORMERR")


def structure() -> Iterator[Route]:
    area = "packet"
    both = [question(OPEN), question(BLOCKED)]
    yield odd(area, "two questions, the second blocked", f"{OPEN} A, {BLOCKED} A", query(both), "FORMERR")
    yield odd(area, "no question", "QDCOUNT 0", query([]), "FORMERR")
    counts = (2, 0, 0, 1)
    yield odd(area, "two counted, one there", f"{BLOCKED} A", query(question(BLOCKED), counts=counts), "FORMERR")
    pointer = wire("gambling")[:-1] + b"\xc0\x0c"
    yield odd(area, "compression pointer in the question", "gambling.(pointer) A", query(question(pointer)), "FORMERR")
    yield odd(area, "octets behind the query", f"{BLOCKED} A + 4", query(question(BLOCKED), behind=b"junk"), "FORMERR")
    cut = query(question(BLOCKED), additional=())[:-2]
    yield odd(area, "cut off in the question", f"{BLOCKED}", cut, "FORMERR")
    yield odd(area, "less than a header", "11 octets", query(question(BLOCKED))[:11], "no answer")


def transport() -> Iterator[Route]:
    one = plain("transport", "TCP", BLOCKED, DENIED)
    yield replace(one, tcp=True)
    yield replace(one, way="TCP, in pieces of seven octets", tcp=True, pieces=True)
    behind = "TCP, right behind a query for an open name"
    yield replace(one, way=behind, tcp=True, behind=True)
    large = plain("transport", "alias in an answer too large for UDP", "large.example.org", DENIED, TXT)
    yield large
    yield replace(large, way="the same by TCP", tcp=True)
    yield replace(one, way="a device in no segment: strictest policy", client=STRANGER)


def chains() -> Iterator[Route]:
    area = "alias"
    for name, way in (
        ("alias", "CNAME to it"), ("alias-below", "CNAME to a name below it"), ("alias-first", "first of two links"),
        ("alias-middle", "in the middle of three"), ("alias-last", "at the end of four"),
        ("alias-only", "CNAME without an address"), ("alias-upper", "target in upper case"),
    ):  # fmt: skip
        yield plain(area, way, f"{name}.example.org", DENIED)
    yield plain(area, "question for the CNAME itself", "alias.example.org", DENIED, CNAME)
    yield plain(area, "text behind an alias", "alias-text.example.org", DENIED, TXT)
    yield plain(area, "DNAME that makes the name", "gambling.dname.example.org", DENIED)
    yield plain(area, "HTTPS, AliasMode", "https-alias.example.org", DENIED, HTTPS)
    yield plain(area, "HTTPS, TargetName", "https-target.example.org", DENIED, HTTPS)
    yield plain(area, "HTTPS, the second record", "https-second.example.org", DENIED, HTTPS)
    yield plain(area, "HTTPS behind a CNAME", "https-chain.example.org", DENIED, HTTPS)
    yield plain(area, "SVCB, TargetName", "_dns.svcb-target.example.org", DENIED, SVCB)
    opens = f"CNAME {BLOCKED}.; 203.0.113.9"
    yield plain(area, "from a name that the school allows: it vouches", "to-blocked.own.example", opens)
    yield plain(area, "from it to a locked name", "to-locked.own.example", LOCK)
    yield plain(area, "from it to a sealed name", "to-sealed.own.example", "NXDOMAIN, EDE 16")
    yield plain(area, "from a name that a list opens: it does not vouch", "games.blocked.example.com", DENIED)


def addresses() -> Iterator[Route]:
    area = "resolver address"
    yield plain(area, "A 8.8.8.8", "to-resolver.example.org", ENCRYPTED)
    yield plain(area, "AAAA 2606:4700:4700::1111", "to-resolver.example.org", ENCRYPTED, AAAA)
    yield plain(area, "IPv4-mapped", "to-mapped.example.org", ENCRYPTED, AAAA)
    yield plain(area, "NAT64", "to-nat64.example.org", ENCRYPTED, AAAA)
    yield plain(area, "one of three", "to-several.example.org", ENCRYPTED)
    yield plain(area, "ipv4hint", "hint4.example.org", ENCRYPTED, HTTPS)
    yield plain(area, "ipv6hint", "hint6.example.org", ENCRYPTED, HTTPS)
    yield plain(area, "staff may", "to-resolver.example.org", "8.8.8.8", A, STAFF)
    yield plain(area, "at a name that the school allows", "doh.own.example", "8.8.8.8")
    yield plain(area, "its reverse name is a question like any other", "8.8.8.8.in-addr.arpa", "dns.google.", PTR)
    area = "private address"
    for name, qtype, way in (
        ("ten", A, "10.0.0.1"), ("loopback", A, "127.0.0.1"), ("loopback", AAAA, "::1"), ("zero", A, "0.0.0.0"),
        ("zero", AAAA, "::"), ("link-local", A, "169.254.169.254"), ("link-local", AAAA, "fe80::1"),
        ("shared", A, "100.64.0.1"), ("unique-local", AAAA, "fd00::1"), ("mapped-private", AAAA, "IPv4-mapped"),
        ("nat64-private", AAAA, "NAT64"), ("hint-private", HTTPS, "ipv4hint"),
    ):  # fmt: skip
        yield plain(area, way, f"{name}.example.org", PRIVATE, qtype)
    yield plain(area, "to staff no more than to pupils", "ten.example.org", PRIVATE, A, STAFF)
    yield plain(area, "at a name that the school allows", "intranet.own.example", PRIVATE)
    yield plain(area, "alias to a name that may", "to-school.example.org", PRIVATE)
    yield plain(area, "a name that may (private_addresses)", "www.school.example", "10.0.0.2")
    yield plain(area, "a zone of the school's own server (forward_zones)", "pc.corp.example", "10.0.0.3")
    yield plain(area, "a local zone", "printer.lan.example", "10.0.0.9")


def lies() -> Iterator[Route]:
    area = "lying forwarder"
    yield plain(area, "another name's record beside the answer", "beside.example.org", ADDRESS)
    yield plain(area, "and that name is not poisoned by it", "poisoned.example.org", ADDRESS)
    yield plain(area, "answer for another owner alone", "liar.example.org", "NODATA")
    yield plain(area, "DNAME beside the question's tree", "dname.example.org", "NODATA")
    for way, name, qtype, wanted in (
        ("what staff had asked: the name", BLOCKED, A, DENIED),
        ("what staff had asked: an alias", "cached-alias.example.org", A, DENIED),
        ("what staff had asked: an address", "cached-address.example.org", A, ENCRYPTED),
        ("what staff had asked: a search engine", "www.bing.com", A, "CNAME strict.bing.com.; 203.0.113.14, EDE 4"),
    ):
        yield replace(plain("cache", way, name, wanted, qtype), first=STAFF)


def safesearch() -> Iterator[Route]:
    area = "SafeSearch"

    def locked(target: str, data: str = "") -> str:
        return f"CNAME {target}." + (f"; {data}" if data else "") + ", EDE 4"

    google, strict = "forcesafesearch.google.com", "restrict.youtube.com"
    yield plain(area, "Google, which the school allows besides", "www.google.com", locked(google, "203.0.113.11"))
    yield plain(area, "Google, AAAA", "www.google.com", locked(google, "2001:db8::11"), AAAA)
    yield plain(area, "Google, HTTPS: nothing of the original", "www.google.com", locked(google), HTTPS)
    yield plain(area, "Google, SVCB", "www.google.com", locked(google), SVCB)
    for name in ("www.google.de", "www.google.co.uk", "www.google.com.af", "google.com", "images.google.fr",
                 "ipv6.google.com", "encrypted.google.com"):  # fmt: skip
        yield plain(area, "Google, another name", name, locked(google, "203.0.113.11"))
    for name in ("www.youtube.com", "m.youtube.com", "youtubei.googleapis.com", "youtube.googleapis.com",
                 "www.youtube-nocookie.com"):  # fmt: skip
        yield plain(area, "YouTube strict", name, locked(strict, "203.0.113.12"))
    yield plain(area, "YouTube strict, HTTPS", "www.youtube.com", locked(strict), HTTPS)
    moderate = locked("restrictmoderate.youtube.com", "203.0.113.13")
    yield plain(area, "YouTube moderate, same cache", "www.youtube.com", moderate, A, YOUNG)
    yield plain(area, "YouTube off", "www.youtube.com", "203.0.113.99", A, STAFF)
    for name in ("www.bing.com", "bing.com", "edgeservices.bing.com"):
        yield plain(area, "Bing", name, locked("strict.bing.com", "203.0.113.14"))
    yield plain(area, "Bing, AAAA: the target has none", "www.bing.com", locked("strict.bing.com"), AAAA)
    for name in ("duckduckgo.com", "start.duckduckgo.com", "duck.com"):
        yield plain(area, "DuckDuckGo", name, locked("safe.duckduckgo.com", "203.0.113.15"))
    https = locked("safe.duckduckgo.com", '1 . alpn="h2"')
    yield plain(area, "DuckDuckGo, HTTPS: the target's own", "duckduckgo.com", https, HTTPS)
    brave = locked("forcesafe.search.brave.com", "203.0.113.16")
    yield plain(area, "Brave", "search.brave.com", brave)
    yield plain(area, "Ecosia", "www.ecosia.org", locked("strict-safe-search.ecosia.org", ADDRESS))
    yield plain(area, "Qwant", "api.qwant.com", locked("safeapi.qwant.com", ADDRESS))
    yield plain(area, "Pixabay", "pixabay.com", locked("safesearch.pixabay.com", ADDRESS))
    yield plain(area, "Yandex", "yandex.com", locked("familysearch.yandex.ru", ADDRESS))
    unsafe = "NXDOMAIN, EDE 15 search-unsafe"
    yield plain(area, "an engine that cannot be locked", "www.startpage.com", unsafe)
    yield plain(area, "a door beside the lock", "html.duckduckgo.com", unsafe)


def special() -> Iterator[Route]:
    area = "special name"
    for qtype in (A, AAAA, HTTPS):
        yield plain(area, "Firefox's canary", "use-application-dns.net", "NXDOMAIN", qtype)
    yield plain(area, "below it", "www.use-application-dns.net", "NXDOMAIN")
    for name in ("mask.icloud.com", "mask-h2.icloud.com", "mask-canary.icloud.com"):
        yield plain(area, "Private Relay's canary", name, "NXDOMAIN")
    yield plain(area, "Private Relay's canary, HTTPS", "mask.icloud.com", "NXDOMAIN", HTTPS)
    yield plain(area, "staff, whose policy allows it", "mask.icloud.com", ADDRESS, A, STAFF)
    relay = "NXDOMAIN, EDE 15 circumvention-private-relay"
    yield plain(area, "Private Relay's set-up", "mask-api.icloud.com", relay)
    yield plain(area, "Private Relay's servers", "mask.apple-dns.net", relay)
    yield plain(area, "Chrome's canary for pages loaded in advance", "dns-tunnel-check.googlezip.net", "NXDOMAIN")
    yield plain(area, "Chrome's proxy for pages loaded in advance", "tunnel.googlezip.net", relay)
    yield plain(area, "Apple's encrypted DNS", "doh.dns.apple.com", ENCRYPTED)
    yield plain(area, "Google's encrypted DNS", "dns.google", ENCRYPTED)
    yield plain(area, "Cloudflare's for Firefox", "mozilla.cloudflare-dns.com", ENCRYPTED, HTTPS)
    yield plain(area, "discovery of our own endpoints (DDR)", "_dns.resolver.arpa", "NODATA", SVCB)
    yield plain(area, "resolver.arpa", "resolver.arpa", "NODATA")
    yield plain(area, "a name that only ends like it", "evilresolver.arpa", ADDRESS)
    yield plain(area, "Tor", "abcdef.onion", "NXDOMAIN")
    yield plain(area, "reverse of a private address", "1.0.0.10.in-addr.arpa", "NXDOMAIN", PTR)
    yield plain(area, "localhost", "localhost", "127.0.0.1")


def policy() -> Iterator[Route]:
    area = "allow list only"
    yield plain(area, "a name on no list", OPEN, "NXDOMAIN, EDE 15 unknown", A, EXAM)
    opened = "CNAME cdn.example.net.; 203.0.113.9"
    yield plain(area, "a lesson, at an unlisted host", "lesson.example", opened, A, EXAM)
    yield plain(area, "that host itself", "cdn.example.net", "NXDOMAIN, EDE 15 unknown", A, EXAM)
    yield plain(area, "a locked name", "www.locked.example", LOCK, A, EXAM)
    area = "ECH"
    stripped = '1 . mandatory="alpn" alpn="h2" ipv4hint="203.0.113.1" ipv6hint="2001:db8::1"'
    whole = f'1 . mandatory="alpn,ech" alpn="h2" ipv4hint="203.0.113.1" {KEYS} ipv6hint="2001:db8::1"'
    yield plain(area, "strip", "keys.example.org", stripped, HTTPS)
    yield plain(area, "strip, type SVCB", "_dns.keys.example.org", '1 . alpn="dot"', SVCB)
    yield plain(area, "strip-hints", "keys.example.org", '1 . mandatory="alpn" alpn="h2"', HTTPS, YOUNG)
    yield plain(area, "nodata", "keys.example.org", "NODATA", HTTPS, PLAIN)
    yield plain(area, "pass, same cache", "keys.example.org", whole, HTTPS, STAFF)
    yield plain(area, "unknown device: as the strictest segment", "keys.example.org", "NODATA", HTTPS, STRANGER)


def all_routes() -> list[Route]:
    """In the order of the page. Each is asked once, so none finds what another left, but where it says so."""
    parts = (spelling, types, header, edns, structure, transport, chains, addresses, lies, safesearch, special, policy)
    return [route for part in parts for route in part()]
