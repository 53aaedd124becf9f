"""`check reachability` and `check safesearch` against the real service: where answers lead, exit codes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import Serving
from tests.integration.upstream_thread import UpstreamThread

BETS = "middle.example.net\n"
ALWAYS = "plain.example.org\nnx.example.org\nnodata.example.org\nservfail.example.org\n"
EXTRA = (
    '[lists]\nprotected = ["cname.example.org"]\n'
    'extra = [{ path = "bets.txt", category = "gambling" }, { path = "always.txt", category = "exams" }]\n'
)


@pytest.fixture
def school(start: Start) -> Serving:
    """A name that is guarded from lists, and whose answer leads to one that a list denies."""
    made = start(settings=EXTRA, policy=POLICY, is_started=False)
    (made.folder / "bets.txt").write_text(BETS, encoding="utf-8")
    (made.folder / "always.txt").write_text(ALWAYS, encoding="utf-8")
    made.start()
    return made


def reachability(school: Serving, *more: str) -> tuple[int, dict[str, Any]]:
    run = school.cli("check", "reachability", "--json", *more)
    assert run.returncode in (0, 3), run.stderr
    return run.returncode, orjson.loads(run.stdout)


def test_an_answer_that_leads_to_a_denied_name_is_over_blocking_under_the_policies_that_deny_it(
    school: Serving,
) -> None:
    # The service listens on a port of its own choice, which the settings do not know.
    code, told = reachability(school)
    assert code == 3, told
    assert {(one["name"], one["policy"], one["via"], one["by"]) for one in told["closed"]} == {
        ("cname.example.org", "strict", "middle.example.net", "extra/bets")
    }
    assert school.rcode("cname.example.org") == "NXDOMAIN", "the device gets just that"
    unresolvable = {one["name"]: one["said"] for one in told["unresolvable_names"]}
    assert unresolvable.keys() == {"nx.example.org", "servfail.example.org"}
    assert unresolvable["nx.example.org"] == "NXDOMAIN"
    assert told["without_address"] == ["nodata.example.org"]
    assert told["asked"] == told["names"]

    kept = orjson.loads((school.state / "checks/reachability.json").read_bytes())
    assert (kept["rate"], kept["over_blocked"]) == (told["rate"], 1)
    (row,) = (school.state / "checks/reachability-history.jsonl").read_bytes().splitlines()
    assert orjson.loads(row)["over_blocked"] == 1
    assert b"example" not in row, "the history has no names"
    assert any("closed under some policy" in problem for problem in school.control("status")["problems"])


def test_offline_only_decides_and_a_person_reads_it(school: Serving, upstream: UpstreamThread) -> None:
    before = len(upstream.stand_in.seen)
    code, told = reachability(school, "--offline")
    assert (code, told["asked"], told["closed"]) == (0, None, [])
    assert len(upstream.stand_in.seen) == before
    run = school.cli("check", "reachability", "--offline")
    assert "over-blocked: 0 of" in run.stdout
    assert "nothing was resolved" in run.stderr


def test_without_any_lists_it_says_what_to_do(start: Start) -> None:
    run = start(is_started=False).cli("check", "reachability")
    assert run.returncode == 1
    assert "schoolgate lists build" in run.stderr
    assert "Traceback" not in run.stderr


def test_check_alone_reads_the_settings_and_a_subcommand_takes_them_from_either_place(start: Start) -> None:
    school = start(is_started=False)
    assert "ok  configuration" in school.cli("check").stdout
    run = school.cli("check", "--config", school.config, "safesearch")
    assert run.returncode == 0, run.stderr


def test_safesearch_targets_are_asked_of_the_forwarders_and_a_failure_is_told(
    start: Start, upstream: UpstreamThread
) -> None:
    school = start()
    run = school.cli("check", "safesearch", "--json")
    assert run.returncode == 0, run.stderr
    told = orjson.loads(run.stdout)
    assert {"forcesafesearch.google.com", "restrict.youtube.com"} <= {one["target"] for one in told["targets"]}
    assert school.problems() == []
    upstream.stand_in.rcode = 3
    try:
        failed = school.cli("check", "safesearch")
    finally:
        upstream.stand_in.rcode = 0
    assert failed.returncode == 3
    assert "FAIL forcesafesearch.google.com" in failed.stdout
    assert any("SafeSearch hosts resolves" in problem for problem in school.control("status")["problems"])
