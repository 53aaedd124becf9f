"""From a question to the search: the real server writes, the real commands read and keep."""

from __future__ import annotations

import orjson
from tests.integration.conftest import Start
from tests.integration.serving import Serving


def found(school: Serving, *arguments: str) -> list[dict[str, object]]:
    run = school.cli("log", "search", "--json", *arguments)
    assert run.returncode == 0, run.stderr
    return [orjson.loads(line) for line in run.stdout.splitlines()]


def test_a_question_is_found_a_moment_later_by_the_address_of_its_client(start: Start) -> None:
    school = start()
    school.ask("www.asked-just-now.example.org")
    school.until(lambda: found(school, "--name", "asked-just-now.example.org"))
    (row,) = found(school, "--client", "127.0.0.1", "--exact", "www.asked-just-now.example.org")
    assert str(row["client"]).startswith("p-")
    assert (row["action"], row["door"], row["qtype"]) == ("allow", "udp", 1)
    revealed = school.cli("log", "reveal", str(row["client"]), "--reason", "a test")
    assert (revealed.returncode, revealed.stdout.strip()) == (0, "127.0.0.1"), revealed.stderr


def test_a_restart_closes_the_file_and_maintenance_takes_it_in(start: Start) -> None:
    school = start()
    school.ask("before.example.org")
    school.until(lambda: found(school, "--exact", "before.example.org"))
    school.stop()
    school.start()
    school.ask("after.example.org")
    school.until(lambda: found(school, "--exact", "after.example.org"))
    run = school.cli("log", "maintain")
    assert (run.returncode, "rows converted" in run.stdout) == (0, True), run.stderr
    assert list((school.state / "log" / "rows").rglob("wal-*.parquet"))
    names = [row["qname"] for row in found(school, "--last", "1h")]
    assert names.index("after.example.org") < names.index("before.example.org")
    assert names.count("before.example.org") == 1
