"""How hard one client looks for a way round."""

from __future__ import annotations

import orjson
import pytest
from tests.unit.monitoring.conftest import NOW_S, denied, made_row

from schoolgate._core import LogRow
from schoolgate.monitoring.detectors import circumvention
from schoolgate.monitoring.detectors.circumvention import CircumventionScore
from schoolgate.monitoring.rows import HTTPS, SVCB
from schoolgate.policy.monitoring import Circumvention

VPN, PROXY, TOR, DOH = (f"circumvention-{kind}" for kind in ("vpn", "proxy", "tor", "encrypted-dns"))


def severities(*rows: LogRow, settings: Circumvention | None = None) -> list[str]:
    return [one.severity for one in CircumventionScore(settings or Circumvention()).feed(rows)]


def test_two_vpns_are_a_warning_five_are_urgent() -> None:
    rows = [denied(f"www.vpn{number}.example", VPN, at=number) for number in range(5)]
    assert severities(*rows[:1]) == []
    assert severities(*rows[:2]) == ["warning"]
    assert severities(*rows) == ["warning", "urgent"]


def test_one_provider_under_many_names_is_one_sign() -> None:
    assert severities(*(denied(f"n{number}.vpn.example", VPN, at=number) for number in range(100))) == []


def test_what_browsers_ask_by_themselves_never_warns() -> None:
    canaries = [made_row(name, source="local", rcode=3) for name in ("use-application-dns.net", "mask.icloud.com")]
    ddr = [made_row("_dns.resolver.arpa", qtype=SVCB)]
    assert severities(*canaries, *ddr) == []
    assert severities(*(denied(f"dns{number}.example", DOH, at=number, qtype=HTTPS) for number in range(50))) == []


def test_encrypted_dns_adds_to_what_is_meant() -> None:
    doh = [denied(f"dns{number}.example", DOH) for number in range(5)]
    assert severities(*doh, denied("www.proxy.example", PROXY)) == ["warning"]


def test_an_answer_with_a_resolvers_address_weighs() -> None:
    rows = [denied(f"cdn.new{number}.example", DOH, action="deny-revealed") for number in range(2)]
    assert severities(*rows) == ["warning"]


def test_discovery_at_another_resolver_is_a_sign() -> None:
    rows = [made_row(f"_dns.r{number}.example", qtype=SVCB) for number in range(4)]
    assert severities(*rows) == ["warning"]


def test_a_segment_that_may_use_vpns_has_no_signs() -> None:
    assert severities(*(made_row(f"www.vpn{number}.example", category=VPN) for number in range(9))) == []


def test_signs_older_than_the_window_count_no_more() -> None:
    rows = [denied("a.vpn1.example", VPN, at=0), denied("a.vpn2.example", VPN, at=30 * 60)]
    assert severities(*rows) == []
    rows[1] = denied("a.vpn2.example", VPN, at=30 * 60 - 1)
    assert severities(*rows) == ["warning"]


def test_it_is_told_once_a_window_with_evidence() -> None:
    detector = CircumventionScore(Circumvention())
    rows = [denied("a.vpn1.example", VPN), denied("a.tor1.example", TOR), denied("a.proxy1.example", PROXY, at=5)]
    (found,) = detector.feed(rows)
    assert found.evidence == {"score": 9, "vpn": 1, "tor": 1}
    assert found.names == ("tor1.example", "vpn1.example")
    assert "ways round the filter" in found.sentence


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circumvention, "MOST_CLIENTS", 20)
    monkeypatch.setattr(circumvention, "MOST_SIGNS", 10)
    detector = CircumventionScore(Circumvention())
    list(detector.feed(denied(f"a.v{number}.example", VPN, client="p-x") for number in range(100)))
    assert len(detector._clients.of("p-x").signs) == 10
    list(detector.feed(denied("a.vpn.example", VPN, client=f"p-{number}") for number in range(100)))
    assert len(detector._clients) == 20
    list(detector.look(NOW_S + 1800))
    assert len(detector._clients) == 0


def test_it_survives_a_restart() -> None:
    before, after = CircumventionScore(Circumvention()), CircumventionScore(Circumvention())
    list(before.feed([denied("a.vpn1.example", VPN)]))
    after.load(orjson.loads(orjson.dumps(before.saved())))
    assert [one.severity for one in after.feed([denied("a.vpn2.example", VPN, at=9)])] == ["warning"]


def test_of_two_signs_of_one_provider_the_dearer_counts_as_what_it_is() -> None:
    """A VPN's own encrypted DNS must not turn its VPN into something that counts little."""
    rows = [denied("a.vpn1.example", VPN), denied("doh.vpn1.example", DOH, at=1), denied("a.vpn2.example", VPN, at=2)]
    (found,) = CircumventionScore(Circumvention()).feed(rows)
    assert found.evidence == {"score": 8, "vpn": 2}
