"""The query log of the real service: every way an answer leaves gives its row, and nothing is kept that must not be."""

from __future__ import annotations

import stat
from pathlib import Path

import orjson
import pytest
from tests.integration.conftest import Start
from tests.integration.policies import POLICY
from tests.integration.serving import GUEST, PUPIL, STAFF, Serving
from tests.integration.upstream_thread import UpstreamThread

from schoolgate._core import LogRow, log_client, log_read, log_to_parquet

CLASSES = ("ordinary", "safeguarding")
IN_CLEAR = "[query_log]\npseudonyms = false\n"


def wal_files(school: Serving, class_: str = "ordinary") -> list[Path]:
    return sorted((school.state / "log" / "wal").glob(f"{class_}-*.wal"))


def rows(school: Serving, class_: str = "ordinary") -> list[LogRow]:
    """Every row of a class that is on the disk now."""
    return [row for path in wal_files(school, class_) for row in log_read(path, 0, 1 << 30)[0]]


def row_of(school: Serving, qname: str, class_: str = "ordinary", nth: int = 0) -> LogRow:
    """The row of a name, when it is written."""

    def found() -> list[LogRow]:
        return [row for row in rows(school, class_) if row.qname == qname]

    school.until(lambda: len(found()) > nth)
    return found()[nth]


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory, upstream: UpstreamThread) -> Serving:
    """One that stores addresses; its tests ask names of their own."""
    serving = Serving(tmp_path_factory.mktemp("logging"), upstream.port, settings=IN_CLEAR)
    serving.start()
    yield serving
    serving.stop()


def test_a_resolved_and_a_cached_answer_have_a_row_each_with_their_words(school: Serving) -> None:
    school.ask("First.example.org", "AAAA")
    school.ask("first.example.org", "AAAA", source=STAFF)
    resolved, cached = row_of(school, "first.example.org"), row_of(school, "first.example.org", nth=1)
    assert (resolved.client, resolved.segment, resolved.policy) == (PUPIL, "pupils", "pupil")
    assert (resolved.qname_asked, resolved.qtype, resolved.rcode) == ("First.example.org", 28, 0)
    assert (resolved.action, resolved.layer, resolved.source, resolved.door) == ("allow", "allow", "forwarder", "udp")
    assert (resolved.policy_serial, resolved.snapshot_serial) == (1, 1)
    assert (cached.client, cached.segment, cached.source, cached.qname_asked) == (STAFF, "staff", "cache", None)
    assert 0 < resolved.latency_us < 5_000_000
    assert cached.time_us >= resolved.time_us


def test_a_denied_answer_names_layer_category_and_list(school: Serving) -> None:
    school.ask("gambling.blocked.example.com")
    row = row_of(school, "gambling.blocked.example.com", "safeguarding")
    assert (row.action, row.layer, row.category, row.source, row.rcode) == ("deny", "category", "gambling", "policy", 3)
    assert row.rule


def test_a_local_answer_over_tcp_has_its_row(school: Serving) -> None:
    school.ask("localhost", tcp=True)
    row = row_of(school, "localhost")
    assert (row.door, row.source, row.action) == ("tcp", "local", "allow")


def test_an_answer_over_tcp_that_was_waited_for_has_its_row(school: Serving) -> None:
    school.ask("slow-50.example.org", tcp=True)
    row = row_of(school, "slow-50.example.org")
    assert (row.door, row.source) == ("tcp", "forwarder")
    assert row.latency_us >= 40_000


def test_the_first_alias_is_kept(school: Serving) -> None:
    school.ask("cname.example.org")
    assert row_of(school, "cname.example.org").cname == "middle.example.net"


def test_safesearch_is_a_rewrite(school: Serving) -> None:
    school.ask("www.google.com")
    row = row_of(school, "www.google.com")
    assert (row.action, row.cname) == ("rewrite", "forcesafesearch.google.com")


def test_a_failure_is_kept_too(school: Serving) -> None:
    school.ask("servfail.example.org")
    row = row_of(school, "servfail.example.org")
    assert (row.action, row.source, row.rcode) == ("fail", "nobody", 2)


def test_each_answer_has_one_row_and_status_counts_them(start: Start) -> None:
    school = start(settings=IN_CLEAR, policy=POLICY)
    for number in range(40):
        school.ask(f"n{number % 10}.example.org", tcp=number % 4 == 0)
        school.ask("denied.example.org", source=STAFF)
    school.stop()
    assert len(rows(school)) + len(rows(school, "safeguarding")) == 80
    school.start()
    told = school.control("status")["query_log"]
    assert told["enabled"]
    assert told["problem"] is None
    assert told["dropped_ring"] == told["dropped_disk"] == {"ordinary": 0, "safeguarding": 0}
    school.ask("n1.example.org")
    school.until(lambda: school.control("status")["query_log"]["rows"]["ordinary"] == 1)
    assert "schoolgate_log_rows_total" in school.cli("status", "--metrics").stdout
    assert "query log   1 rows since the start" in school.cli("status").stdout


def test_clients_are_pseudonyms_unless_told_otherwise_and_only_the_key_tells(start: Start) -> None:
    school = start()
    school.ask("www.example.org")
    school.ask("www.example.org", source=STAFF)
    first, second = row_of(school, "www.example.org"), row_of(school, "www.example.org", nth=1)
    assert first.client.startswith("p-")
    assert first.client != second.client
    file = school.state / "log" / "pseudonym.json"
    key = bytes.fromhex(orjson.loads(file.read_bytes())["key"])
    assert (log_client(key, first.client), log_client(key, second.client)) == (PUPIL, STAFF)
    school.stop()
    school.start()
    school.ask("again.example.org")
    assert row_of(school, "again.example.org").client == first.client, "the same key after a restart"


def test_a_key_that_has_served_its_time_is_replaced_at_the_start(start: Start) -> None:
    school = start()
    file = school.state / "log" / "pseudonym.json"
    old = orjson.loads(file.read_bytes())
    school.stop()
    file.write_bytes(orjson.dumps(old | {"made_at": "2020-01-01T00:00:00+00:00"}))
    school.start()
    assert orjson.loads(file.read_bytes())["key"] != old["key"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_levels_keep_what_they_say_and_no_more(start: Start) -> None:
    levels = POLICY.replace('policy = "strict"\nrate', 'policy = "strict"\nlog = "denied-only"\nrate')
    levels = levels.replace('policy = "open"\n', 'policy = "open"\nlog = "counts-only"\n')
    school = start(settings=IN_CLEAR, policy=levels)
    for source in (PUPIL, STAFF, GUEST):
        school.ask("secret-allowed.example.org", source=source)
        school.ask("denied.example.org", source=source)
    school.stop()
    found = rows(school)
    by_segment = {segment: [row for row in found if row.segment == segment] for segment in ("pupils", "staff", "")}
    assert [(row.client, row.qname) for row in by_segment["pupils"]] == [("", ""), (PUPIL, "denied.example.org")]
    assert [(row.client, row.qname, row.action) for row in by_segment["staff"]] == [("", "", "allow"), ("", "", "deny")]
    assert [row.qname for row in by_segment[""]] == ["secret-allowed.example.org", "denied.example.org"]
    for row in (*by_segment["pupils"][:1], *by_segment["staff"]):
        assert row.time_us % 60_000_000 == 0
        assert (row.rule, row.cname, row.qname_asked) == (None, None, None)


def test_a_sealed_name_never_reaches_the_log(start: Start) -> None:
    school = start(settings=IN_CLEAR, policy=POLICY)
    source = school.folder / "from-supplier"
    source.write_text("unmistakable.example.net\n", encoding="utf-8")
    assert school.cli("sealed", "import", source, "--supplier", "iwf").returncode == 0
    school.until(lambda: school.rcode("unmistakable.example.net", source=STAFF) != "NOERROR")
    school.ask("www.UNMISTAKABLE.example.net", tcp=True)
    school.stop()
    withheld = [row for row in rows(school, "safeguarding") if row.layer == "sealed"]
    assert len(withheld) >= 2
    for row in withheld:
        assert (row.qname, row.qname_asked, row.cname, row.category) == ("(withheld)", None, None, None)
        assert row.rule is not None
        assert row.rule.startswith("sealed list, serial")
    assert {PUPIL, STAFF} == {row.client for row in withheld}
    before = [row for row in rows(school) if "unmistakable" in row.qname]
    for path in wal_files(school, "safeguarding") + ([] if before else wal_files(school)):
        assert b"unmistakable" not in path.read_bytes().lower()


def test_only_the_service_may_read_the_log(school: Serving) -> None:
    folder = school.state / "log"
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE((folder / "wal").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder / "wal").iterdir()} == {0o600}


def test_what_was_logged_becomes_parquet(start: Start, tmp_path: Path) -> None:
    import duckdb

    school = start(settings=IN_CLEAR, policy=POLICY)
    school.ask("www.example.org")
    school.stop()
    for path in wal_files(school):
        log_to_parquet(path, tmp_path / "rows")
    pattern = f"{tmp_path}/rows/**/*.parquet"
    with duckdb.connect() as database:
        found = database.execute(
            f"SELECT client, qname, class FROM read_parquet('{pattern}', hive_partitioning = true)"
        ).fetchall()
    assert found == [(PUPIL, "www.example.org", "ordinary")]


def test_switched_off_it_keeps_nothing(start: Start) -> None:
    school = start(settings="[query_log]\nenabled = false\n", policy=POLICY)
    school.ask("www.example.org")
    assert school.control("status")["query_log"]["enabled"] is False
    assert not (school.state / "log").exists()
    assert "query log   off" in school.cli("status").stdout
