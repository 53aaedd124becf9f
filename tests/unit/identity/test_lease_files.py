"""Lease files of four kinds: what is in use, what ended, what is half written, and what a hostile client sent."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import orjson
import pytest

from schoolgate.identity.binding import Claim, Confidence
from schoolgate.identity.dnsmasq_leases import read_dnsmasq
from schoolgate.identity.isc_leases import read_isc
from schoolgate.identity.kea_leases import files_of, read_kea
from schoolgate.identity.lease_lines import LONGEST_LEASE_US, LeasesRead
from schoolgate.identity.neighbours import read_neighbours

NOON = int(dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC).timestamp())
NOW_US = NOON * 1_000_000
MAC = "mac:00:00:5e:00:53:01"
KEA4 = (
    "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id\n"
)
KEA6 = (
    "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,"
    "hwaddr,state,user_context,hwtype,hwaddr_source,pool_id\n"
)
HOSTILE = ["<script>alert(1)</script>", "\x1b[31mred", "a\u202egpj.exe", "=cmd|'/C calc'!A0", "\x00\x07", "%s{}$(id)"]


def kea4(*lines: str) -> LeasesRead:
    return read_kea([(KEA4 + "".join(f"{line}\n" for line in lines)).encode()], "main", NOW_US)


def lease4(address: str = "192.0.2.17", mac: str = "00:00:5e:00:53:01", lifetime: int = 3600, end: int = NOON + 1800,
           name: str = "ipad-12", state: int = 0) -> str:  # fmt: skip
    return f"{address},{mac},,{lifetime},{end},1,0,0,{name},{state},,0"


def isc(*blocks: str) -> LeasesRead:
    return read_isc("\n".join(blocks).encode(), "main", NOW_US)


def isc_lease(address: str = "192.0.2.17", state: str = "active", name: str = "ipad-12",
              ends: str = "1 2026/03/02 12:30:00") -> str:  # fmt: skip
    return (
        f"lease {address} {{\n  starts 1 2026/03/02 11:30:00;\n  ends {ends};\n  cltt 1 2026/03/02 11:30:00;\n"
        f"  binding state {state};\n  next binding state free;\n  hardware ethernet 00:00:5e:00:53:01;\n"
        f'  uid "\\001\\000\\000^\\000S\\001";\n  client-hostname "{name}";\n}}'
    )


def test_a_lease_of_kea() -> None:
    assert kea4(lease4()).claims == {
        "192.0.2.17": Claim(
            "192.0.2.17", MAC, "main", Confidence.lease, (NOON - 1800) * 1_000_000, (NOON + 1800) * 1_000_000, "ipad-12"
        )
    }


def test_the_last_line_of_an_address_counts() -> None:
    read = kea4(lease4(), lease4(mac="00:00:5e:00:53:02", name="ipad-13"))
    assert read.claims["192.0.2.17"].device == "mac:00:00:5e:00:53:02"


@pytest.mark.parametrize("mac", ["01:00:5e:00:53:02", "00:00:00:00:00:00", "", "00:00:5e:00:53:02:03:04"])
def test_whose_device_cannot_be_told_does_not_pass_for_who_had_the_address_before(mac: str) -> None:
    read = kea4(lease4(), lease4(mac=mac))
    assert (read.claims, read.odd) == ({}, 1)
    again = isc(isc_lease(), isc_lease().replace("ethernet 00:00:5e:00:53:01", f"ethernet {mac or 'none'}"))
    assert (again.claims, again.odd) == ({}, 1)
    undated = isc(isc_lease(), isc_lease(ends="1 tomorrow"))
    assert (undated.claims, undated.odd) == ({}, 1)


@pytest.mark.parametrize("ended", [lease4(lifetime=0), lease4(state=1), lease4(state=2)])
def test_a_lease_that_ended_is_none(ended: str) -> None:
    assert kea4(lease4(), ended).claims == {}


def test_a_lease_of_kea_for_ipv6_and_no_prefix() -> None:
    text = KEA6 + (
        f"2001:db8::17,00:03:00:01:00:00:5e:00:53:01,3600,{NOON + 10},1,0,0,7,128,0,0,ipad-12,,0,,,,0\n"
        f"2001:db8:1::,00:03:00:01:00:00:5e:00:53:02,3600,{NOON + 10},1,0,2,7,48,0,0,,,0,,,,0\n"
        f"2001:db8::18,00:04:{'ab' * 16},3600,{NOON + 10},1,0,0,7,128,0,0,,00:00:5e:00:53:03,0,,1,2,0\n"
    )
    read = read_kea([text.encode()], "main", NOW_US)
    assert {one.address: one.device for one in read.claims.values()} == {
        "2001:db8::17": MAC,
        "2001:db8::18": "mac:00:00:5e:00:53:03",
    }
    assert read.odd == 0


def test_files_that_kea_tidies_are_read_oldest_first(tmp_path: Path) -> None:
    path = tmp_path / "kea-leases4.csv"
    for end in ("", ".1", ".2"):
        path.with_name(path.name + end).write_text(KEA4)
    assert [one.name for one in files_of(path)] == ["kea-leases4.csv.2", "kea-leases4.csv.1", "kea-leases4.csv"]
    path.with_name(path.name + ".completed").write_text(KEA4)
    assert [one.name for one in files_of(path)] == ["kea-leases4.csv.completed", "kea-leases4.csv"]
    earlier, later = ((KEA4 + lease4(name=name) + "\n").encode() for name in ("old", "new"))
    assert read_kea([earlier, later], "main", NOW_US).claims["192.0.2.17"].host_name == "new"


def test_leases_of_dnsmasq_of_both_versions() -> None:
    text = (
        f"{NOON + 60} 00:00:5e:00:53:01 192.0.2.17 ipad-12 01:00:00:5e:00:53:01\n"
        "0 00:00:5e:00:53:02 192.0.2.18 * *\n"
        "duid 00:01:00:01:2f:00:00:01:00:00:5e:00:53:99\n"
        f"{NOON + 60} 12345 2001:db8::17 ipad-12 00:01:00:01:2f:00:00:01:00:00:5e:00:53:01\n"
        f"{NOON + 60} T12345 2001:db8::18 * 00:01:00:01:2f:00:00:01:00:00:5e:00:53:01\n"
    )
    read = read_dnsmasq(text.encode(), "main", NOW_US)
    assert {one.address: one.device[-2:] for one in read.claims.values()} == {
        "192.0.2.17": "01", "192.0.2.18": "02", "2001:db8::17": "01", "2001:db8::18": "01"
    }  # fmt: skip
    assert read.claims["192.0.2.18"].host_name is None
    assert read.claims["192.0.2.18"].until_us == NOW_US + LONGEST_LEASE_US
    assert read.odd == 0


def test_leases_of_dhcpd() -> None:
    read = isc("# a comment { of one", "authoring-byte-order little-endian;", isc_lease())
    assert read.claims["192.0.2.17"] == Claim(
        "192.0.2.17", MAC, "main", Confidence.lease, (NOON - 1800) * 1_000_000, (NOON + 1800) * 1_000_000, "ipad-12"
    )
    assert isc(isc_lease(), isc_lease(state="free")).claims == {}
    assert isc(isc_lease(ends="never")).claims["192.0.2.17"].until_us == NOW_US + LONGEST_LEASE_US
    assert isc(isc_lease(ends=f"epoch {NOON + 5}")).claims["192.0.2.17"].until_us == NOW_US + 5_000_000


def test_leases_of_dhcpd_for_ipv6() -> None:
    text = (
        'ia-na "\\001\\000\\000\\000\\000\\003\\000\\001\\000\\000^\\000S\\001" {\n  cltt 1 2026/03/02 11:30:00;\n'
        "  iaaddr 2001:db8::17 {\n    binding state active;\n    preferred-life 225;\n    max-life 360;\n"
        "    ends 1 2026/03/02 12:30:00;\n  }\n}\n"
    )
    assert isc(text).claims["2001:db8::17"].device == MAC


def test_neighbours_that_answered() -> None:
    entries = [
        {"dst": "192.0.2.17", "dev": "eth0", "lladdr": "00:00:5e:00:53:01", "state": ["REACHABLE"]},
        {"dst": "192.0.2.18", "dev": "eth0", "state": ["FAILED"]},
        {"dst": "2001:db8::1", "dev": "eth0", "lladdr": "00:00:5e:00:53:02", "router": None, "state": ["STALE"]},
        {"dst": "fe80::1", "dev": "eth0", "lladdr": "00:00:5e:00:53:02", "state": ["STALE"]},
    ]
    read = read_neighbours(orjson.dumps(entries), "kernel", NOW_US)
    assert [(one.address, one.device, one.confidence) for one in read.claims.values()] == [
        ("192.0.2.17", MAC, Confidence.seen)
    ]
    assert read_neighbours(b"", "kernel", NOW_US).claims == {}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_host_name_steers_nothing(name: str) -> None:
    for read in (kea4(lease4(name=name)), isc(isc_lease(name=name))):
        for claim in read.claims.values():
            assert claim.host_name is None or not set(claim.host_name) & set('<>&"\x00\x07\x1b\u202e=|{}$%/\\;!')


def test_a_name_of_any_script_is_kept() -> None:
    assert kea4(lease4(name="Zoë's iPad (1)")).claims["192.0.2.17"].host_name == "Zoë's iPad (1)"


@pytest.mark.parametrize(
    "line",
    [lease4(end=5), lease4(end=99_999_999_999), lease4(address="224.0.0.1"), lease4(address="fe80::1"),
     lease4(address="127.0.0.1"), lease4(mac=""), lease4(mac="ff:ff:ff:ff:ff:ff"), "192.0.2.17,half", "a" * 10_000,
     "192.0.2.17,00:00:5e:00:53:01,,-1,-1,1,0,0,x,0,,0", "192.0.2.17,00:00:5e:00:53:01,,²,³,1,0,0,x,0,,0"],
)  # fmt: skip
def test_what_makes_no_sense_is_counted_and_stops_no_other(line: str) -> None:
    read = kea4(line, lease4(address="192.0.2.18"))
    assert list(read.claims) == ["192.0.2.18"]
    assert read.odd == 1


def test_a_line_without_an_end_waits() -> None:
    whole = (KEA4 + lease4() + "\n" + lease4(address="192.0.2.18") + "\n").encode()
    for cut in range(1, 20):
        assert list(read_kea([whole[:-cut]], "main", NOW_US).claims) == ["192.0.2.17"]
    block = (isc_lease() + "\n" + isc_lease(address="192.0.2.18")).encode()
    assert list(read_isc(block[:-1], "main", NOW_US).claims) == ["192.0.2.17"]


def test_a_file_without_a_header_has_no_leases() -> None:
    read = read_kea([(lease4() + "\n").encode()], "main", NOW_US)
    assert (read.claims, read.odd) == ({}, 1)


def test_what_is_no_list_of_neighbours_is_refused() -> None:
    for octets in (b"{}", b"[", b"\xff", b"7"):
        with pytest.raises(ValueError, match=r"."):
            read_neighbours(octets, "kernel", NOW_US)
    assert read_neighbours(b'[1, null, {"dst": 7, "state": [[]]}, {"dst": "x", "state": ["STALE"]}]', "k", NOW_US).odd


def test_blocks_in_blocks_end_the_reading() -> None:
    assert isc("lease { " * 100_000).claims == {}
    assert isc("}" * 1000, isc_lease()).claims.keys() == {"192.0.2.17"}
