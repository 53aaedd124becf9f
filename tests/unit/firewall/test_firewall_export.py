"""`export firewall`: what is listed is in it once, in order, and nothing that a person typed can end a rule."""

from __future__ import annotations

import csv
import io
import ipaddress
import random
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schoolgate.config import Settings, parse
from schoolgate.firewall import AddressesUnreadable, Format, PlaceUnclear, exported, place_of, read_resolvers
from schoolgate.firewall.csv_table import COLUMNS
from schoolgate.firewall.formats import beside
from schoolgate.firewall.resolvers import sorted_resolvers
from schoolgate.firewall.rule_set import Place

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = read_resolvers(ROOT / "lists")
PLACE = Place(("vlan20",), ("10.1.0.53",), ("2001:db8:1::53",), is_example=False)


def settings(text: str = "") -> Settings:
    return parse(text, "schoolgate.toml")


def listed() -> set[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    text = (ROOT / "lists/circumvention/resolver-addresses.txt").read_text(encoding="utf-8")
    entries = (line.partition("#")[0].strip() for line in text.splitlines())
    return {ipaddress.ip_network(entry) for entry in entries if entry}


@pytest.mark.parametrize("form", list(Format))
def test_every_listed_address_is_in_every_format(form: Format) -> None:
    text = exported(form, SHIPPED, PLACE)
    for network in SHIPPED.all:
        assert str(network.network_address) in text
    assert all(any(one.subnet_of(own) for own in SHIPPED.all if own.version == one.version) for one in listed())  # type: ignore[arg-type]


@given(st.lists(st.ip_addresses(v=4) | st.ip_addresses(v=6), max_size=30), st.randoms())
def test_the_order_of_a_list_is_nothing(addresses: list[ipaddress.IPv4Address], order: random.Random) -> None:
    networks = [ipaddress.ip_network(one) for one in addresses]
    shuffled = [*networks, *networks]
    order.shuffle(shuffled)
    assert sorted_resolvers(networks) == sorted_resolvers(shuffled)
    covered = {address for one in sorted_resolvers(networks).all for address in one}
    assert covered == set(addresses)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("resolver.example.com", "is neither"),
        ("0.0.0.0/0", "too wide"),
        ("::/0", "too wide"),
        ("192.0.2.1/24", "neither"),
    ],
)
def test_a_line_that_is_no_address_is_named_and_nothing_is_exported(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "circumvention").mkdir()
    (tmp_path / "circumvention/resolver-addresses.txt").write_text(f"192.0.2.53\n{line}\n", encoding="utf-8")
    with pytest.raises(AddressesUnreadable, match=rf"line 2.*{complaint}"):
        read_resolvers(tmp_path)


def test_no_list_is_an_error_not_an_export_that_refuses_nobody(tmp_path: Path) -> None:
    with pytest.raises(AddressesUnreadable, match="holds 0 addresses"):
        read_resolvers(tmp_path)


@pytest.mark.parametrize("name", ['vlan20" accept', "vlan20; drop", "", "-i", "a" * 16, "vlan\n20", "eth0 }"])
def test_a_name_that_could_end_a_rule_is_no_interface(name: str) -> None:
    with pytest.raises(PlaceUnclear, match="--interface"):
        place_of((name,), ("192.0.2.53",), settings())


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "127.0.0.1", "::1", "resolver", "fe80::1%eth0", "192.0.2.0/24", "ff02::1"]
)
def test_an_address_that_no_device_can_ask_is_refused(address: str) -> None:
    with pytest.raises(PlaceUnclear, match="--resolver"):
        place_of((), (address,), settings())


def test_the_settings_say_where_schoolgate_is_and_loopback_is_nobodys_address() -> None:
    place = place_of(
        ("vlan20",), (), settings('[server]\nlisten = ["127.0.0.1:53", "192.0.2.53:53", "[2001:db8::53]:53"]\n')
    )
    assert (place.v4, place.v6, place.is_example) == (("192.0.2.53",), ("2001:db8::53",), False)
    assert place_of((), (), settings()).is_example


def test_an_example_is_marked_as_one() -> None:
    place = place_of((), (), settings())
    assert "CHANGE" in exported(Format.nftables, SHIPPED, place)
    assert "CHANGE" not in exported(Format.nftables, SHIPPED, PLACE)
    assert any("CHANGE" in line for line in beside(Format.csv, place))


@pytest.mark.parametrize("form", list(Format))
def test_each_says_what_it_cannot_stop(form: Format) -> None:
    said = exported(form, SHIPPED, PLACE) + "\n".join(beside(form, PLACE))
    for word in ("VPN", "DNS over HTTPS", "mobile data", "Private Relay"):
        assert word in said


def test_without_ipv6_at_schoolgate_port_53_over_ipv6_is_refused_and_not_the_way_out() -> None:
    text = exported(Format.nftables, SHIPPED, Place(("vlan20",), ("10.1.0.53",), (), is_example=False))
    assert "dnat ip6" not in text
    assert 'iifname { "vlan20" } udp dport 53 counter reject' in text
    assert "ip6tables -I FORWARD -i vlan20 -p udp --dport 53 -j REJECT" in exported(
        Format.ipset, SHIPPED, Place(("vlan20",), ("10.1.0.53",), (), is_example=False)
    )


def test_the_csv_is_a_table_whose_first_matching_row_decides() -> None:
    rows = list(csv.DictReader(io.StringIO(exported(Format.csv, SHIPPED, PLACE))))
    assert tuple(rows[0]) == COLUMNS
    to_us = [index for index, row in enumerate(rows) if row["action"] == "allow"]
    assert to_us == [0, 1, 2, 3]
    denied = {(row["family"], row["protocol"], row["port"]) for row in rows if row["destination"] == "any"}
    assert denied == {
        (family, protocol, port) for family in ("ipv4", "ipv6") for protocol in ("udp", "tcp") for port in ("53", "853")
    }
    assert len(rows) == 4 + 8 + 2 * len(SHIPPED.all)


def test_the_opnsense_file_has_the_shape_of_its_import_and_stays_the_same() -> None:
    text = exported(Format.opnsense, SHIPPED, PLACE)
    aliases = orjson.loads(text)["aliases"]["alias"]
    by_name = {alias["name"]: alias for alias in aliases.values()}
    assert set(by_name) == {"schoolgate_server", "schoolgate_resolvers", "schoolgate_encrypted_dns"}
    content = by_name["schoolgate_resolvers"]["content"].splitlines()
    assert {ipaddress.ip_network(line) for line in content} == set(SHIPPED.all)
    assert all(isinstance(value, str) for alias in aliases.values() for value in alias.values())
    assert text == exported(Format.opnsense, SHIPPED, PLACE)


def test_the_sets_are_filled_aside_and_swapped() -> None:
    lines = [line for line in exported(Format.ipset, SHIPPED, PLACE).splitlines() if not line.startswith("#")]
    words = [line.split()[0] for line in lines]
    assert words.count("add") == len(SHIPPED.all)
    assert [word for word in words if word != "add"] == ["create", "create", "flush", "swap", "destroy"] * 2
