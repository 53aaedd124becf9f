"""`status` says how things are, quickly, and that nothing is there when nothing is there."""

from __future__ import annotations

import re
import socket
import stat
from pathlib import Path

import orjson
import pytest
from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import Serving


def test_nothing_running_is_exit_code_1_with_a_remedy(start: Start) -> None:
    school = start(is_started=False)
    run = school.cli("status")
    assert run.returncode == 1
    assert "schoolgate serve" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_service_that_does_not_answer_is_given_up(start: Start) -> None:
    school = start(is_started=False)
    school.state.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(str(school.state / "control.sock"))
        deaf.listen()
        run = school.cli("status", "--timeout", "0.5")
    assert run.returncode == 1
    assert "does not answer" in run.stderr


def test_serials_ages_workers_and_listeners_are_told(server: Serving) -> None:
    told = orjson.loads(server.cli("status", "--json").stdout)
    assert told["policy"]["revision"] == 1
    assert told["lists"]["serial"] == 1
    assert told["lists"]["names"] >= told["lists"]["entries"] > 1000, "the same names as `lists update` counts"
    assert told["workers_alive"] == told["workers"] == 1
    assert told["listening"]["udp"] == told["listening"]["tcp"] == [f"127.0.0.1:{server.port}"]
    assert told["policy"]["in_force"] == {"pupils": "pupil", "staff": "staff", "guests": "guest"}
    assert server.problems() == []


def test_names_are_counted_alike_by_each_command_that_counts_them(start: Start) -> None:
    server = start()
    (server.state.parent / "ours.txt").write_text("example.org\nwww.example.org\nexample.net\n")
    added = server.cli("feeds", "add", str(server.state.parent / "ours.txt"), "--category", "games", "--id", "ours")
    assert added.returncode == 0, added.stderr
    said = {
        command: re.search(r"(\d+) names \((\d+) kept", server.cli(*command).stdout)
        for command in (("lists", "update"), ("lists", "show"), ("status",), ("lists", "build"), ("status",))
    }
    counted = {command: one and (int(one[1]), int(one[2])) for command, one in said.items()}
    assert len(set(counted.values())) == 1, counted
    names, kept = counted["status",] or (0, 0)
    assert names > kept > 1000, "www.example.org says nothing that example.org does not"


def test_denied_categories_without_a_feed_are_told_everywhere_until_one_fills_them(server: Serving) -> None:
    server.until(lambda: server.control("status")["categories"] is not None)
    told = orjson.loads(server.cli("status", "--json").stdout)
    assert {one["category"] for one in told["categories"]["empty"]} == {"malware", "command-and-control", "phishing"}
    gambling = next(one for one in told["categories"]["starter_only"] if one["category"] == "gambling")
    assert gambling["starter_names"] > 300
    assert "self-harm" in {one["category"] for one in told["categories"]["unlisted"]}
    few = "denied categories hold starter names only, so most sites of these kinds are open: "
    command = "schoolgate feeds enable --recommended --accept-licences"
    assert sum(few in one and command in one for one in told["problems"]) == 1
    assert sum("is denied, and no list in use holds a name of it" in one for one in told["problems"]) == 3
    # No public list is recommended for these: said once, no alarm.
    assert not any("self-harm" in one for one in told["problems"])
    assert few in server.cli("status").stderr
    assert few in server.said()
    assert 'schoolgate_denied_categories{state="empty"} 3.0' in server.cli("status", "--metrics").stdout
    report = server.cli("report", "daily", "--for", "governors").stdout
    assert "Malware" in report
    assert "only the best-known names are" in report


def test_check_names_them_and_says_once_where_no_public_list_exists(server: Serving) -> None:
    run = server.cli("check")
    assert run.returncode == 0, run.stderr
    assert "hold starter names only" in run.stderr
    assert "self-harm (Self-harm and suicide) holds 13 reviewed names" in run.stderr
    assert run.stderr.count("self-harm (Self-harm and suicide)") == 1


def test_the_recommended_feeds_are_shown_and_enabled_with_their_licences(start: Start) -> None:
    school = start(is_started=False)
    rows = orjson.loads(school.cli("feeds", "recommend", "--phase", "sixth-form", "--json").stdout)["recommended"]
    assert {"id", "publisher", "licence", "names", "why", "phases", "category"} <= rows[0].keys()
    assert "ut1-games" not in {one["id"] for one in rows}
    asked = school.cli("feeds", "enable", "--recommended", "--phase", "sixth-form")
    assert asked.returncode == 1
    assert "CC BY-SA 4.0" in asked.stdout
    assert "--accept-licences --phase sixth-form; nothing was changed" in asked.stderr
    assert school.cli("feeds", "enable", "ut1-adult", "--recommended").returncode == 2
    done = school.cli("feeds", "enable", "--recommended", "--accept-licences", "--phase", "sixth-form")
    assert done.returncode == 0, done.stderr
    assert f"{len(rows)} feeds added" in done.stdout
    in_use = orjson.loads(school.cli("feeds", "list", "--in-use", "--json").stdout)
    assert {one["id"] for one in in_use} == {one["id"] for one in rows}


def test_a_person_reads_it_too(server: Serving) -> None:
    said = server.cli("status").stdout
    assert "policy      revision 1" in said
    assert "network   pupils has policy pupil now" in said
    assert "1 of 1 alive" in said


def test_counters_move_with_questions(server: Serving) -> None:
    before = sum(server.control("status")["counters"].values())
    server.ask("counted.example.org")
    server.until(lambda: sum(server.control("status")["counters"].values()) > before)
    assert server.control("status")["forwarders"][0]["state"] == "up"


def test_a_dead_forwarder_is_told_and_blocked_names_are_answered(start: Start) -> None:
    school = start(settings='[forwarders]\nservers = ["127.0.0.1:1"]\n', policy=POLICY)
    assert school.rcode("www.example.org") == "SERVFAIL"
    assert school.rcode("denied.example.org") == "NXDOMAIN"


def test_with_no_forwarder_at_all_it_starts_and_says_so(start: Start, tmp_path: Path) -> None:
    school = start(settings='[forwarders]\nservers = ["127.0.0.1:1"]\n', policy=POLICY, is_started=False)
    # "system" on a machine whose resolv.conf names only ourselves cannot be had in a test; no server is the same.
    patch = tmp_path / "sitecustomize.py"
    patch.write_text(
        "import schoolgate.resolver.forwarding as upstreams\nupstreams.default_servers = lambda *_: ()\n",
        encoding="utf-8",
    )
    school.environ = {"PYTHONPATH": str(tmp_path)}
    # Which an interpreter reads at its begin.
    school.program = ("-m", "schoolgate")
    school.start()
    assert any("there is no forwarder" in problem for problem in school.control("status")["problems"])
    assert school.rcode("www.example.org") == "SERVFAIL"
    assert school.rcode("denied.example.org") == "NXDOMAIN"


def test_the_control_socket_is_the_service_users_alone(server: Serving) -> None:
    assert stat.S_IMODE((server.state / "control.sock").stat().st_mode) == 0o600


def test_the_same_is_there_for_prometheus(server: Serving) -> None:
    run = server.cli("status", "--metrics")
    assert run.returncode == 0
    assert "schoolgate_policy_revision 1" in run.stdout
    assert "schoolgate_lists_serial 1" in run.stdout


@pytest.mark.parametrize("mistake", ["[sever]\n", "this is no TOML\n", '[query_log]\nenabled = "yes"\n'])
def test_a_mistake_in_the_settings_file_does_not_make_a_running_service_look_dead(
    server: Serving, mistake: str
) -> None:
    whole = server.config.read_text(encoding="utf-8")
    server.config.write_text(whole + mistake, encoding="utf-8")
    try:
        run = server.cli("status", "--json")
    finally:
        server.config.write_text(whole, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    assert orjson.loads(run.stdout)["policy"]["revision"] == 1
    assert "the settings applied on" in run.stderr
    assert str(server.config) in run.stderr


def test_where_no_service_runs_the_mistakes_are_all_that_is_said(start: Start) -> None:
    school = start(is_started=False)
    school.config.write_text(school.config.read_text(encoding="utf-8") + "[sever]\n", encoding="utf-8")
    run = school.cli("status")
    assert run.returncode == 1
    assert "did you mean server?" in run.stderr
