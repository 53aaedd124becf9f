"""Forwarders as tables: what is taken, and what each mistake is told."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from pydantic_core import PydanticCustomError

from schoolgate.config import ConfigInvalid, SocketAddress, parse
from schoolgate.config.forwarder_address import ConnectedServer, as_setting, from_short, in_short, parse_server
from schoolgate.config.settings import Settings

PINS = tuple(base64.b64encode(bytes((number,)) * 32).decode() for number in range(2))
TLS = 'address = "192.0.2.1", transport = "tls", name = "DNS.example.org"'


def settings(servers: str, more: str = "") -> Settings:
    return parse(f"[forwarders]\nservers = [{servers}]\n{more}", "x.toml", environ={})


@pytest.mark.parametrize(
    ("written", "server"),
    [
        ('{ address = "192.0.2.1" }', SocketAddress("192.0.2.1", 53)),
        ('{ address = "192.0.2.1", transport = "tcp" }', ConnectedServer("192.0.2.1", 53, "tcp")),
        (f"{{ {TLS} }}", ConnectedServer("192.0.2.1", 853, "tls", name="dns.example.org")),
        (
            '{ address = "[2001:db8::1]:8853", transport = "tls", name = "a.example", roots = "/etc/ca.pem",'
            f' pins = ["{PINS[0]}", "{PINS[1]}"] }}',
            ConnectedServer("2001:db8::1", 8853, "tls", name="a.example", pins=PINS, roots=Path("/etc/ca.pem")),
        ),
        (
            '{ address = "192.0.2.1", transport = "https", name = "a.example", path = "/q/x" }',
            ConnectedServer("192.0.2.1", 443, "https", name="a.example", path="/q/x"),
        ),
    ],
)
def test_a_forwarder_is_a_table(written: str, server: SocketAddress) -> None:
    assert settings(written).forwarders.servers == (server,)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('{ transport = "tls", name = "a.example" }', "no address"),
        ('{ address = "dns.example.org", transport = "tls", name = "a.example" }', "is not an address"),
        ('{ address = "192.0.2.1", transport = "quic" }', '"quic" is no transport'),
        ('{ address = "192.0.2.1", transport = "tls" }', "needs a name"),
        ('{ address = "192.0.2.1", name = "a.example" }', "name says nothing over udp"),
        (f'{{ {TLS}, path = "/dns-query" }}', "path is for https"),
        (f'{{ {TLS}, pins = ["{PINS[0]}"] }}', "pins holds 2 to 4"),
        (f'{{ {TLS}, pins = ["{PINS[0]}", "AAAA"] }}', '"AAAA" is not the SHA-256'),
        (f"{{ {TLS}, pin = [] }}", "did you mean pins?"),
        ('{ address = "192.0.2.1", transport = "https", name = "a.example", path = "x" }', "is not a path"),
        (f'{{ {TLS} }}, "192.0.2.2"', "encrypted and plain"),
        (f'"system", {{ {TLS} }}', "encrypted and plain"),
    ],
)
def test_each_mistake_is_told(written: str, said: str) -> None:
    with pytest.raises(ConfigInvalid, match="forwarders") as refused:
        settings(written)
    assert said in str(refused.value)


def test_plain_dns_as_a_last_resort_is_a_word_of_its_own() -> None:
    fallback = 'plain_fallback = ["192.0.2.9"]'
    assert settings(f"{{ {TLS} }}", fallback).forwarders.plain_fallback == (SocketAddress("192.0.2.9", 53),)
    with pytest.raises(ConfigInvalid, match="plain_fallback is for encrypted servers"):
        settings('"192.0.2.1"', fallback)
    with pytest.raises(ConfigInvalid, match="move it to servers"):
        settings(f"{{ {TLS} }}", f"plain_fallback = [{{ {TLS} }}]")
    with pytest.raises(ConfigInvalid, match="servers of one kind"):
        settings('"192.0.2.1"', f'[[forward_zones]]\nzone = "a.example"\nservers = ["192.0.2.1", {{ {TLS} }}]')


def test_our_own_door_is_no_forwarder() -> None:
    tls = '[tls]\ncertificate = "c.pem"\nkey = "k.pem"\n[server]\nlisten = ["192.0.2.1:53"]'
    with pytest.raises(ConfigInvalid, match="our own listening address"):
        settings(f"{{ {TLS} }}", tls)


@pytest.mark.parametrize(
    ("typed", "kept", "setting"),
    [
        ("system", "system", "system"),
        ("192.0.2.1", "192.0.2.1:53", "192.0.2.1:53"),
        ("[2001:db8::1]:5353", "[2001:db8::1]:5353", "[2001:db8::1]:5353"),
        ("tcp://192.0.2.1", "tcp://192.0.2.1:53", {"address": "192.0.2.1:53", "transport": "tcp"}),
        (
            "tls://192.0.2.1#DNS.example.org",
            "tls://192.0.2.1:853#dns.example.org",
            {"address": "192.0.2.1:853", "transport": "tls", "name": "dns.example.org"},
        ),
        (
            "https://[2001:db8::1]/#dns.example.org",
            "https://[2001:db8::1]:443#dns.example.org",
            {"address": "[2001:db8::1]:443", "transport": "https", "name": "dns.example.org"},
        ),
    ],
)
def test_what_a_person_types_is_kept_on_one_line_and_written_as_a_setting(
    typed: str, kept: str, setting: object
) -> None:
    server = from_short(typed)
    assert in_short(server) == kept
    assert from_short(kept) == server
    assert as_setting(server) == setting
    assert server == "system" or parse_server(as_setting(server)) == server


@pytest.mark.parametrize(
    "typed", ["tls://192.0.2.1", "quic://192.0.2.1#a.example", "tls://dns.example.org#dns.example.org"]
)
def test_what_is_no_forwarder_is_refused_as_it_is_typed(typed: str) -> None:
    with pytest.raises(PydanticCustomError):
        from_short(typed)
