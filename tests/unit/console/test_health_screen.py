"""Health on screen: an answer first, then what to do, whatever of the filter runs."""

from __future__ import annotations

import re
from typing import Any

from tests.unit.console.care_school import RoleBrowser, statuses
from tests.unit.console.conftest import RunningConsole
from tests.unit.console.fake_control import FakeControl

from schoolgate.accounts.roles import Role

HOSTILE = "<script>alert(1)</script>"
SERVING: dict[str, Any] = {
    "at": "2026-11-30T09:00:00+00:00", "version": "1.2.3", "is_serving": True,
    "problems": [{"id": "x", "severity": "notice", "subject": "x", "sentence": f"`{HOSTILE}`", "remedy": HOSTILE}],
    "unprotected": [], "listeners": [{"door": "dot", "address": "192.0.2.1:853"}],
    "forwarders": [{"address": "192.0.2.53:53", "state": "down", "rtt_ms": None, "sent": 1234, "replies": 0,
                    "timeouts": 7, "network_errors": 1}],
    "policy": {"revision": 7, "applied_at": "2026-11-29T09:00:00+00:00", "age_s": 86400, "who": HOSTILE, "why": "",
               "segments": {"year-9": "pupil"}, "next_change": None},
    "lists": {"serial": 41, "names": 10, "entries": 1_234_567, "octets": 9, "built_at": "2026-11-29T09:00:00+00:00",
              "age_s": 9},
    "feeds": [{"id": "fresh", "condition": "ok", "names": 5, "age_s": 3600, "failure": None},
              {"id": "old", "condition": "failing", "names": 5, "age_s": 259200, "failure": HOSTILE},
              {"id": "none", "condition": "not fetched", "names": 0, "age_s": None, "failure": None}],
    "sealed": [{"supplier": "S", "serial": 3, "age_s": 60, "state": "ok"}],
    "query_log": {"is_on": True, "rows": {"ordinary": 10}, "lost": {"ordinary": 4}, "problem": None},
    "disk": {"path": "/", "free": 10**9, "whole": 10**11},
    "certificate": {"names": ["dns.school.example"], "not_after": "2026-12-05T00:00:00+00:00", "days_left": 5},
    "processes": [{"name": "serve", "is_running": True, "pid": 1, "age_s": 7200},
                  {"name": "monitor", "is_running": False, "pid": None, "age_s": None}],
    "backup": {"name": "b", "at": "2026-11-29T02:00:00+00:00", "age_s": 1, "octets": 5_000_000, "targets": ["nas"],
               "proved_at": None, "proved_age_s": None},
    "checks": {}, "counters": {}, "settings_waiting": ["server.listen"],
}  # fmt: skip


async def test_health_is_for_those_who_mend_it(browser: RoleBrowser) -> None:
    mends = {"network_manager", "trust_director", "provider"}
    assert await statuses(browser, "/health") == {role.value: 200 if role in mends else 404 for role in Role}


async def test_without_a_server_the_page_says_so_and_what_to_do(browser: RoleBrowser) -> None:
    _, text = await browser.get(Role.network_manager, "/health")
    assert re.search(r"Filtering is not running here\. \d+ things need you\.", text)
    assert "start it with <code>schoolgate serve</code>" in text
    assert "Not protected yet" in text
    assert "The recommended lists fill these." in text


async def test_with_a_server_everything_is_there_and_the_worst_list_stands_first(
    console: RunningConsole, control: FakeControl
) -> None:
    control.answers["status.show"] = SERVING
    response, text = await console.get("/health")
    assert response.status == 200
    assert "Filtering is running. Nothing needs you." in text
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 4
    for said in ("192.0.2.1:853", "1,234,567 entries", "3 days", "1 GB free of 100 GB", "5 days left", "Nearly full",
                 "Renew it", "4 rows", "5 MB", "Never", "server.listen", "Cannot be fetched", "2 hours"):  # fmt: skip
        assert said in text, said
    assert text.index("Cannot be fetched") < text.index("In order")


async def test_the_first_line_counts_what_is_not_protected_yet(console: RunningConsole, control: FakeControl) -> None:
    missing = {"id": "category-empty", "severity": "warning", "subject": "x", "sentence": "x", "remedy": "x"}
    control.answers["status.show"] = SERVING | {"unprotected": [missing]}
    _, text = await console.get("/health")
    assert "Filtering is running. One thing needs you." in text
