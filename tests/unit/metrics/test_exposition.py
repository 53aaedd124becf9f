"""Prometheus text: strict, complete, and with nothing in it that a client could choose."""

import re
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from schoolgate.metrics import exposition
from schoolgate.metrics.families import FAMILIES, MOST_SAMPLES, OUTCOMES

ROOT = Path(__file__).resolve().parents[3]


def told(**more: Any) -> dict[str, Any]:
    return {
        "version": "0.1.0",
        "counters": {"queries": 7, "stream_queries": 3, "denied": 2, "truncated": 1},
        "cache": {"cache_entries": 3, "cache_octets": 1024, "pending": 0, "under_way": 0},
        "workers": 2,
        "workers_alive": 1,
        "uptime_s": 60,
        "policy": {"revision": 4, "warnings": []},
        "lists": {"serial": 9, "age_s": 5, "names": 100, "update": None},
        "problems": ["one worker died"],
        "forwarders": [{"forwarder": "192.0.2.1:53", "state": "down", "srtt_ms": 12.5, "sent": 4}],
        "sealed": None,
    } | more


def lines(**more: Any) -> set[str]:
    return set(exposition(told(**more)).splitlines())


def test_it_is_read_by_the_parser_of_prometheus_itself() -> None:
    families = {one.name: one for one in text_string_to_metric_families(exposition(told()))}
    assert families["schoolgate_queries"].type == "counter"
    assert sum(sample.value for sample in families["schoolgate_queries"].samples) == 7


def test_counts_states_and_units() -> None:
    assert {
        'schoolgate_queries_total{transport="udp"} 4.0',
        'schoolgate_query_outcomes_total{outcome="denied"} 2.0',
        'schoolgate_plane_events_total{event="truncated"} 1.0',
        "schoolgate_workers_alive 1.0",
        "schoolgate_problems 1.0",
        "schoolgate_cache_bytes 1024.0",
        'schoolgate_forwarder_up{forwarder="192.0.2.1:53"} 0.0',
        'schoolgate_forwarder_rtt_seconds{forwarder="192.0.2.1:53"} 0.0125',
    } <= lines()


def test_denied_categories_are_counted_by_what_fills_them() -> None:
    categories = {
        "denied": 3,
        "filled": ["malware"],
        "starter_only": [{"category": "gambling"}],
        "empty": [],
        "unlisted": [],
    }
    found = lines(categories=categories)
    assert 'schoolgate_denied_categories{state="starter_only"} 1.0' in found
    assert 'schoolgate_denied_categories{state="empty"} 0.0' in found
    assert not any("denied_categories" in line for line in lines(categories=None))


def test_a_failing_feed_shows_with_its_true_age() -> None:
    feed = {"id": "ut1", "condition": "failing", "age_s": 90_000, "names": 12}
    found = lines(lists={"serial": 9, "age_s": 5, "names": 100, "update": {"feeds": [feed]}})
    assert 'schoolgate_feed_ok{condition="failing",feed="ut1"} 0.0' in found
    assert 'schoolgate_feed_age_seconds{feed="ut1"} 90000.0' in found


def test_a_name_with_quotes_cannot_break_out_of_its_label() -> None:
    odd = {"suppliers": [{"supplier": 'a"} 1\nx', "age_s": 3}]}
    (family,) = (
        one
        for one in text_string_to_metric_families(exposition(told(sealed=odd)))
        if one.name.endswith("sealed_age_seconds")
    )
    assert [sample.labels for sample in family.samples] == [{"supplier": 'a"} 1\nx'}]


def test_the_query_log_and_the_checks_are_told_where_they_are() -> None:
    log = {"rows": {"ordinary": 5, "safeguarding": 1}, "dropped_ring": {"ordinary": 2}, "dropped_disk": {}, "octets": 9}
    log["last_fsync_age_ms"] = 1500
    checks = {"reachability": {"rate": 0.01, "over_blocked_names": 4, "age_s": 60}, "safesearch": {"failed": 0}}
    monitor = {"age_s": 2, "lag_s": 0.5, "jobs": {"reports": {"ok": False}}, "outbox": {"dead": 1}, "problems": []}
    assert {
        "schoolgate_monitor_lag_seconds 0.5",
        'schoolgate_monitor_task_ok{task="reports"} 0.0',
        'schoolgate_outbox_messages{state="dead"} 1.0',
        'schoolgate_log_rows_total{class="ordinary"} 5.0',
        'schoolgate_log_rows_dropped_total{class="ordinary",reason="ring"} 2.0',
        "schoolgate_log_fsync_age_seconds 1.5",
        "schoolgate_over_blocked_ratio 0.01",
        "schoolgate_safesearch_targets_failed 0.0",
    } <= lines(query_log=log, checks=checks, monitor=monitor)


def test_a_status_that_tells_nothing_is_no_error() -> None:
    assert "schoolgate_build_info" in exposition({})


def test_a_list_without_end_is_cut() -> None:
    feeds = [{"id": str(number), "condition": "ok", "age_s": 1, "names": 1} for number in range(MOST_SAMPLES + 10)]
    text = exposition(told(lists={"update": {"feeds": feeds}}))
    assert text.count("schoolgate_feed_names{") == MOST_SAMPLES


def test_every_way_a_query_leaves_is_an_outcome_and_each_is_counted_by_the_plane() -> None:
    source = (ROOT / "rust/plane/src/counters.rs").read_text(encoding="utf-8")
    leaving = source.partition("// How a query leaves")[2].partition("// What happened on the way")[0]
    assert tuple(re.findall(r'= "(\w+)",', leaving)) == OUTCOMES


def test_names_have_base_units_and_are_there_once() -> None:
    names = [one.name for one in FAMILIES]
    assert len(names) == len(set(names))
    for one in FAMILIES:
        assert one.name.endswith("_total") == (one.kind == "counter"), one.name
        assert not re.search(r"_(ms|octets|minutes|hours|days|percent)\b", one.name)
        assert not {"client", "name", "qname", "address"} & set(one.labels)
        assert not {"job", "instance"} & set(one.labels), "these are Prometheus's own"
