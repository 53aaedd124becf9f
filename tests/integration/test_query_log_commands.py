"""`schoolgate log ...` as people run it: a process of its own, over files as the server leaves them."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
import os
import stat
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest
from tests.program.forked import ran
from tests.stand_in.query_log import row, wal, write_rows, write_wals

from schoolgate._core import log_pseudonym
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.alerts.outbox import Outbox
from schoolgate.alerts.rules import AlertRules
from schoolgate.querylog import Row

KEY = bytes(range(16))
LAST_NUMBER = 1000
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
# What a pupil can type: SQL, a formula, an escape that the server has written out, mark-up of our own tables.
SPLIT = 'a;=3+4;-5; "@6.example.net'
HOSTILE = [
    "x' or 'a'='a.example.net",
    "=1+2.example.net",
    SPLIT,
    "\\027]0;pwned.example.net",
    "[red]bold[/red].example.net",
]


def schoolgate(state_dir: Path, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "SCHOOLGATE_STATE_DIR": str(state_dir), "COLUMNS": "200"}
    environ.pop("SCHOOLGATE_CONFIG", None)
    return ran(arguments, timeout=timeout, env=environ)


def printed(state_dir: Path, *arguments: str) -> str:
    done = schoolgate(state_dir, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Rows of the last hour: some converted, some closed, some two seconds old."""
    write_rows(tmp_path, wal(1), [at(50, qname=name, rule="\x1b[2J=cmd") for name in HOSTILE])
    closed = [at(30 - number, qname=f"host{number}.example.org", client="192.0.2.1") for number in range(20)]
    fresh = [row(time=NOW, qname="fresh.example.com", client="192.0.2.2", action="deny", category="games")]
    write_wals(tmp_path, closed, open_rows=fresh, first=2)
    return tmp_path


def at(minutes: int, **changed: object) -> Row:
    return row(time=NOW - dt.timedelta(minutes=minutes), **changed)


def test_a_query_of_a_moment_ago_is_found_first(state: Path) -> None:
    lines = printed(state, "log", "search", "--last", "2h", "--json").splitlines()
    assert len(lines) == 21 + len(HOSTILE)
    newest = orjson.loads(lines[0])
    assert (newest["qname"], newest["action"], newest["class"]) == ("fresh.example.com", "deny", "ordinary")
    assert newest["time"] == NOW.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def test_the_table_says_what_became_of_it(state: Path) -> None:
    shown = printed(state, "log", "search", "--verdict", "deny")
    assert "192.0.2.2" in shown
    assert "games" in shown
    assert "fresh.example.com" in shown


def test_pages_join_by_the_cursor(state: Path) -> None:
    first = schoolgate(state, "log", "search", "--json", "--most", "10")
    cursor = first.stderr.strip().rpartition(" ")[2]
    rest = printed(state, "log", "search", "--json", "--most", "100", "--after", cursor)
    assert len(first.stdout.splitlines()) + len(rest.splitlines()) == 21 + len(HOSTILE)
    assert not set(first.stdout.splitlines()) & set(rest.splitlines())


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_found_and_does_nothing(state: Path, name: str) -> None:
    found = printed(state, "log", "search", "--contains", name.removesuffix(".example.net"), "--json").splitlines()
    assert [orjson.loads(line)["qname"] for line in found] == [name]
    table = printed(state, "log", "search", "--contains", name)
    assert name in table
    assert "\x1b" not in table


def test_csv_runs_in_no_spreadsheet_and_is_rfc_4180(state: Path) -> None:
    done = printed(state, "log", "search", "--csv", "--contains", "example.net")
    lines = list(csv.DictReader(io.StringIO(done)))
    assert {line["qname"] for line in lines} == set(map(defused, HOSTILE))
    assert all(value[:1] not in ("=", "+", "-", "@", "\t", "\r") for line in lines for value in line.values())
    assert "\x1b" not in done
    # As a spreadsheet reads it where the decimal sign is a comma.
    cells = [cell.strip(' "') for line in done.splitlines() for cell in line.split(";")]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def defused(name: str) -> str:
    known = {"=1+2.example.net": "'=1+2.example.net", SPLIT: "a;'=3+4;'-5; \"'@6.example.net"}
    return known.get(name, name)


def test_top_counts_names_and_registrable_domains(state: Path) -> None:
    domains = [orjson.loads(line) for line in printed(state, "log", "top", "domains", "--json").splitlines()]
    assert domains[0] == {"value": "example.org", "rows": 20, "denied": 0}
    assert {"value": "example.com", "rows": 1, "denied": 1} in domains
    assert "fresh.example.com" in printed(state, "log", "top", "names", "--verdict", "deny")


def test_an_empty_log_and_no_match_are_told_apart(state: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert "nothing matches" in schoolgate(state, "log", "search", "--exact", "other.example").stderr
    empty = schoolgate(tmp_path_factory.mktemp("empty"), "log", "search")
    assert (empty.returncode, "no rows yet" in empty.stderr) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--client", "nobody"], "is no client"),
        (["--last", "soon"], "is no length of time"),
        (["--from", "10:00", "--last", "2h"], "not both"),
        (["--from", "2026-11-02", "--to", "2026-11-01"], "not before"),
        (["--after", "1.x"], "no place in the log"),
        (["--name", "a..b"], "use contains"),
        (["--type", "NOTYPE"], "no record type"),
    ],
)
def test_a_wrong_filter_is_explained(state: Path, arguments: list[str], said: str) -> None:
    done = schoolgate(state, "log", "search", *arguments)
    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (1, True, False), done.stderr


def test_a_damaged_file_is_named_and_the_others_are_searched(state: Path) -> None:
    (bad,) = write_rows(state, wal(9), [at(5)])
    octets = bytearray(bad.read_bytes())
    octets[4:200] = bytes(196)
    bad.write_bytes(octets)
    done = schoolgate(state, "log", "search", "--json")
    assert len(done.stdout.splitlines()) == 21 + len(HOSTILE)
    assert f"{bad}: is damaged" in done.stderr


def test_export_writes_all_of_one_client_to_a_private_file(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    assert "20 rows" in printed(
        state, "log", "export", "--client", "192.0.2.1", "--reason", "request 7", "--out", str(file)
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {orjson.loads(line)["client"] for line in file.read_bytes().splitlines()} == {"192.0.2.1"}
    again = schoolgate(state, "log", "export", "--client", "192.0.2.1", "--reason", "request 7", "--out", str(file))
    assert (again.returncode, "there already" in again.stderr) == (1, True)


def test_erase_removes_a_client_whole_and_keeps_the_others(state: Path) -> None:
    done = schoolgate(state, "log", "erase", "--client", "192.0.2.1", "--reason", "a parent asked", "--yes")
    assert (done.returncode, "the 20 rows of 192.0.2.1" in done.stdout) == (0, True), done.stderr
    clients = {orjson.loads(line)["client"] for line in printed(state, "log", "search", "--json").splitlines()}
    assert clients == {"192.0.2.10", "192.0.2.2"}
    (record,) = map(orjson.loads, (state / "log" / "erasures.jsonl").read_bytes().splitlines())
    assert (record["rows"], record["reason"], record["kind"]) == (20, "a parent asked", "asked")
    nothing = printed(state, "log", "erase", "--client", "192.0.2.1", "--reason", "again", "--yes")
    assert "holds no row" in nothing


def test_erase_says_what_it_could_not_look_into(state: Path) -> None:
    (bad,) = write_rows(state, wal(9), [at(5, client="192.0.2.99")])
    bad.write_bytes(b"PAR1" + bytes(500) + b"PAR1")
    done = schoolgate(state, "log", "erase", "--client", "192.0.2.99", "--reason", "asked", "--yes")
    assert (done.returncode, str(bad) in done.stderr, "holds no row" in done.stdout) == (1, True, False)


def test_the_record_of_an_erasure_names_what_was_asked_for_and_nothing_beside_it(tmp_path: Path) -> None:
    pseudonym = log_pseudonym(KEY, "192.0.2.77")
    write_rows(tmp_path, wal(1), [at(5, client=pseudonym), at(4, client="192.0.2.77")])
    with_key(tmp_path, NOW - dt.timedelta(days=1))
    printed(tmp_path, "log", "erase", "--client", "192.0.2.77", "--reason", "asked", "--yes")
    (record,) = map(orjson.loads, (tmp_path / "log" / "erasures.jsonl").read_bytes().splitlines())
    assert (record["clients"], record["rows"]) == (["192.0.2.77"], 2)
    assert not [path for path in (tmp_path / "log").glob("*.json*") if pseudonym in path.read_text()]


def test_maintain_takes_in_all_there_is_and_says_what_waits(tmp_path: Path) -> None:
    write_wals(tmp_path, [at(50)] * 230, each=1)
    assert "0 files" in printed(tmp_path, "log", "maintain").splitlines()[-1]
    assert orjson.loads(printed(tmp_path, "log", "status", "--json"))["waiting"] == 0
    write_wals(tmp_path, [at(40)] * 2, each=1, first=300)
    (tmp_path / "monitor").mkdir()
    (tmp_path / "monitor" / "positions.json").write_text('{"ordinary": {"number": 300, "offset": 0}}')
    done = schoolgate(tmp_path, "log", "maintain")
    assert (done.returncode, "the monitor has not read" in done.stderr) == (0, True), done.stderr


def with_alert(state_dir: Path, client: str) -> None:
    folder = state_dir / "monitor"
    folder.mkdir(mode=0o700)
    with contextlib.closing(AlertStore.open(folder / "alerts.db")) as store:
        told = Finding(
            "attempt", "urgent", "pupils", client, int(NOW.timestamp() * 1e6), 0, "A device asked.", "self-harm"
        )
        AlertRules({}, ZoneInfo("UTC")).apply([told], store, Outbox(store), NOW)


def test_what_matters_for_safeguarding_needs_a_second_word_and_a_hold_forbids_it(tmp_path: Path) -> None:
    client = "192.0.2.77"
    write_rows(tmp_path, wal(1), [at(5, client=client), at(4, client=client, class_="safeguarding")])
    with_alert(tmp_path, client)
    erase = ("log", "erase", "--client", client, "--reason", "request 9", "--yes")
    done = schoolgate(tmp_path, *erase)
    assert done.returncode == 1
    assert "alert 1, " in done.stdout
    assert "urgent, self-harm, new: loses its device, its 0 names, its evidence and its messages" in done.stdout
    assert "nothing was erased: 1 of the 2 rows" in done.stderr
    printed(tmp_path, "alerts", "hold", "1", "--reason", "police, 4711")
    done = schoolgate(tmp_path, *erase, "--safeguarding-too")
    assert (done.returncode, "a hold is set on alert 1 (police, 4711)" in done.stderr) == (1, True)
    assert not (tmp_path / "log" / "erasures.jsonl").exists()
    printed(tmp_path, "alerts", "release", "1")
    assert "erased: the 2 rows" in printed(tmp_path, *erase, "--safeguarding-too")


def test_the_access_export_is_for_a_person_and_for_a_program(tmp_path: Path) -> None:
    client = "192.0.2.77"
    rows = [at(5, client=client), at(4, client=client, action="deny", layer="category", category="gambling")]
    write_rows(tmp_path, wal(1), rows)
    with_alert(tmp_path, client)
    said = printed(
        tmp_path,
        "log",
        "export",
        "--client",
        client,
        "--reason",
        "request 7",
        "--out",
        str(tmp_path / "words"),
        "--text",
    )
    assert "2 rows and 1 alerts of 192.0.2.77" in said
    words = (tmp_path / "words").read_text()
    assert "asked for www.example.org (A) in the network pupils. It was answered." in words
    assert "It was blocked: it is listed as Gambling." in words
    assert "urgent: A device asked. State: new." in words
    printed(tmp_path, "log", "export", "--client", client, "--reason", "request 7", "--out", str(tmp_path / "lines"))
    lines = [orjson.loads(line) for line in (tmp_path / "lines").read_bytes().splitlines()]
    assert [one.get("qname", "alert") for one in lines] == ["www.example.org", "www.example.org", "alert"]
    assert lines[2]["alert"]["category"] == "self-harm"


def test_erase_asks_first(state: Path) -> None:
    done = schoolgate(state, "log", "erase", "--client", "192.0.2.1", "--reason", "a slip")
    assert done.returncode == 1
    assert not (state / "log" / "erasures.jsonl").exists()
    assert len(printed(state, "log", "search", "--client", "192.0.2.1", "--json").splitlines()) == 20


def with_key(state_dir: Path, made_at: dt.datetime) -> None:
    text = orjson.dumps({"key": KEY.hex(), "made_at": made_at.isoformat(), "id": "one"})
    (state_dir / "log").mkdir(exist_ok=True)
    (state_dir / "log" / "pseudonym.json").write_bytes(text)


def test_a_client_is_found_by_address_and_by_pseudonym_and_revealed_for_a_reason(tmp_path: Path) -> None:
    pseudonym = log_pseudonym(KEY, "192.0.2.77")
    write_rows(tmp_path, wal(1), [at(5, client=pseudonym), at(4, client="192.0.2.77"), at(3)])
    with_key(tmp_path, NOW - dt.timedelta(days=1))
    for asked, count in (("192.0.2.77", 2), (pseudonym, 1), ("192.0.2.78", 0)):
        assert len(printed(tmp_path, "log", "search", "--client", asked, "--json").splitlines()) == count
    assert printed(tmp_path, "log", "reveal", pseudonym[:10], "--reason", "concern 12").strip() == "192.0.2.77"
    (record,) = map(orjson.loads, (tmp_path / "log" / "reveals.jsonl").read_bytes().splitlines())
    assert (record["pseudonym"], record["reason"], record["shown"]) == (pseudonym, "concern 12", True)
    assert stat.S_IMODE((tmp_path / "log" / "reveals.jsonl").stat().st_mode) == 0o600
    assert "192.0.2.77" not in (tmp_path / "log" / "reveals.jsonl").read_text()


def test_where_a_key_is_gone_commands_say_how_many_rows_it_costs_and_end_with_3(tmp_path: Path) -> None:
    old, new = log_pseudonym(bytes(16), "192.0.2.77"), log_pseudonym(KEY, "192.0.2.77")
    write_rows(tmp_path, wal(1), [at(500, client=old), at(400, client=old), at(5, client=new)])
    with_key(tmp_path, NOW - dt.timedelta(hours=1))
    told = "2 rows cannot be searched"
    done = schoolgate(tmp_path, "log", "search", "--client", "192.0.2.77", "--json")
    assert (done.returncode, len(done.stdout.splitlines()), told in done.stderr) == (3, 1, True)
    done = schoolgate(
        tmp_path, "log", "export", "--client", "192.0.2.77", "--reason", "request 7", "--out", str(tmp_path / "a.jsonl")
    )
    assert (done.returncode, told in done.stderr) == (3, True)
    assert len((tmp_path / "a.jsonl").read_bytes().splitlines()) == 1
    done = schoolgate(tmp_path, "log", "reveal", old, "--reason", "concern 12")
    assert (done.returncode, done.stdout) == (3, "")
    assert "key is gone" in done.stderr
    assert b'"shown":false' in (tmp_path / "log" / "reveals.jsonl").read_bytes()
    done = schoolgate(tmp_path, "log", "erase", "--client", "192.0.2.77", "--reason", "request 7", "--yes")
    assert (done.returncode, told in done.stderr) == (3, True)
    assert "erased: the 1 rows" in done.stdout
    # In a time of which every key is kept, the answer is whole.
    printed(tmp_path, "log", "search", "--client", "192.0.2.77", "--last", "30m")


def test_status_and_maintain_say_what_there_is(state: Path) -> None:
    assert orjson.loads(printed(state, "log", "status", "--json"))["waiting"] == 2
    assert "2 files of 20 rows converted" in printed(state, "log", "maintain")
    told = printed(state, "log", "status")
    assert "ordinary" in told
    assert "0 closed files to convert" in told


def test_rows_that_the_monitor_has_not_read_are_not_converted_by_hand(state: Path) -> None:
    (state / "monitor").mkdir()
    (state / "monitor" / "positions.json").write_text('{"ordinary": {"number": 3, "offset": 0}}')
    assert "1 files of 10 rows converted" in printed(state, "log", "maintain")


def test_tail_shows_rows_as_they_come(state: Path) -> None:
    environ = {**os.environ, "SCHOOLGATE_STATE_DIR": str(state), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "schoolgate", "log", "tail", "--json", "--name", "example.org"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ) as tail:
        try:
            assert tail.stdout is not None
            number = 10
            os.set_blocking(tail.stdout.fileno(), False)
            seen = b""
            # A new file each time, until it has begun to follow.
            while not seen and number < LAST_NUMBER:
                fresh = [row(time=NOW, qname="new.example.org"), row(time=NOW, qname="other.example.com")]
                write_wals(state, fresh, first=number)
                number += 2
                try:
                    tail.wait(timeout=0.5)
                except subprocess.TimeoutExpired:
                    seen += tail.stdout.read() or b""
                else:
                    raise AssertionError("tail ended")
            names = {orjson.loads(line)["qname"] for line in seen.splitlines()}
        finally:
            tail.terminate()
    assert names == {"new.example.org"}
