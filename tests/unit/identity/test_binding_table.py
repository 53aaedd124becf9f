"""When an address has a device, and when it has none."""

from __future__ import annotations

from dataclasses import replace

from schoolgate.identity.binding import Claim, Confidence
from schoolgate.identity.binding_table import MOST_ADDRESSES_OF_DEVICE, MOST_BINDINGS, bind

NOW_US = 1_772_452_800_000_000
MINUTE_US = 60_000_000
LEASE = Claim("192.0.2.17", "mac:00:00:5e:00:53:01", "kea", Confidence.lease, NOW_US - 5, NOW_US + MINUTE_US, "ipad")
SEEN = replace(LEASE, source="kernel", confidence=Confidence.seen, since_us=None, host_name=None)


def test_a_binding_ends_by_its_time_alone() -> None:
    table = bind([LEASE], NOW_US)
    assert table.of("192.0.2.17", NOW_US + MINUTE_US - 1) is not None
    assert table.of("192.0.2.17", NOW_US + MINUTE_US) is None
    assert table.of("192.0.2.18", NOW_US) is None


def test_the_better_source_gives_name_and_begin() -> None:
    found = bind([SEEN, LEASE], NOW_US).of("192.0.2.17", NOW_US)
    assert found is not None
    assert (found.source, found.confidence, found.since_us) == ("kea", Confidence.lease, NOW_US - 5)


def test_a_device_that_takes_an_address_of_another_has_no_name() -> None:
    taken = bind([LEASE, replace(SEEN, device="mac:00:00:5e:00:53:02")], NOW_US)
    assert taken.of("192.0.2.17", NOW_US) is None
    assert taken.disputed == {"192.0.2.17"}


def test_a_lease_of_the_future_is_of_a_wrong_clock() -> None:
    assert (
        bind([replace(LEASE, since_us=NOW_US + 10 * MINUTE_US, until_us=NOW_US + 20 * MINUTE_US)], NOW_US).bindings
        == {}
    )


def test_a_source_without_begins_goes_on_from_when_it_was_first_seen() -> None:
    first = bind([SEEN], NOW_US)
    later = bind([replace(SEEN, until_us=NOW_US + 9 * MINUTE_US)], NOW_US + 1000, first)
    assert later.bindings["192.0.2.17"].since_us == NOW_US
    other = bind([replace(SEEN, device="mac:00:00:5e:00:53:02")], NOW_US + 1000, later)
    assert other.bindings["192.0.2.17"].since_us == NOW_US + 1000


def test_a_router_that_answers_for_a_network_is_no_device() -> None:
    many = [replace(SEEN, address=f"192.0.2.{n}") for n in range(MOST_ADDRESSES_OF_DEVICE + 1)]
    table = bind(many, NOW_US)
    assert table.bindings == {}
    assert table.crowded == {SEEN.device}
    assert len(bind(many[:-1], NOW_US).bindings) == MOST_ADDRESSES_OF_DEVICE


def test_who_takes_many_addresses_takes_no_lease_off_the_table() -> None:
    """A client asks DHCPv6 for as many as it likes, under a DUID with the hardware address of whom it likes."""
    leases = [replace(LEASE, address=f"2001:db8::{n:x}") for n in range(1, MOST_ADDRESSES_OF_DEVICE + 2)]
    table = bind([LEASE, *leases], NOW_US)
    assert table.of("192.0.2.17", NOW_US) is not None
    assert (len(table.bindings), table.crowded) == (len(leases) + 1, frozenset())
    seen = [replace(SEEN, address=one.address) for one in leases]
    table = bind([LEASE, *seen], NOW_US)
    assert (table.bindings.keys(), table.crowded) == ({"192.0.2.17"}, {SEEN.device})


def test_the_table_is_bounded_and_says_what_it_left_out() -> None:
    many = [
        replace(LEASE, address=f"2001:db8::{n:x}", device=f"mac:{n.to_bytes(6, 'big').hex(':')}")
        for n in range(1, MOST_BINDINGS + 3)
    ]
    table = bind(many, NOW_US)
    assert len(table.bindings) == MOST_BINDINGS
    assert table.left_out == 2
