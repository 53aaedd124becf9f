"""Zone text: what is right is read to the octet, what is wrong is named by its line."""

import dnslib
import pytest

from schoolgate.policy.zone_text import parse_zone_text

RIGHT = """
$ORIGIN school.example.
$TTL 1h
@       IN SOA ns hostmaster ( 2026112301 ; serial
                               1d 2h 4w 300 )
        IN NS  ns
ns      300 IN A 192.0.2.53
        AAAA 2001:db8::53
printer A 10.0.0.9 ; by the door
Bücher  IN 60 CNAME www.example.org.
mail    MX 10 mx
_ldap._tcp 5m SRV 0 100 389 dc1.corp.example.
text    TXT "a; b" "quote \\" here" plain \\200x
@       CAA 0 issue "ca.example"
svc     HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1
*.dev   A 10.0.0.1
9.0.0.10.in-addr.arpa. PTR printer
"""


def test_all_types_are_read_with_origin_ttl_and_the_owner_above() -> None:
    records, problems = parse_zone_text(RIGHT, "local.zone")
    assert [str(problem) for problem in problems] == []
    found = [(one.name, dnslib.QTYPE[one.rtype], one.ttl_s) for one in records]
    assert found == [
        ("school.example", "SOA", 3600),
        ("school.example", "NS", 3600),
        ("ns.school.example", "A", 300),
        ("ns.school.example", "AAAA", 3600),
        ("printer.school.example", "A", 3600),
        ("xn--bcher-kva.school.example", "CNAME", 60),
        ("mail.school.example", "MX", 3600),
        ("_ldap._tcp.school.example", "SRV", 300),
        ("text.school.example", "TXT", 3600),
        ("school.example", "CAA", 3600),
        ("svc.school.example", "HTTPS", 3600),
        ("*.dev.school.example", "A", 3600),
        ("9.0.0.10.in-addr.arpa", "PTR", 3600),
    ]


def rdata(text: str) -> str:
    records, problems = parse_zone_text("$ORIGIN example.\n" + text, "x")
    assert not problems, problems
    return records[0].rdata.hex()


def test_rdata_is_the_wire_form_without_compression() -> None:
    assert rdata("a A 192.0.2.1") == "c0000201"
    assert rdata("a AAAA 2001:db8::1") == "20010db8000000000000000000000001"
    assert rdata("a CNAME Bee") == "036265650765" + "78616d706c6500"
    assert rdata("a MX 10 m") == "000a016d076578616d706c6500"
    assert rdata("a SRV 1 2 3 .") == "00010002000300"
    assert rdata('a TXT x \\200\\"y') == "017803c82279"
    soa = "016e076578616d706c65000168076578616d706c650000000001000000020000000300000004000000" + "05"
    assert rdata("@ SOA n h 1 2 3 4 5") == soa, "no pointers, or the record could not stand alone"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a A 192.0.2.1 junk", "A has 2 fields"),
        ("a A", "A has 0 fields"),
        ("a A 192.0.2.999", "not an address"),
        ("a A 2001:db8::1", "not an address"),
        ("a AAAA fe80::1%eth0", "not an address"),
        ("a MX ten m", "not a number"),
        ("a MX 70000 m", "not a number"),
        ("a MX -1 m", "not a number"),
        ("a CAA 256 issue x", "not a number"),
        ("a NAPTR 1 2 3", "cannot be served"),
        ("a CH A 192.0.2.1", "only class IN"),
        ("a 99999999999 A 192.0.2.1", "too long a time"),
        ("a 4294967296 A 192.0.2.1", "too long a time"),
        ("a 300 IN", "has no type"),
        ('a TXT "open', "quote that is not closed"),
        ("a TXT \\999", "backslash"),
        ("a TXT " + "x" * 256, "longer than 255"),
        ("a..b A 192.0.2.1", "empty part"),
        ("exa$mple A 192.0.2.1", "holds '$'"),
        ("a.*.b A 192.0.2.1", "holds '*'"),
        ("a\\046b A 192.0.2.1", "holds"),
        ("a CNAME b_c..d", "empty part"),
        ("$INCLUDE other.zone", "not understood"),
        ("$TTL soon", "not a time"),
        ("a A ) 192.0.2.1", "do not pair"),
        ("a HTTPS 1 . nonsense=1", "cannot be read"),
        (" A 192.0.2.1", "no record is above it"),
    ],
)
def test_a_wrong_line_is_named_and_the_others_are_read(line: str, message: str) -> None:
    records, problems = parse_zone_text(f"$ORIGIN example.\n\n{line}\nlast A 192.0.2.7\n", "local.zone")
    assert [problem.path for problem in problems] == ["line 3"], problems
    assert message in str(problems[0])
    assert problems[0].remedy
    assert [one.name for one in records] == ["last.example"]


def test_a_relative_name_without_an_origin_is_refused_with_the_dot_that_is_missing() -> None:
    _, problems = parse_zone_text("printer.school.example A 10.0.0.9", "x")
    assert 'write "printer.school.example."' in problems[0].remedy


def test_an_unreadable_owner_does_not_lend_the_next_line_the_name_before() -> None:
    records, problems = parse_zone_text("a.example. A 192.0.2.1\n!! A 192.0.2.2\n A 192.0.2.3\n", "x")
    assert [one.name for one in records] == ["a.example"]
    assert [problem.path for problem in problems] == ["line 2", "line 3"]


def test_a_bracket_that_never_closes_is_named_by_the_line_that_opens_it() -> None:
    _, problems = parse_zone_text("a.example. A (\n192.0.2.1\n", "x")
    assert [(one.path, one.message) for one in problems] == [("line 1", "has a bracket that is not closed")]
    _, problems = parse_zone_text("a.example. A (\n" + "x\n" * 500, "x")
    assert problems[0].path == "line 1"
