"""Where a segment can be asked from, and whose client an address is: against a naive oracle."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from schoolgate.checks.own_addresses import own_networks
from schoolgate.checks.segment_places import places_of, segment_of
from schoolgate.config import SocketAddress
from schoolgate.policy import parse
from schoolgate.policy.model import Document

AT = SocketAddress("10.0.0.53", 53)
TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
           |-- 10.1.0.53
              /32 host LOCAL
"""
INET6 = """\
00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
fd000000000000000000000000000002 04 40 00 82     eth0
"""


def document(**networks: tuple[str, ...]) -> Document:
    segments = "\n".join(
        f'[segments.{name}]\npolicy = "p"\nprefixes = [{", ".join(map(repr, prefixes))}]'
        for name, prefixes in networks.items()
    )
    head = 'format = 1\nallowed_clients = ["10.0.0.0/8"]\nstrictest = "p"\n[policies.p]\n'
    return parse(head + segments.replace("'", '"'), "test").document


def test_addresses_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    (tmp_path / "fib_trie").write_text(TRIE, encoding="ascii")
    (tmp_path / "if_inet6").write_text(INET6, encoding="ascii")
    assert [str(one) for one in own_networks(tmp_path)] == [
        "10.1.0.53/32", "127.0.0.0/8", "127.0.0.1/32", "::1/128", "fd00::2/128",
    ]  # fmt: skip
    assert own_networks(tmp_path / "none") == ()
    assert own_networks(), "this machine has a loopback address"


@given(st.text(alphabet=" |-+0123456789./abcdefhostLOCAL\n\x00", max_size=200))
def test_nonsense_from_the_kernel_is_no_address_and_no_error(tmp_path_factory: object, text: str) -> None:
    folder = Path(tmp_path_factory.mktemp("net"))  # type: ignore[attr-defined]
    for name in ("fib_trie", "if_inet6"):
        (folder / name).write_text(text, encoding="ascii")
    own_networks(folder)


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(8, 32)), min_size=1, max_size=6), st.integers(0, 2**24 - 1))
def test_the_segment_of_a_client_is_that_of_the_longest_prefix(made: list[tuple[int, int]], low: int) -> None:
    networks = dict.fromkeys(
        str(ipaddress.ip_network((f"10.{second}.0.0", bits), strict=False)) for second, bits in made
    )
    segments = {f"s{number}": (network,) for number, network in enumerate(networks)}
    client = ipaddress.ip_address((10 << 24) + low)
    holding = [(ipaddress.ip_network(one).prefixlen, name) for name, (one,) in segments.items()
               if client in ipaddress.ip_network(one)]  # fmt: skip
    wanted = max(holding)[1] if holding else None
    assert segment_of(document(**segments), client, AT) == wanted


def test_a_place_is_asked_from_an_address_that_no_narrower_segment_has() -> None:
    made = document(whole=("10.1.0.0/16",), inner=("10.1.0.53/32",), far=("10.9.0.0/16",))
    own = (ipaddress.IPv4Network("10.1.0.53/32"), ipaddress.IPv4Network("10.1.7.1/32"))
    found = {one.segment: (one.source, one.at, one.why_not) for one in places_of(made, own, [AT])}
    assert found == {
        "whole": ("10.1.7.1", AT, ""),
        "inner": ("10.1.0.53", AT, ""),
        "far": (None, None, "this machine has no address there"),
    }
    (only, *_) = places_of(made, own[:1], [AT])
    assert (only.source, only.why_not) == (None, "the addresses of this machine there belong to narrower networks")


def test_where_the_server_listens_everywhere_a_device_asks_the_address_of_its_own_network() -> None:
    made = document(one=("10.1.0.0/16",))
    (place,) = places_of(made, (ipaddress.IPv4Network("10.1.0.53/32"),), [SocketAddress("0.0.0.0", 53)])
    assert place.at == SocketAddress("10.1.0.53", 53)
    (place,) = places_of(made, (ipaddress.IPv4Network("10.1.0.53/32"),), [SocketAddress("::1", 53)])
    assert (place.at, place.why_not) == (None, "the server listens on no IPv4 address")
