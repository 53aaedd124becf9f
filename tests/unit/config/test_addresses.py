"""Addresses as people write them."""

import pytest
from pydantic_core import PydanticCustomError

from schoolgate.config.addresses import SocketAddress, parse_socket_address


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("192.0.2.1:5353", "192.0.2.1:5353"),
        (" 192.0.2.1 ", "192.0.2.1:53"),
        ("[2001:DB8::1]:53", "[2001:db8::1]:53"),
        ("[2001:db8::1]", "[2001:db8::1]:53"),
        ("2001:db8:0:0::1", "[2001:db8::1]:53"),
        ("fe80::1%eth0", "[fe80::1%eth0]:53"),
    ],
)
def test_a_written_address_has_one_canonical_form(text: str, shown: str) -> None:
    assert str(parse_socket_address(text, default_port=53)) == shown


@pytest.mark.parametrize(
    "value",
    [
        *("", ":53", "dns.example.net", "dns.example.net:53", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536"),
        *(
            "192.0.2.1:\uff15\uff13",
            "192.0.2.256",
            "192.0.2.1:53:1",
            "[2001:db8::1",
            "[2001:db8::1]53",
            "[]:53",
            "192.0.2.0/24",
        ),
        *(53, None, ["192.0.2.1"], True),
    ],
)
def test_what_is_no_address_is_refused_with_a_remedy(value: object) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        parse_socket_address(value, default_port=53)
    assert refused.value.context is not None
    assert refused.value.context["remedy"]


def test_without_a_known_port_the_message_shows_how_to_write_one() -> None:
    with pytest.raises(PydanticCustomError) as refused:
        parse_socket_address("2001:db8::1")
    assert refused.value.context == {"message": '"2001:db8::1" has no port', "remedy": 'write "[2001:db8::1]:5300"'}


def test_wildcards_and_loopback_know_themselves() -> None:
    assert SocketAddress("::", 53).is_wildcard
    assert SocketAddress("127.8.8.8", 53).is_loopback
    assert not SocketAddress("192.0.2.1", 53).is_loopback
