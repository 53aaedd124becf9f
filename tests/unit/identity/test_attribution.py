"""From the table of now to the spans of the past, on a clock of the test."""

from __future__ import annotations

import datetime as dt
import secrets
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from schoolgate._core import log_pseudonym
from schoolgate.identity.attribution import FILE, Attribution, AttributionUnavailable, Span
from schoolgate.identity.binding import Binding, Confidence
from schoolgate.identity.binding_table import BindingTable
from schoolgate.identity.bindings_file import path_of, write_bindings
from schoolgate.identity.span_following import GAP_US, Following, NoPseudonymKey
from schoolgate.privacy.pseudonyms import key_in_force
from schoolgate.storage.checked_file import CheckedFileDamaged

NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
T0 = int(NOW.timestamp() * 1_000_000)
MINUTE = 60_000_000
ADDRESS = "192.0.2.17"
IPAD, PHONE = "mac:00:00:5e:00:53:01", "mac:02:00:5e:00:53:02"
HOUR = Binding(ADDRESS, IPAD, "kea", Confidence.lease, T0 - 30 * MINUTE, T0 + 60 * MINUTE, "ipad-12")


class School:
    """A state directory, the table in it, and who follows it."""

    def __init__(self, folder: Path, *, has_pseudonyms: bool = False) -> None:
        self.folder = folder
        self.has_pseudonyms = has_pseudonyms
        self.attribution = Attribution.open(folder)
        self.restart()

    def restart(self) -> None:
        self.following = Following(self.folder, self.attribution, has_pseudonyms=self.has_pseudonyms)

    def table(self, *bindings: Binding) -> None:
        write_bindings(self.folder, BindingTable({one.address: one for one in bindings}))

    def spans(self, client: str = ADDRESS) -> list[tuple[str, int, int]]:
        found = self.attribution.spans_of_clients([client], 0, T0 * 2).get(client, [])
        return [(one.device, (one.since_us - T0) // MINUTE, (one.until_us - T0) // MINUTE) for one in found]


@pytest.fixture
def school(tmp_path: Path) -> Iterator[School]:
    made = School(tmp_path)
    yield made
    made.attribution.close()


def test_a_lease_counts_from_its_begin_until_it_ends(school: School) -> None:
    school.table(HOUR)
    assert school.following.step(T0) == 1
    assert school.spans() == [(IPAD, -30, 60)]
    assert stat.S_IMODE((school.folder / FILE).stat().st_mode) == 0o600


def test_a_renewed_lease_is_one_span(school: School) -> None:
    school.table(HOUR)
    school.following.step(T0)
    school.table(replace(HOUR, since_us=T0 + 20 * MINUTE, until_us=T0 + 110 * MINUTE))
    assert school.following.step(T0 + 21 * MINUTE) == 0
    assert school.spans() == [(IPAD, -30, 110)]


def test_an_address_that_changes_hands_is_two_spans_that_do_not_overlap(school: School) -> None:
    school.table(HOUR)
    school.following.step(T0)
    school.following.step(T0 + 9 * MINUTE + MINUTE // 2)
    school.table(replace(HOUR, device=PHONE, since_us=T0 + 9 * MINUTE, until_us=T0 + 90 * MINUTE))
    school.following.step(T0 + 10 * MINUTE)
    assert school.spans() == [(IPAD, -30, 9), (PHONE, 9, 90)]


def test_a_released_or_disputed_address_ends_now(school: School) -> None:
    school.table(HOUR)
    school.following.step(T0)
    for minute in range(5):
        school.following.step(T0 + minute * MINUTE)
    school.table()
    school.following.step(T0 + 5 * MINUTE - 1)
    assert school.spans() == [(IPAD, -30, 4)]


def test_a_lease_that_is_not_renewed_ends_without_news(school: School) -> None:
    school.table(HOUR)
    school.following.step(T0)
    for minute in range(1, 61):
        school.following.step(T0 + minute * MINUTE)
    assert school.attribution.open_spans() == {}
    assert school.spans() == [(IPAD, -30, 60)]


def test_nothing_is_attributed_in_a_time_that_no_one_followed(school: School) -> None:
    school.table(HOUR)
    school.following.step(T0)
    school.restart()
    school.table()
    school.following.step(T0 + 30 * MINUTE)
    assert school.spans() == [(IPAD, -30, 0)], "it may have left at once"


def test_a_device_that_is_still_there_after_a_restart_goes_on(school: School) -> None:
    school.table(HOUR)
    school.following.step(T0)
    school.restart()
    school.following.step(T0 + GAP_US * 3)
    assert school.spans() == [(IPAD, -30, 60)]


def test_where_the_log_has_pseudonyms_no_address_is_kept(tmp_path: Path) -> None:
    school = School(tmp_path, has_pseudonyms=True)
    school.table(HOUR)
    with pytest.raises(NoPseudonymKey):
        school.following.step(T0)
    (tmp_path / "log").mkdir()
    first = key_in_force(tmp_path, 1, NOW)
    school.following.step(T0)
    old = log_pseudonym(first.key, ADDRESS)
    assert school.spans(old) == [(IPAD, -30, 60)]
    second = key_in_force(tmp_path, 1, NOW + dt.timedelta(days=1), first)
    assert second.key != first.key
    school.table(replace(HOUR, until_us=T0 + 2000 * MINUTE))
    school.following.step(T0 + MINUTE)
    assert school.spans(old) == [(IPAD, -30, 1)]
    assert [one[0] for one in school.spans(log_pseudonym(second.key, ADDRESS))] == [IPAD]
    school.attribution.close()
    everything = b"".join(path.read_bytes() for path in (tmp_path / "monitor").iterdir())
    assert ADDRESS.encode() not in everything


def test_an_erased_client_leaves_nothing_and_begins_anew(school: School) -> None:
    school.table(HOUR, replace(HOUR, address="192.0.2.18", device=PHONE))
    school.following.step(T0)
    assert school.attribution.erase_clients([ADDRESS], T0 + MINUTE) == 1
    assert school.spans() == []
    assert list(school.attribution.devices()) == [PHONE]
    school.table(HOUR)
    school.following.step(T0 + MINUTE)
    assert school.spans() == [(IPAD, 1, 60)], "not from before the erasure"


def test_an_erased_device_is_in_no_octet_of_the_file(school: School) -> None:
    school.table(HOUR)
    school.following.step(T0)
    school.attribution.erase_device(IPAD, T0)
    school.attribution.close()
    everything = b"".join(path.read_bytes() for path in (school.folder / "monitor").iterdir())
    assert IPAD.encode() not in everything
    assert b"ipad-12" not in everything


def test_what_is_older_than_its_rows_is_forgotten_with_its_device(school: School) -> None:
    old = Span(ADDRESS, IPAD, "kea", Confidence.lease, T0 - 90 * MINUTE, T0 - 60 * MINUTE)
    kept = replace(old, client="192.0.2.18", device=PHONE)
    school.attribution.note([old, kept], [], {}, T0)
    assert school.attribution.forget_before(T0, ["192.0.2.18"]) == 1
    assert list(school.attribution.devices()) == [PHONE]


@pytest.mark.parametrize(
    "row",
    [
        ["192.0.2.17", "<b>", "kea", 2, T0, T0, None],
        ["192.0.2.017", IPAD, "kea", 2, T0, T0, None],
        ["192.0.2.17", IPAD, "kea", 9, T0, T0, None],
        ["192.0.2.17", IPAD, "", 2, T0, T0, None],
        ["192.0.2.17", IPAD, "kea", 2, "T0", T0, None],
        ["192.0.2.17", IPAD, "kea", 2, T0, T0, "<script>"],
        [7],
    ],
)
def test_a_table_that_this_package_did_not_write_names_no_device(school: School, row: list[object]) -> None:
    from schoolgate.storage.checked_file import write_checked

    fields = {"bindings": [row], "disputed": [], "crowded": [], "left_out": 0}
    write_checked(path_of(school.folder), "bindings", fields)
    with pytest.raises(CheckedFileDamaged):
        school.following.step(T0)
    assert school.attribution.open_spans() == {}


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "monitor").mkdir()
    (tmp_path / FILE).write_bytes(secrets.token_bytes(4096))
    with pytest.raises(AttributionUnavailable, match="move the file away"):
        Attribution.open(tmp_path)
