"""Devices: named, grouped, lost, forgotten; and which one a row of the log was of, for who may see it, on record."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.stand_in.query_log import row, wal, write_rows
from tests.unit.operations.signed_in import School, opened

from schoolgate._core import log_pseudonym
from schoolgate.accounts.roles import Role
from schoolgate.alerts.alert_store import AlertRefused, AlertStore
from schoolgate.governance.errors import RecordRefused
from schoolgate.identity.attribution import Attribution, Span
from schoolgate.identity.binding import Binding, Confidence
from schoolgate.identity.binding_table import BindingTable
from schoolgate.identity.bindings_file import counted, write_bindings, write_status
from schoolgate.identity.group_file import path_of_groups, read_groups
from schoolgate.identity.source_reading import SourceState
from schoolgate.operations.devices.device_book import NoSuchDevice
from schoolgate.operations.errors import ArgumentsRefused, NotPermitted
from schoolgate.privacy.pseudonyms import key_in_force
from schoolgate.querylog import BadQuery

IPAD, PHONE, NEW = "00:00:5e:00:53:01", "02:00:5e:00:53:02", "00:00:5e:00:53:03"
ADDRESS = "192.0.2.17"
HOUR = dt.timedelta(hours=1)


@pytest_asyncio.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(tmp_path) as made:
        yield made


def state_of(school: School) -> Path:
    return school.state


def us(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def pseudonym(school: School, address: str = ADDRESS) -> str:
    (state_of(school) / "log").mkdir(exist_ok=True)
    return log_pseudonym(key_in_force(state_of(school), 3000, school.clock.now() - 24 * HOUR).key, address)


def had(school: School, mac: str, since: dt.timedelta, until: dt.timedelta, host_name: str | None = None) -> str:
    """A device had the address; times before now."""
    now = school.clock.now()
    client = pseudonym(school)
    span = Span(client, f"mac:{mac}", "kea", Confidence.lease, us(now - since), us(now - until))
    with Attribution.open(state_of(school)) as attribution:
        attribution.note([span], [], {f"mac:{mac}": host_name}, us(now))
    return client


def here(school: School, *macs: str) -> None:
    now = us(school.clock.now())
    bindings = [
        Binding(f"192.0.2.{17 + n}", f"mac:{mac}", "kea", Confidence.lease, now - 1, now + 10**9, f"host-{n}")
        for n, mac in enumerate(macs)
    ]
    write_bindings(state_of(school), BindingTable({one.address: one for one in bindings}))


async def named(school: School, token: str, *rows: tuple[str, dt.timedelta]) -> list[tuple[str | None, str]]:
    asked = [{"client": client, "at": (school.clock.now() - ago).isoformat()} for client, ago in rows]
    found = await school.call(token, "device.names", asked=asked)
    return [(one.name, one.client) for one in found.names]


@pytest.mark.asyncio
async def test_a_past_row_has_the_name_of_the_device_of_that_time(school: School) -> None:
    it = await school.signed_in("nina", Role.network_manager)
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    client = had(school, IPAD, 5 * HOUR, 3 * HOUR)
    had(school, PHONE, 3 * HOUR, 1 * HOUR)
    await school.call(it, "device.name", device=IPAD.upper().replace(":", "-"), name=" Year 9 iPad 12 ")
    rows = [(client, 4 * HOUR), (client, 2 * HOUR), (client, 6 * HOUR), (ADDRESS, 4 * HOUR), ("p-none", 4 * HOUR)]
    assert await named(school, lead, *rows) == [("Year 9 iPad 12", client), ("Year 9 iPad 12", ADDRESS)]
    with pytest.raises(NotPermitted):
        await named(school, it, *rows)


@pytest.mark.asyncio
async def test_who_looked_is_on_record_without_the_device_in_clear(school: School) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    client = had(school, IPAD, 5 * HOUR, 3 * HOUR)
    await school.call(lead, "device.name", device=IPAD, name="Year 9 iPad 12")
    await named(school, lead, (client, 4 * HOUR))
    await school.call(lead, "device.book")
    await school.call(lead, "device.entry", device=IPAD)
    entries = [one for one in await school.entries() if one["operation"].startswith("device.")]
    assert {one["operation"] for one in entries} == {"device.name", "device.names", "device.book", "device.entry"}
    assert IPAD not in str(entries)
    assert "iPad" not in str(entries)
    assert client not in str(entries)


@pytest.mark.asyncio
async def test_a_name_that_says_who_has_the_device_takes_a_reveal(school: School) -> None:
    it = await school.signed_in("nina", Role.network_manager)
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    client = had(school, IPAD, 5 * HOUR, 3 * HOUR, "adas-ipad")
    await school.call(it, "device.name", device=IPAD, name="iPad of Ada", names_person=True)
    assert await named(school, lead, (client, 4 * HOUR)) == [(None, client)]
    with pytest.raises(NotPermitted):
        await school.call(it, "log.reveal", pseudonym=client, reason="curious")
    entry = await school.call(lead, "device.entry", device=IPAD)
    assert (entry.spans, entry.needs_reason) == ((), True)
    assert len((await school.call(lead, "device.entry", device=IPAD, reason="concern 12")).spans) == 1
    found = await school.call(lead, "log.reveal", pseudonym=client, reason="concern 12")
    assert found.address == ADDRESS
    assert [(one.name, one.host_name) for one in found.devices] == [("iPad of Ada", "adas-ipad")]


@pytest.mark.asyncio
async def test_the_book_has_each_device_once_in_the_order_of_people(school: School) -> None:
    it = await school.signed_in("nina", Role.network_manager)
    had(school, PHONE, 5 * HOUR, 3 * HOUR)
    here(school, IPAD, NEW)
    await school.call(it, "device.name", device=IPAD, name="iPad 12")
    await school.call(it, "device.name", device="00:00:5e:00:53:99", name="iPad 2")
    await school.call(it, "device.group", device="iPad 12", groups=["Year 9", "Trolley B", "Year 9"])
    await school.call(it, "device.lose", device="ipad 2")
    book = await school.call(it, "device.book")
    assert [one.name for one in book.devices] == ["iPad 2", "iPad 12", "", ""]
    assert (book.matching, book.named, book.unnamed) == (4, 2, 2)
    assert book.groups == ("Trolley B", "Year 9")
    by_device = {one.device: one for one in book.devices}
    assert by_device[f"mac:{IPAD}"].addresses == ("192.0.2.17",)
    assert by_device[f"mac:{PHONE}"].is_randomised
    for wanted, count in (
        ({"text": "IPAD"}, 2), ({"group": "Year 9"}, 1), ({"which": "lost"}, 1), ({"which": "here"}, 2),
        ({"which": "unnamed"}, 2), ({"text": "host-1"}, 1), ({"text": "192.0.2.17"}, 1), ({"text": IPAD[-5:]}, 1),
    ):  # fmt: skip
        assert (await school.call(it, "device.book", **wanted)).matching == count, wanted
    second = await school.call(it, "device.book", most=1, skip=1)
    assert [one.name for one in second.devices] == ["iPad 12"]


@pytest.mark.asyncio
async def test_it_sees_no_times_of_a_device_and_the_lead_does(school: School) -> None:
    it = await school.signed_in("nina", Role.network_manager)
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    client = had(school, IPAD, 5 * HOUR, 3 * HOUR)
    assert (await school.call(it, "device.entry", device=IPAD)).spans == ()
    assert [one.client for one in (await school.call(lead, "device.entry", device=IPAD)).spans] == [client]
    teacher = await school.signed_in("tim", Role.teacher)
    for operation in ("device.book", "device.entry", "device.names"):
        with pytest.raises(NotPermitted):
            await school.call(teacher, operation)


@pytest.mark.asyncio
async def test_a_forgotten_device_has_no_name_and_no_past(school: School) -> None:
    it = await school.signed_in("nina", Role.network_manager)
    officer = await school.signed_in("otto", Role.data_protection_officer)
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    client = had(school, IPAD, 5 * HOUR, 3 * HOUR, "adas-ipad")
    await school.call(it, "device.name", device=IPAD, name="iPad of Ada")
    with pytest.raises(NotPermitted):
        await school.call(it, "device.forget", device=IPAD, reason="to hide it")
    with pytest.raises(BadQuery, match="reason"):
        await school.call(officer, "device.forget", device=IPAD, reason=" ")
    assert await school.call(officer, "device.forget", device=IPAD, reason="Ada left") == 1
    assert await named(school, lead, (client, 4 * HOUR)) == []
    with pytest.raises(NoSuchDevice):
        await school.call(lead, "device.entry", device="iPad of Ada")
    assert (await school.call(lead, "device.book")).matching == 0


@pytest.mark.asyncio
async def test_a_device_whose_alert_is_held_is_not_forgotten(school: School) -> None:
    officer = await school.signed_in("otto", Role.data_protection_officer)
    client = had(school, IPAD, 5 * HOUR, 3 * HOUR)
    held_alert(school, client)
    with pytest.raises(AlertRefused):
        await school.call(officer, "device.forget", device=IPAD, reason="Ada left")
    with Attribution.open(state_of(school)) as attribution:
        assert len(attribution.spans_of_device(f"mac:{IPAD}", 10)) == 1


def held_alert(school: School, client: str) -> None:
    from zoneinfo import ZoneInfo

    from schoolgate.alerts.findings import Finding
    from schoolgate.alerts.outbox import Outbox
    from schoolgate.alerts.rules import AlertRules

    store = AlertStore.open(state_of(school) / "monitor" / "alerts.db")
    now = school.clock.now()
    found = Finding("sealed-selftest", "notice", "pupils", client, us(now), 0, "A test.")
    AlertRules({}, ZoneInfo("UTC")).apply([found], store, Outbox(store), now)
    store.hold(1, "evidence", "Dora", now)
    store.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["a\nb", "x" * 81, "a\u202eb", "\x1b[2J"])
async def test_a_name_that_would_steer_a_page_is_refused(school: School, name: str) -> None:
    it = await school.signed_in("nina", Role.network_manager)
    with pytest.raises(ArgumentsRefused):
        await school.call(it, "device.name", device=IPAD, name=name)


@pytest.mark.asyncio
async def test_what_is_no_device_is_not_named(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    it = await school.signed_in("nina", Role.network_manager)
    with pytest.raises(NoSuchDevice):
        await school.call(it, "device.name", device="the red one", name="x")
    await school.call(it, "device.name", device=IPAD, name="twin")
    await school.call(it, "device.name", device=PHONE, name="Twin")
    with pytest.raises(NoSuchDevice, match="2 devices"):
        await school.call(it, "device.lose", device="twin")
    monkeypatch.setattr("schoolgate.governance.device_record.MOST_DEVICES", 2)
    with pytest.raises(RecordRefused, match="most"):
        await school.call(it, "device.name", device=NEW, name="third")


@pytest.mark.asyncio
async def test_a_damaged_table_is_said_and_names_no_device(school: School) -> None:
    it = await school.signed_in("nina", Role.network_manager)
    here(school, IPAD)
    path = state_of(school) / "identity" / "bindings"
    path.write_bytes(path.read_bytes()[:-3])
    book = await school.call(it, "device.book")
    assert (book.matching, len(book.problems)) == (0, 1)


@pytest.mark.asyncio
async def test_without_a_source_nothing_is_wrong(school: School) -> None:
    it: Any = await school.signed_in("nina", Role.network_manager)
    found = await school.call(it, "device.sources")
    assert (found.is_wanted, found.is_alive, found.problems) == (False, False, ())


SOURCE = '[identity]\n[[identity.sources]]\nkind = "kea"\npath = "/nowhere/leases.csv"\n'


@pytest.mark.asyncio
async def test_how_many_questions_of_a_network_have_a_device_and_what_to_do(school: School) -> None:
    it = await school.signed_in("nina", Role.network_manager)
    assert not (await school.call(it, "device.attributed")).is_wanted
    school.write(SOURCE)
    client, now = had(school, IPAD, 5 * HOUR, 3 * HOUR), school.clock.now()
    times = {"pupils": [4, 4, 2, 30], "staff": [4], "guests": [4]}
    rows = [
        row(time=now - hours * HOUR, client="" if segment == "staff" else client, segment=segment)
        for segment, some in times.items()
        for hours in some
        if segment != "guests"
    ]
    write_rows(state_of(school), wal(1), [*rows, row(time=now - 4 * HOUR, client="p-other", segment="guests")])
    found = await school.call(it, "device.attributed")
    assert [(one.segment, one.rows, one.with_device) for one in found.segments] == [("guests", 1, 0), ("pupils", 3, 2)]
    assert "DHCP server" in found.segments[0].advice
    assert client not in str(found)


@pytest.mark.asyncio
async def test_a_source_that_nothing_reads_is_a_problem_of_status(school: School) -> None:
    it = await school.signed_in("nina", Role.network_manager)
    before = await school.call(it, "status.show")
    assert [one for one in before.problems if one.id == "identity"] == []
    school.write(SOURCE)
    status = await school.call(it, "status.show")
    assert [one.remedy for one in status.problems if one.id == "identity"] == ["start `schoolgate identity`"]
    assert ("identity", False) in [(one.name, one.is_running) for one in status.processes]
    source = SourceState("kea", "kea", None, 0, 0, "/nowhere/leases.csv: no such file; check the path")
    now_us = us(school.clock.now())
    write_status(state_of(school), counted(BindingTable(), [source], now_us, [str(source.problem)]))
    status = await school.call(it, "status.show")
    assert [one.remedy for one in status.problems if one.id == "identity"] == ["check the path"]
    assert ("identity", True) in [(one.name, one.is_running) for one in status.processes]


@pytest.mark.asyncio
async def test_who_erases_a_client_erases_which_devices_had_its_address(school: School) -> None:
    lead = await school.signed_in("dora", Role.safeguarding_lead)
    had(school, IPAD, 5 * HOUR, 3 * HOUR, "adas-ipad")
    await school.call(lead, "log.erase", client=ADDRESS, reason="request of Ada")
    with Attribution.open(state_of(school)) as attribution:
        assert attribution.devices() == {}
        assert attribution.spans_of_device(f"mac:{IPAD}", 10) == ()


@pytest.mark.asyncio
async def test_groups_are_written_for_the_server_when_they_change_and_name_no_device(school: School) -> None:
    it = await school.signed_in("nina", Role.network_manager)
    officer = await school.signed_in("otto", Role.data_protection_officer)
    assert not path_of_groups(school.state).exists()
    await school.call(it, "device.name", device=IPAD, name="iPad of Ada", names_person=True)
    assert not path_of_groups(school.state).exists(), "a name is no group"
    await school.call(it, "device.group", device=IPAD, groups=["Year 9", "Trolley B"])
    await school.call(it, "device.lose", device=PHONE)
    groups = {f"mac:{IPAD}": ("trolley b", "year 9"), f"mac:{PHONE}": ("lost",)}
    assert read_groups(school.state) == groups
    assert b"Ada" not in path_of_groups(school.state).read_bytes()
    found = await school.call(it, "device.groups")
    assert [(one.name, one.devices, one.policy) for one in found] == [
        ("lost", 1, None), ("Trolley B", 1, None), ("Year 9", 1, None)
    ]  # fmt: skip
    await school.call(it, "device.lose", device=PHONE, is_lost=False)
    await school.call(officer, "device.forget", device=IPAD, reason="Ada left")
    assert read_groups(school.state) == {}


@pytest.mark.asyncio
async def test_a_damaged_file_of_groups_is_written_anew(school: School) -> None:
    it = await school.signed_in("nina", Role.network_manager)
    await school.call(it, "device.group", device=IPAD, groups=["lost"])
    path_of_groups(school.state).write_bytes(b"schoolgate")
    await school.call(it, "device.group", device=IPAD, groups=["lost"])
    assert read_groups(school.state) == {f"mac:{IPAD}": ("lost",)}
