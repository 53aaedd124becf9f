"""The files for devices and other servers, as operations: what they say, and what is refused with a reason."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import plistlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.name
import pytest
import trustme

from schoolgate.config import Settings, parse
from schoolgate.firewall import PlaceUnclear
from schoolgate.generated_files.own_servers import NotWritten
from schoolgate.operations import exports
from schoolgate.operations.exports import ExportedFile

NAME = "dns.school.example"
V4, V6 = "10.1.0.53", "2001:db8:1::53"
BOTH = (V4, V6)


class Called:
    """What these operations use of a call."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.now = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def closed() -> Any:
    """Without encrypted doors, listening where no device is."""
    return Called(parse("", "defaults"))


def opened(folder: Path, more: str = "", name: str = NAME) -> Any:
    """With a certificate for `name`."""
    made = trustme.CA().issue_cert(name)
    (folder / "key.pem").write_bytes(made.private_key_pem.bytes())
    (folder / "chain.pem").write_bytes(b"".join(one.bytes() for one in made.cert_chain_pems))
    tls = f'[tls]\ncertificate = "{folder}/chain.pem"\nkey = "{folder}/key.pem"\n'
    return Called(parse(f'[server]\nlisten = ["{V4}:53", "[{V6}]:53"]\n{tls}{more}', "settings"))


def test_a_profile_of_apple_sends_dns_to_the_door_at_school_and_switches_the_relay_off(tmp_path: Path) -> None:
    work = opened(tmp_path)
    read = plistlib.loads(exports.mdm(work).text.encode())
    dns_part, relay = read["PayloadContent"]
    assert dns_part["DNSSettings"] == {
        "DNSProtocol": "HTTPS", "ServerURL": f"https://{NAME}/dns-query", "ServerAddresses": [V4, V6],
    }  # fmt: skip
    assert dns_part["OnDemandRules"] == [
        {"Action": "Connect", "DNSServerAddressMatch": [V4, V6]}, {"Action": "Disconnect"},
    ]  # fmt: skip
    assert relay["allowCloudPrivateRelay"] is False
    numbers = [one["PayloadUUID"] for one in (read, dns_part, relay)]
    assert len(set(numbers)) == 3
    assert exports.mdm(work).text == exports.mdm(work).text, "a new download is the same profile"
    everywhere = plistlib.loads(exports.mdm(work, is_everywhere=True).text.encode())
    assert "OnDemandRules" not in everywhere["PayloadContent"][0]


def test_with_dns_over_tls_alone_the_profile_names_the_host(tmp_path: Path) -> None:
    read = plistlib.loads(exports.mdm(opened(tmp_path, "[doors]\ndoh = []\n")).text.encode())
    assert read["PayloadContent"][0]["DNSSettings"] == {
        "DNSProtocol": "TLS", "ServerName": NAME, "ServerAddresses": [V4, V6],
    }  # fmt: skip


def test_browsers_ask_as_their_device_or_our_door(closed: Any, tmp_path: Path) -> None:
    for made in (exports.chrome(closed), exports.edge(closed)):
        assert json.loads(made.text) == {"DnsOverHttpsMode": "off"}
    assert json.loads(exports.firefox(closed).text) == {
        "policies": {"DNSOverHTTPS": {"Enabled": False, "Locked": True}}
    }
    work = opened(tmp_path, f'[doors]\ndoh = ["{V4}:8443"]\n')
    url = f"https://{NAME}:8443/dns-query"
    wanted = {"DnsOverHttpsMode": "secure", "DnsOverHttpsTemplates": url + "{?dns}"}
    assert json.loads(exports.chrome(work, "ours").text) == wanted
    assert json.loads(exports.edge(work, "ours").text) == wanted
    assert json.loads(exports.firefox(work, "ours").text)["policies"]["DNSOverHTTPS"] == {
        "Enabled": True, "Locked": True, "ProviderURL": url, "Fallback": False,
    }  # fmt: skip


def test_windows_and_android_are_told_of_the_door_or_that_there_is_none(closed: Any, tmp_path: Path) -> None:
    plain = exports.windows(closed, BOTH).text
    assert f"$servers = '{V4}', '{V6}'" in plain
    assert "DoHPolicy -Type DWord -Value 1" in plain
    assert "private_dns_mode off" in exports.android(closed).text
    work = opened(tmp_path)
    ours = exports.windows(work, encrypted="ours").text
    assert f"$template = 'https://{NAME}/dns-query{{?dns}}'" in ours
    assert "DoHPolicy -Type DWord -Value 3" in ours
    assert f"private_dns_specifier {NAME}" in exports.android(work, "ours").text
    elsewhere = opened(tmp_path, f'[doors]\ndot = ["{V4}:8853"]\n')
    assert "private_dns_mode off" in exports.android(elsewhere, "ours").text, "Android knows port 853 alone"


def instances(octets: bytes) -> Iterator[bytes]:
    while octets:
        (length,) = struct.unpack("!H", octets[:2])
        yield octets[2 : 2 + length]
        octets = octets[2 + length :]


def parameters(octets: bytes) -> dict[int, bytes]:
    found = {}
    while octets:
        key, length = struct.unpack("!HH", octets[:4])
        found[key], octets = octets[4 : 4 + length], octets[4 + length :]
    assert list(found) == sorted(found), "RFC 9460: in the order of the keys"
    return found


def test_the_options_of_rfc_9463_are_read_as_the_standard_writes_them(tmp_path: Path) -> None:
    work = opened(tmp_path, f'[doors]\ndot = ["{V4}:8853"]\n')
    (option,) = json.loads(exports.dnr(work, "kea4").text)["Dhcp4"]["option-data"]  # type: ignore[arg-type]
    assert option["code"] == 162
    read = []
    for one in instances(bytes.fromhex(option["data"])):
        priority, length = struct.unpack("!HB", one[:3])
        name, used = dns.name.from_wire(one, 3)
        assert used == length
        count = one[3 + length]
        address = ipaddress.IPv4Address(one[4 + length : 4 + length + count])
        read.append((priority, str(name), str(address), parameters(one[4 + length + count :])))
    assert read == [
        (1, f"{NAME}.", V4, {1: b"\x02h2", 7: b"/dns-query{?dns}"}),
        (2, f"{NAME}.", V4, {1: b"\x03dot", 3: struct.pack("!H", 8853)}),
    ]
    (option,) = json.loads(exports.dnr(work, "kea6").text)["Dhcp6"]["option-data"]  # type: ignore[arg-type]
    octets = bytes.fromhex(option["data"])
    priority, length = struct.unpack("!HH", octets[:4])
    (count,) = struct.unpack("!H", octets[4 + length : 6 + length])
    assert (option["code"], priority, count) == (144, 1, 16)
    assert str(ipaddress.IPv6Address(octets[6 + length : 22 + length])) == V6
    assert parameters(octets[22 + length :]) == {1: b"\x02h2", 7: b"/dns-query{?dns}"}
    text = exports.dnr(work, "odhcpd").text  # type: ignore[arg-type]
    assert f"list dnr '1 {NAME} {V4},{V6} alpn=h2 dohpath=/dns-query{{?dns}}'" in text
    assert f"list dnr '2 {NAME} {V4},{V6} alpn=dot port=8853'" in text


def test_what_would_name_nothing_a_device_can_reach_is_refused_with_the_reason(closed: Any, tmp_path: Path) -> None:
    for made in (exports.mdm, exports.dnr):
        with pytest.raises(NotWritten, match="name a certificate in"):
            made(closed, resolvers=BOTH)
    for made in (exports.chrome, exports.edge, exports.firefox, exports.windows, exports.android):
        with pytest.raises(NotWritten):
            made(closed, encrypted="ours")
    for made in (exports.dhcp, exports.windows):
        with pytest.raises(NotWritten, match=r"--resolver"):
            made(closed)
    with pytest.raises(PlaceUnclear, match=r"127\.0\.0\.1"):
        exports.dhcp(closed, resolvers=("127.0.0.1",))
    with pytest.raises(NotWritten, match="IPv6"):
        exports.dhcp(closed, "kea6", (V4,))  # type: ignore[arg-type]
    with pytest.raises(NotWritten, match="no host by its whole name"):
        exports.mdm(opened(tmp_path, name="*.school.example"))
    work = opened(tmp_path)
    (tmp_path / "chain.pem").write_text("nonsense")
    with pytest.raises(NotWritten, match="no device would trust"):
        exports.mdm(work)


def test_what_is_written_on_a_poster_stays_text(closed: Any) -> None:
    hostile = '<script>alert(1)</script>"&'
    made: ExportedFile = exports.school_poster(closed, hostile, "https://filter.example.org/<why>", hostile)
    assert "<script" not in made.text
    assert made.text.count("&lt;script&gt;") == 3
    assert "https://filter.example.org/&lt;why&gt;" in made.text
    assert "See why" not in exports.school_poster(closed).text
    for wrong in ("javascript:alert(1)", "filter.example.org", "https://"):
        with pytest.raises(NotWritten, match="no address of a web page"):
            exports.school_poster(closed, why_page=wrong)
