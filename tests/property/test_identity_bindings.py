"""The table of bindings against a table in plain Python; and readers of leases, which take any octets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schoolgate.identity.binding import Claim, Confidence, clean_host_name, client_address
from schoolgate.identity.binding_table import CLOCK_SKEW_US, bind
from schoolgate.identity.device_key import is_key
from schoolgate.identity.dnsmasq_leases import read_dnsmasq
from schoolgate.identity.isc_leases import read_isc
from schoolgate.identity.kea_leases import read_kea

NOW_US = 1_772_452_800_000_000
MINUTE_US = 60_000_000
claims = st.builds(
    Claim,
    address=st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
    device=st.sampled_from(["mac:00:00:5e:00:53:01", "mac:00:00:5e:00:53:02", "duid:0004aa", "duid:0004bb"]),
    source=st.sampled_from(["kea", "kernel"]),
    confidence=st.sampled_from(list(Confidence)),
    since_us=st.none() | st.sampled_from([-90, -1, 0, 4, 5, 6, 90]).map(lambda m: NOW_US + m * MINUTE_US),
    until_us=st.sampled_from([-90, -1, 0, 1, 90]).map(lambda m: NOW_US + m * MINUTE_US),
    host_name=st.sampled_from([None, "ipad-12", "ipad-13"]),
)
pieces = st.sampled_from(
    ["lease", "192.0.2.17", "{", "}", ";", '"', "\\", "\\777", "binding state active;", "hardware ethernet ", "ends ",
     "1 2026/02/31 99:00:00;", "epoch 1;", "00:00:5e:00:53:01", ",", "\n", "address,hwaddr,valid_lifetime,expire,state",
     "0", "1772452900", "duid", " ", "\x00", "iaaddr", 'ia-na "\\001\\000" {', "T1", "\u202e", "*"],
)  # fmt: skip


@given(st.lists(claims, max_size=8))
def test_an_address_has_the_one_device_that_all_agree_on(given_claims: list[Claim]) -> None:
    table = bind(given_claims, NOW_US)
    for address in {one.address for one in given_claims}:
        live = [
            one
            for one in given_claims
            if one.address == address and one.until_us > NOW_US and (one.since_us or 0) <= NOW_US + CLOCK_SKEW_US
        ]
        by_mac = {one.device for one in live if one.device.startswith("mac:")}
        devices = by_mac or {one.device for one in live}
        found = table.of(address, NOW_US)
        assert (found.device if found else None) == (devices.pop() if len(devices) == 1 else None)
        assert (address in table.disputed) == bool(devices and found is None)
        if found is not None:
            assert found.since_us <= NOW_US < found.until_us
            assert (found.source, found.confidence) in {
                (o.source, o.confidence) for o in live if o.device in found.device
            }


@given(st.lists(claims, max_size=8), st.randoms())
def test_the_order_of_sources_names_the_same_devices(given_claims: list[Claim], random: object) -> None:
    shuffled = list(given_claims)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    tables = [bind(one, NOW_US) for one in (given_claims, shuffled)]
    assert len({tuple(sorted((a, b.device) for a, b in one.bindings.items())) for one in tables}) == 1


@given(st.lists(pieces, max_size=40).map("".join) | st.text(), st.binary(max_size=50))
def test_any_octets_are_read_and_only_clean_claims_come_out(text: str, noise: bytes) -> None:
    octets = text.encode("utf-8", "surrogatepass") + noise
    for read in (
        read_isc(octets, "main", NOW_US), read_dnsmasq(octets, "main", NOW_US), read_kea([octets], "main", NOW_US)
    ):  # fmt: skip
        for address, claim in read.claims.items():
            assert address == claim.address == client_address(address)
            assert is_key(claim.device)
            assert claim.host_name == clean_host_name(claim.host_name)
