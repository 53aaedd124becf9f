"""Where feeds may come from, and where never."""

from __future__ import annotations

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from schoolgate.lists.download_addresses import AddressRefused, GuardedResolver, check_host, refusal


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_asked(address: str) -> None:
    assert refusal(address, allowed=False) is None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.10", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "192.0.2.1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "240.0.0.1",
    ],
)  # fmt: skip
def test_own_and_private_addresses_are_asked_only_when_allowed(address: str) -> None:
    assert refusal(address, allowed=False) is not None
    assert refusal(address, allowed=True) is None


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fe80::1", "fe80::1%eth0", "224.0.0.1",
        "ff02::1", "0.0.0.0", "::", "255.255.255.255", "nonsense",
    ],
)  # fmt: skip
def test_metadata_multicast_and_nobody_are_never_asked(address: str) -> None:
    assert refusal(address, allowed=True) is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "127.1", "0x7f.1", "0177.0.0.1", "::1"])
def test_a_number_in_disguise_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        check_host(host, ())


@pytest.mark.parametrize("host", ["8.8.8.8", "2606:4700::1111"])
def test_a_public_number_is_fetched_from(host: str) -> None:
    check_host(host, ())


def test_an_allowed_number_may_be_private_and_never_link_local() -> None:
    check_host("10.0.0.7", {"10.0.0.7"})
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.8 is private.*--allow-host 10\.0\.0\.8"):
        check_host("10.0.0.8", {"10.0.0.7"})
    with pytest.raises(AddressRefused, match="is link-local"):
        check_host("169.254.169.254", {"169.254.169.254"})


@pytest.mark.parametrize("name", ["lists.example.org", "10.example.org", "127.0.0.1.example.org"])
async def test_a_name_is_judged_by_its_addresses_and_a_number_at_once(name: str) -> None:
    """The same address: refused at once as a number, and as the address of a name when that is looked up."""
    with pytest.raises(AddressRefused):
        check_host("127.0.0.1", ())
    check_host(name, ())
    with pytest.raises(AddressRefused, match=r"has the address 127\.0\.0\.1"):
        await GuardedResolver((), _Says("127.0.0.1")).resolve(name, 443)


class _Says(AbstractResolver):
    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=one, port=port, family=family, proto=0, flags=0)
            for one in self._addresses
        ]

    async def close(self) -> None: ...


async def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    guarded = GuardedResolver((), _Says("8.8.8.8", "127.0.0.1"))
    with pytest.raises(AddressRefused, match=r"lists\.example\.org has the address 127\.0\.0\.1"):
        await guarded.resolve("lists.example.org", 443)


async def test_an_allowed_host_may_be_private_and_another_may_not() -> None:
    guarded = GuardedResolver({"intranet.example.org"}, _Says("10.0.0.7"))
    assert [one["host"] for one in await guarded.resolve("intranet.example.org", 443)] == ["10.0.0.7"]
    with pytest.raises(AddressRefused, match="is private"):
        await guarded.resolve("other.example.org", 443)
