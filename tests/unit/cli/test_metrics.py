"""`status --metrics`: text that Prometheus reads, with the true age of what fails."""

import re
from typing import Any

from schoolgate.commands.metrics import exposition

SAMPLE = re.compile(r'^[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\.)*"(,[a-z]+="(?:[^"\\\n]|\\.)*")*\})? -?[0-9.e+]+$')


def told(**more: Any) -> dict[str, Any]:
    return {
        "counters": {"queries": 7, "denied": 2},
        "cache": {"cache_entries": 3},
        "workers": 2,
        "workers_alive": 1,
        "uptime_s": 60,
        "policy": {"revision": 4},
        "lists": {"serial": 9, "age_s": 5, "names": 100, "update": None},
        "problems": ["one worker died"],
        "forwarders": [{"forwarder": "192.0.2.1:53", "state": "down"}],
        "sealed": None,
    } | more


def test_every_line_is_a_comment_or_a_sample() -> None:
    lines = exposition(told()).splitlines()
    assert all(line.startswith("# ") or SAMPLE.match(line) for line in lines)
    assert {"schoolgate_queries_total 7", "schoolgate_workers_alive 1"} <= set(lines)
    assert 'schoolgate_forwarder_up{forwarder="192.0.2.1:53"} 0' in lines


def test_a_failing_feed_shows_with_its_true_age() -> None:
    feed = {"id": "ut1", "condition": "failing", "age_s": 90_000, "names": 12}
    lists = {"serial": 9, "age_s": 5, "names": 100, "update": {"feeds": [feed]}}
    lines = exposition(told(lists=lists)).splitlines()
    assert 'schoolgate_feed_ok{feed="ut1",condition="failing"} 0' in lines
    assert 'schoolgate_feed_age_seconds{feed="ut1"} 90000' in lines


def test_a_name_with_quotes_cannot_break_out_of_its_label() -> None:
    odd = {"suppliers": [{"supplier": 'a"} 1\nx', "age_s": 3}]}
    lines = exposition(told(sealed=odd)).splitlines()
    assert all(line.startswith("# ") or SAMPLE.match(line) for line in lines)
