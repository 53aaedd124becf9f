"""The monthly report of the service by the operations: from this system's records, for each role, without a name."""

from __future__ import annotations

import base64
import datetime as dt
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import orjson
import pytest
import pytest_asyncio
from tests.unit.operations.signed_in import HOUR, MINUTE, SECOND, School, opened

from schoolgate.accounts.roles import Role
from schoolgate.alerts.alert_store import AlertStore
from schoolgate.alerts.findings import Finding
from schoolgate.config import load
from schoolgate.evidence.service_days import ServiceDays
from schoolgate.monitoring import monitor_status
from schoolgate.operations.errors import NotPermitted
from schoolgate.operations.governance.service_report import NotAMonth, note_service

DEVICE = "p-emmajonesipadaaaaaaaaaaaaa"


@pytest_asyncio.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(tmp_path) as one:
        yield one


@contextmanager
def answering(school: School) -> Iterator[None]:
    """A server that answers at the control socket, whatever it is asked."""
    path = load(school.config).server.control_socket
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            while True:
                try:
                    caller, _ = listener.accept()
                except OSError:
                    return
                with caller:
                    caller.recv(4096)
                    caller.sendall(b'{"ok": true, "result": {}}\n')

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    path.unlink()


def minutes(school: School, count: int) -> None:
    for _ in range(count):
        note_service(load(school.config), school.clock.now())
        school.clock.us += MINUTE


def raise_alerts(school: School, seen_after: int) -> None:
    """One that a person saw and called a false alarm, of a device that has the name of a pupil."""
    folder = school.state / "monitor"
    folder.mkdir(mode=0o700, exist_ok=True)
    with closing(AlertStore.open(folder / "alerts.db")) as store:
        with store.transaction() as db:
            finding = Finding("attempt", "urgent", "pupils", DEVICE, school.clock.us, 600, "Emma asked.", "self-harm")
            number, _ = store.raise_alert(db, "built-in", "urgent", finding, 3600, school.clock.now())
        store.close_alert(number, "false-alarm", "Dora", "", school.clock.now() + dt.timedelta(minutes=seen_after))


async def test_what_was_measured_is_reported_to_each_who_may_and_names_no_one(school: School) -> None:
    raise_alerts(school, 12)
    alive = orjson.dumps({"alive_at": school.clock.now().isoformat()})
    monitor_status.path_of(school.state).write_bytes(alive)
    school.clock.us += 5 * SECOND
    with answering(school):
        minutes(school, 3)
    minutes(school, 1)
    sees = set(Role) - {Role.teacher}
    for role in Role:
        token = await school.signed_in(role.value, role)
        if role not in sees:
            with pytest.raises(NotPermitted):
                await school.call(token, "evidence.service", month="2026-11")
            continue
        found = await school.call(token, "evidence.service", month="2026-11")
        values = [one.value for one in found.rows]
        assert values[0].startswith("It answered in 3 of 4 minutes (75.00 %); ")
        assert values[1].startswith("Not measured: no check ran"), "and nothing is made up for it"
        assert values[4] == "The log was watched in 1 of 4 minutes (25.00 %)."
        assert "1 of 1 alerts were seen: half of them within 12 minutes" in values[5]
        assert values[6] == "1 of 1 judged alerts were false alarms (100.00 %)."
        assert not [one for one in ("emma", DEVICE, "dora") if one in str(found).casefold()]
    pdf = await school.call(token, "evidence.service_pdf", month="2026-11")
    assert base64.b64decode(pdf.octets).startswith(b"%PDF-")
    assert pdf.name == "service-2026-11.pdf"


async def test_a_month_begins_and_ends_on_the_clock_of_the_school(school: School) -> None:
    head = await school.signed_in("helen", Role.head)
    raise_alerts(school, 1)
    school.clock.us += 30 * HOUR
    minutes(school, 2)
    last = await school.call(await school.session(await school.account("h2", Role.head)), "evidence.service")
    assert (last.month, last.is_over, last.rows[0].state.value) == ("2026-11", True, "broken")
    head = await school.session(await school.account("h3", Role.head))
    now = await school.call(head, "evidence.service", month="2026-12")
    assert (now.is_over, now.last.isoformat()) == (False, "2026-12-01")
    assert now.rows[0].value.startswith("It answered in 0 of 2 minutes (0.00 %)")
    assert now.rows[5].value.startswith("Not measured: there was no alert, and nothing is known to have watched")
    for month in ("2026-13", "2027-01"):
        with pytest.raises(NotAMonth):
            await school.call(head, "evidence.service", month=month)


async def test_a_damaged_record_turns_its_rows_red(school: School) -> None:
    head = await school.signed_in("helen", Role.head)
    minutes(school, 1)
    ServiceDays(school.state).path.write_bytes(b"{ cut off")
    found = await school.call(head, "evidence.service", month="2026-11")
    assert [one.state.value for one in found.rows[:3]] == ["broken"] * 3
    minutes(school, 1)
    found = await school.call(head, "evidence.service", month="2026-11")
    assert found.rows[0].value.startswith("It answered in 0 of 1 minutes")
