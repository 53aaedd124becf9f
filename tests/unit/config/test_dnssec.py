"""`dnssec` of forwarders and zones, and whose word about signatures counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from schoolgate.config import Settings
from schoolgate.config.forwarder_address import ConnectedServer
from schoolgate.resolver.forwarder_directory import ForwarderDirectory
from schoolgate.resolver.forwarding import routes

FAR, NEAR = "192.0.2.53", "127.0.0.1:5335"


def settings(**sections: object) -> Settings:
    return Settings.model_validate(sections)


def test_as_delivered_forwarders_are_asked_and_zones_are_not() -> None:
    found = settings(forward_zones=[{"zone": "corp.example", "servers": [FAR]}])
    assert (found.forwarders.dnssec, found.forward_zones[0].dnssec) == ("trust-ad", "off")
    default, zone = routes(found, (), ForwarderDirectory()).sets
    assert (default.asks_ad, zone.asks_ad) == (False, False), "no forwarder is set yet"
    found = settings(forwarders={"servers": [FAR]}, forward_zones=[{"zone": "corp.example", "servers": [FAR]}])
    default, zone = routes(found, found.forwarders.servers, ForwarderDirectory()).sets
    assert (default.asks_ad, zone.asks_ad) == (True, False)


@pytest.mark.parametrize("servers", [[FAR], [NEAR, FAR], ["system"]])
def test_a_sidecar_is_on_this_machine(servers: list[str]) -> None:
    with pytest.raises(ValueError, match="resolver on this machine"):
        settings(forwarders={"servers": servers, "dnssec": "sidecar"})
    with pytest.raises(ValueError, match=r"resolver on this machine|address"):
        settings(forward_zones=[{"zone": "corp.example", "servers": servers, "dnssec": "sidecar"}])
    assert settings(forwarders={"servers": [NEAR, "[::1]:5335"], "dnssec": "sidecar"}).forwarders.dnssec == "sidecar"


def test_whose_word_counts_is_encrypted_or_named_on_this_machine(tmp_path: Path) -> None:
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("nameserver 127.0.0.53\n")
    directory = ForwarderDirectory((), [resolv_conf])
    encrypted = ConnectedServer("192.0.2.1", 853, "tls", name="dns.example.org", roots=tmp_path / "none.pem")
    plain = ConnectedServer("192.0.2.2", 53, "tcp")
    made = directory.forwarder_set(["system", FAR, NEAR, encrypted, plain])
    counts = {one.label: one.is_ad_trusted for one in made.forwarders}
    assert counts == {
        "127.0.0.53:53": False,
        "192.0.2.53:53": False,
        "127.0.0.1:5335": True,
        "tls://192.0.2.1:853": True,
        "tcp://192.0.2.2:53": False,
    }


def test_a_stub_that_stands_for_system_does_not_count() -> None:
    found = settings(forwarders={"servers": ["system"]})
    stub = settings(forwarders={"servers": ["127.0.0.53"]}).forwarders.servers
    [made] = routes(found, stub, ForwarderDirectory()).sets  # type: ignore[arg-type]
    assert [one.is_ad_trusted for one in made.forwarders] == [False]
