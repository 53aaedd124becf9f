"""Data in names, told from content networks, counters and virus scanners by thresholds alone."""

from __future__ import annotations

import base64
import hashlib

import orjson
import pytest
from tests.unit.monitoring.conftest import NOW_S, made_row

from schoolgate._core import LogRow
from schoolgate.alerts.findings import Finding
from schoolgate.monitoring.detectors import tunnel
from schoolgate.monitoring.detectors.tunnel import Tunnels
from schoolgate.monitoring.rows import NULL, TXT
from schoolgate.policy.monitoring import Tunnel

WINDOW_S = 600
AFTER = NOW_S - NOW_S % WINDOW_S + 2 * WINDOW_S


def random_label(number: int, octets: int) -> str:
    digest = hashlib.sha512(str(number).encode()).digest()
    return base64.b32encode(digest).decode().lower().rstrip("=")[:octets]


def carried(
    count: int, *, octets: int = 60, client: str = "p-a", domain: str = "example.net", **others: object
) -> list[LogRow]:
    return [
        made_row(f"{random_label(number, octets)}.t.{domain}", at=number / 10, client=client, **others)
        for number in range(count)
    ]


def judged(rows: list[LogRow]) -> list[Finding]:
    detector = Tunnels(Tunnel())
    return [*detector.feed(rows), *detector.look(AFTER)]


def test_many_long_random_names_below_one_domain_are_a_tunnel() -> None:
    (found,) = judged(carried(150))
    assert (found.severity, found.client, found.names) == ("warning", "p-a", ("example.net",))
    assert found.evidence["names"] == 150


@pytest.mark.parametrize("count", [99, 100])
def test_the_threshold_is_the_count(count: int) -> None:
    assert len(judged(carried(count))) == (count >= 100)


def test_a_content_network_with_short_random_hosts_is_none() -> None:
    assert judged(carried(1500, octets=20)) == []


def test_long_names_made_of_words_are_none() -> None:
    rows = [made_row(f"{'aaabbb' * 8}-{number % 7}{number}.example.net", at=number / 10) for number in range(200)]
    assert judged(rows) == []


def test_a_virus_scanner_is_used_by_all_and_a_tunnel_by_few() -> None:
    def users(count: int) -> list[LogRow]:
        return [row for one in range(count) for row in carried(150, client=f"p-{one}", domain="example.com")]

    assert judged(users(5)) == []
    assert len(judged(users(4))) == 4


def test_txt_and_null_need_fewer_names() -> None:
    assert len(judged(carried(50, octets=12, qtype=TXT))) == 1
    assert len(judged(carried(50, octets=12, qtype=NULL))) == 1
    assert judged(carried(49, octets=12, qtype=TXT)) == []


def test_repeats_of_one_name_are_no_volume() -> None:
    assert judged([made_row("_spf.example.net", qtype=TXT, at=number) for number in range(300)]) == []


def test_what_was_denied_carried_nothing() -> None:
    assert judged(carried(300, action="deny")) == []


def test_a_window_is_judged_when_the_next_begins() -> None:
    detector = Tunnels(Tunnel())
    assert list(detector.feed(carried(150))) == []
    assert len(list(detector.feed([made_row("www.example.org", at=WINDOW_S)]))) == 1
    assert list(detector.look(AFTER)) == []


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel, "MOST_PAIRS", 30)
    monkeypatch.setattr(tunnel, "MOST_NAMES_COUNTED", 120)
    detector = Tunnels(Tunnel())
    list(detector.feed(carried(1000)))
    assert len(detector._pairs.of("p-a example.net").names) == 120
    list(detector.feed(made_row("a.example.org", client=f"p-{number}") for number in range(100)))
    assert len(detector._pairs) == 30


def test_it_survives_a_restart() -> None:
    before, after = Tunnels(Tunnel()), Tunnels(Tunnel())
    rows = carried(150)
    list(before.feed(rows[:80]))
    after.load(orjson.loads(orjson.dumps(before.saved())))
    list(after.feed(rows[80:]))
    assert len(list(after.look(AFTER))) == 1


def test_a_scanner_that_few_use_much_and_many_use_a_little_is_a_product() -> None:
    def users(count: int) -> list[LogRow]:
        heavy = carried(150, client="p-heavy", domain="example.com")
        light = [row for one in range(count) for row in carried(12, client=f"p-{one}", domain="example.com")]
        return sorted(heavy + light, key=lambda row: row.time_us)

    assert judged(users(200)) == []
    assert [one.client for one in judged(users(3))] == ["p-heavy"]
