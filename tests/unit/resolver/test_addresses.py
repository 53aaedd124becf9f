"""Forwarder addresses as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from schoolgate.resolver.forwarder_directory import ForwarderDirectory, nameservers, parse_address
from schoolgate.resolver.forwarders import ForwarderInvalid


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
        ("[2001:DB8::1]:5353", ("2001:db8::1", 5353)),
        ("fe80::1%lo", ("fe80::1%lo", 53)),
    ],
)
def test_every_way_to_write_an_address_is_read(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text", ["", "dns.example.com", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:x", "[2001:db8::1"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ForwarderInvalid):
        parse_address(text)


def test_resolv_conf_is_read_as_the_c_library_reads_it() -> None:
    text = "# comment\nnameserver 192.0.2.1\nsearch example.com\nnameserver broken\n  nameserver 2001:db8::1 # x\n"
    assert nameservers(text) == [("192.0.2.1", 53), ("2001:db8::1", 53)]


def test_system_leaves_out_our_own_addresses_and_takes_the_first_file_that_names_a_server(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("nameserver 127.0.0.1\n")
    second.write_text("nameserver 127.0.0.1\nnameserver 192.0.2.7\n")
    directory = ForwarderDirectory({("127.0.0.1", 53)}, [tmp_path / "missing", first, second])
    assert [one.label for one in directory.forwarder_set(["system"]).forwarders] == ["192.0.2.7:53"]


def test_system_without_a_server_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ForwarderInvalid, match=r"forwarders\.servers"):
        ForwarderDirectory((), [tmp_path / "missing"]).forwarder_set(["system"])


def test_the_same_address_in_two_sets_is_one_forwarder_with_one_health() -> None:
    directory = ForwarderDirectory()
    first = directory.forwarder_set(["192.0.2.1", "192.0.2.1:53"])
    second = directory.forwarder_set(["[2001:db8::1]:53", "192.0.2.1"], zone="corp.example")
    assert len(first.forwarders) == 1
    assert second.forwarders[1] is first.forwarders[0]
    assert second.forwarders[0].probe_name == "corp.example"
