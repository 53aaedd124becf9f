"""The metrics endpoint of the real service: what it tells, and that nothing done to it costs a query."""

from __future__ import annotations

import http.client
import socket

from tests.integration.conftest import Start
from tests.integration.serving import Serving
from tests.waiting import PATIENT_S

ON = '[metrics]\nlisten = "127.0.0.1:0"\n'


def port(school: Serving) -> int:
    return int(school.control("status")["metrics"].rpartition(":")[2])


def scrape(school: Serving, path: str = "/metrics") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port(school), timeout=PATIENT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_it_is_off_unless_asked_for(server: Serving) -> None:
    assert server.control("status")["metrics"] is None


def test_the_same_is_scraped_that_status_prints_and_no_client_and_no_name_is_in_it(start: Start) -> None:
    school = start(settings=ON)
    school.ask("secret-name.example.org", source="127.0.0.9")
    # Known a while after the start: how long ago the log was synced, and what fills the categories.
    later = ("schoolgate_log_fsync_age_seconds", "schoolgate_denied_categories")
    school.until(lambda: all(one in scrape(school)[1] for one in later))
    code, text = scrape(school)
    assert code == 200
    assert "schoolgate_workers_alive 1.0" in text
    assert 'schoolgate_query_outcomes_total{outcome="resolved"}' in text
    assert "secret-name" not in text
    assert "127.0.0.9" not in text
    printed = school.cli("status", "--metrics").stdout
    names = [
        {line.split(" ")[2] for line in each.splitlines() if line.startswith("# TYPE")} for each in (text, printed)
    ]
    assert names[0] == names[1]
    assert scrape(school, "/")[0] == 200
    assert scrape(school, "/etc/passwd")[0] == 404


def test_connections_that_do_nothing_are_bounded_and_dns_notices_nothing(start: Start) -> None:
    school = start(settings=ON)
    address = ("127.0.0.1", port(school))
    idle = [socket.create_connection(address, timeout=PATIENT_S) for _ in range(40)]
    try:
        for one in idle:
            one.setblocking(False)
        school.until(lambda: sum(map(_is_closed, idle)) >= 20)
        assert school.rcode("www.example.org") == "NOERROR"
        assert school.rcode("gambling.blocked.example.com") == "NXDOMAIN"
    finally:
        for one in idle:
            one.close()
    school.until(lambda: _scrapes(school))


def _is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def _scrapes(school: Serving) -> bool:
    try:
        return scrape(school)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def test_a_port_that_is_taken_costs_the_metrics_and_not_the_dns(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        school = start(settings=f'[metrics]\nlisten = "{taken.getsockname()[1]}"\n')
        assert school.rcode("www.example.org") == "NOERROR"
        (problem,) = school.problems()
        assert "metrics are not served: 127.0.0.1" in problem
        assert "metrics.listen" in problem
