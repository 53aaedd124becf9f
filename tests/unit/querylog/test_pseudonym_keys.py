"""Keys of pseudonyms follow one another, and each stays exactly as long as there are rows under it."""

from __future__ import annotations

import datetime as dt
import stat
from pathlib import Path

import orjson
import pytest
from tests.stand_in.query_log import NOON, row, wal, write_rows, write_wals

from schoolgate._core import log_pseudonym
from schoolgate.config.retention import Retention
from schoolgate.privacy.pseudonyms import EARLIER, FILE, PseudonymKey, kept_keys, key_in_force
from schoolgate.querylog import Query, QueryLog
from schoolgate.querylog.erasure import ask_for, pending_in
from schoolgate.querylog.keeper import Keeper
from schoolgate.querylog.pseudonym import gaps, owner
from schoolgate.querylog.reveal import CannotReveal, reveal

DAY = dt.timedelta(days=1)
CLIENT, OTHER, IPV6 = "192.0.2.77", "192.0.2.78", "2001:db8::77"
FIRST, SECOND = NOON - 200 * DAY, NOON - 100 * DAY


def two_keys(state_dir: Path) -> tuple[PseudonymKey, PseudonymKey]:
    """One of the first hundred days, and the one in use since."""
    return key_in_force(state_dir, 100, FIRST), key_in_force(state_dir, 100, SECOND)


def keeper(state_dir: Path) -> Keeper:
    kept = Retention(ordinary_days=90, safeguarding_days=365, min_free_mib=0)
    return Keeper(state_dir / "log", kept, lambda class_, number: True, free=lambda folder: 1 << 40)


def identities(state_dir: Path) -> list[str]:
    return [key.identity for key in kept_keys(state_dir / "log").keys]


def a_year_of_rows(state_dir: Path, old: PseudonymKey, new: PseudonymKey) -> None:
    """Under each key a row of each of two clients, for safeguarding."""
    for number, (key, at) in enumerate(((old, FIRST + DAY), (new, SECOND + DAY))):
        rows = [row(time=at, client=log_pseudonym(key.key, one), class_="safeguarding") for one in (CLIENT, OTHER)]
        write_rows(state_dir, wal(number), rows)


def test_a_rotated_key_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    old, new = two_keys(tmp_path)
    kept = kept_keys(tmp_path / "log")
    assert [(one.key, one.retired_at) for one in kept.keys] == [(new.key, None), (old.key, SECOND)]
    (path,) = (tmp_path / "log" / EARLIER).iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_search_finds_a_client_under_every_key(tmp_path: Path) -> None:
    a_year_of_rows(tmp_path, *two_keys(tmp_path))
    with QueryLog(tmp_path) as log:
        found = log.search(Query(client=CLIENT)).rows
        assert [one.time for one in found] == [SECOND + DAY, FIRST + DAY]
        assert log.unsearchable(Query(client=CLIENT)) == 0


def test_a_concern_of_before_the_rotation_is_revealed(tmp_path: Path) -> None:
    old, _ = two_keys(tmp_path)
    pseudonym = log_pseudonym(old.key, CLIENT)
    write_rows(tmp_path, wal(1), [row(time=SECOND - dt.timedelta(hours=1), client=pseudonym)])
    with QueryLog(tmp_path) as log:
        assert reveal(log, pseudonym, "a concern", "lead", SECOND) == CLIENT
    (record,) = map(orjson.loads, (tmp_path / "log" / "reveals.jsonl").read_bytes().splitlines())
    assert (record["key"], record["shown"]) == (old.identity, True)


def test_an_address_of_ipv6_is_revealed_with_the_key_of_its_time_only(tmp_path: Path) -> None:
    old, new = two_keys(tmp_path)
    theirs, strange = log_pseudonym(old.key, IPV6), log_pseudonym(bytes(16), IPV6)
    write_rows(tmp_path, wal(1), [row(time=FIRST + DAY, client=one) for one in (theirs, strange)])
    # As the old key would have made it, in the time of the new one: no row can be so, and no person is named. The new
    # key makes an address of some client of one in eight of them, as it does of its own: such a one is not taken.
    made_by_old = (log_pseudonym(old.key, f"2001:db8::{number:x}") for number in range(0x78, 0x178))
    odd = next(one for one in made_by_old if owner(one, [new], lambda *_: True) is None)
    write_rows(tmp_path, wal(2), [row(time=SECOND + DAY, client=odd)])
    with QueryLog(tmp_path) as log:
        assert reveal(log, theirs, "a concern", "lead", NOON) == IPV6
        with pytest.raises(CannotReveal):
            reveal(log, odd, "a concern", "lead", NOON)
        assert log.owner(theirs) == (kept_keys(tmp_path / "log").keys[1], IPV6)
    assert new.key != old.key


def test_a_key_stays_as_long_as_a_row_is_under_it(tmp_path: Path) -> None:
    old, new = two_keys(tmp_path)
    a_year_of_rows(tmp_path, old, new)
    worker = keeper(tmp_path)
    # The first row under the old key has its 365th day, which is its last.
    end = FIRST + DAY + 365 * DAY
    assert worker.tick(end).problems == []
    assert identities(tmp_path) == [new.identity, old.identity]
    worker.tick(end + DAY)
    assert identities(tmp_path) == [new.identity]
    records = [orjson.loads(line) for line in (tmp_path / "log" / "erasures.jsonl").read_bytes().splitlines()]
    assert [(one["kind"], one.get("key")) for one in records][-1] == ("key", old.identity)
    assert old.key.hex() not in (tmp_path / "log" / "erasures.jsonl").read_text()


def test_a_key_stays_for_a_row_that_is_not_converted_yet_or_was_put_aside(tmp_path: Path) -> None:
    old, new = two_keys(tmp_path)
    write_wals(tmp_path, [], open_rows=[row(time=SECOND - DAY, client=log_pseudonym(old.key, CLIENT))])
    keeper(tmp_path).tick(NOON)
    assert identities(tmp_path) == [new.identity, old.identity]
    for path in (tmp_path / "log" / "wal").iterdir():
        path.unlink()
    (made,) = write_rows(tmp_path, wal(9), [row(time=SECOND - DAY, client="192.0.2.1")])
    aside = made.rename(made.with_name(made.name + ".damaged"))
    keeper(tmp_path).tick(SECOND)
    assert identities(tmp_path) == [new.identity, old.identity]
    aside.unlink()
    keeper(tmp_path).tick(NOON)
    assert identities(tmp_path) == [new.identity]


def test_after_a_wrong_clock_a_key_stays_for_rows_outside_its_time(tmp_path: Path) -> None:
    old, new = two_keys(tmp_path)
    write_rows(
        tmp_path, wal(1), [row(time=FIRST - 5 * DAY, client=log_pseudonym(old.key, CLIENT), class_="safeguarding")]
    )
    keeper(tmp_path).tick(NOON)
    assert identities(tmp_path) == [new.identity, old.identity]


def test_an_erasure_takes_rows_under_every_key_and_the_key_with_the_last_row(tmp_path: Path) -> None:
    old, new = two_keys(tmp_path)
    write_rows(tmp_path, wal(1), [row(time=FIRST + DAY, client=log_pseudonym(old.key, CLIENT), class_="safeguarding")])
    write_rows(tmp_path, wal(2), [row(time=SECOND + DAY, client=log_pseudonym(new.key, one), class_="safeguarding")
                                  for one in (CLIENT, OTHER)])  # fmt: skip
    with QueryLog(tmp_path) as log:
        # Asked for by one pseudonym, all of the client goes.
        whole = log.whole_client(log_pseudonym(old.key, CLIENT))
        assert whole == CLIENT
        ask_for(log.folder, log.known_as(whole), "asked", "lead", NOON)
        worker = keeper(tmp_path)
        worker.tick(NOON + DAY)
        assert pending_in(log.folder) == []
        assert [one.client for one in log.search(Query()).rows] == [log_pseudonym(new.key, OTHER)]
    assert identities(tmp_path) == [new.identity]


def test_killed_while_a_key_is_rotated_it_is_the_one_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = key_in_force(tmp_path, 100, FIRST)
    text = (tmp_path / FILE).read_bytes()
    key_in_force(tmp_path, 100, SECOND)
    (tmp_path / FILE).write_bytes(text)  # as if it had ended between the two files
    assert identities(tmp_path) == [old.identity]
    again = key_in_force(tmp_path, 100, SECOND + dt.timedelta(minutes=1))
    assert identities(tmp_path) == [again.identity, old.identity]


def test_a_disk_that_takes_no_second_key_keeps_the_first_in_use(tmp_path: Path) -> None:
    old = key_in_force(tmp_path, 100, FIRST)
    (tmp_path / "log" / EARLIER).write_text("in the way")
    kept = key_in_force(tmp_path, 100, SECOND, old)
    assert kept.key == old.key
    assert kept.problem is not None


def test_a_key_that_was_in_memory_only_is_kept_when_the_disk_is_back(tmp_path: Path) -> None:
    known = key_in_force(tmp_path, 100, FIRST)
    path = tmp_path / FILE
    path.rename(path.with_name("aside"))
    path.mkdir()
    strange = key_in_force(tmp_path, 100, FIRST + DAY)
    path.rmdir()
    path.with_name("aside").rename(path)
    assert key_in_force(tmp_path, 100, FIRST + 2 * DAY, strange) == known
    assert {key.key for key in kept_keys(tmp_path / "log").keys} == {known.key, strange.key}


def test_a_file_that_goes_while_its_key_is_in_use_is_written_again(tmp_path: Path) -> None:
    known = key_in_force(tmp_path, 100, FIRST)
    (tmp_path / FILE).unlink()
    assert key_in_force(tmp_path, 100, FIRST + DAY, known) == known
    assert identities(tmp_path) == [known.identity]


def test_times_that_no_key_is_kept_for_are_named(tmp_path: Path) -> None:
    _, new = two_keys(tmp_path)
    keys = kept_keys(tmp_path / "log").keys
    assert gaps(keys) == ((None, FIRST - dt.timedelta(minutes=1)),)
    assert gaps([new]) == ((None, SECOND),)
    assert gaps([keys[1]]) == ((None, FIRST - dt.timedelta(minutes=1)), (SECOND, None))
    assert gaps([]) == ((None, None),)
    third = PseudonymKey(bytes(16), SECOND + DAY, "third")
    assert gaps([third, keys[1]]) == ((None, FIRST - dt.timedelta(minutes=1)), (SECOND, SECOND + DAY))


def test_rows_of_a_key_that_is_gone_are_counted(tmp_path: Path) -> None:
    old, new = two_keys(tmp_path)
    a_year_of_rows(tmp_path, old, new)
    write_rows(tmp_path, wal(7), [row(time=FIRST + 2 * DAY, client="192.0.2.5")])  # an address: found without a key
    for path in (tmp_path / "log" / EARLIER).iterdir():
        path.unlink()
    lost = log_pseudonym(old.key, CLIENT)
    with QueryLog(tmp_path) as log:
        assert len(log.search(Query(client=CLIENT)).rows) == 1
        assert log.unsearchable(Query(client=CLIENT)) == 2
        assert log.unsearchable(Query(client=CLIENT, since=SECOND)) == 0
        assert log.unsearchable(Query(client=CLIENT, qtypes=(28,))) == 0
        # All pseudonyms but its own may be the same client's.
        assert log.unsearchable(Query(client=lost)) == 3
        assert log.whole_client(lost) == lost


def test_a_key_lost_before_any_other_was_made_does_not_pass_for_the_first(tmp_path: Path) -> None:
    write_rows(tmp_path, wal(1), [row(time=FIRST, client=log_pseudonym(bytes(16), CLIENT))])
    assert not key_in_force(tmp_path, 100, SECOND).is_first
    with QueryLog(tmp_path) as log:
        assert log.unsearchable(Query(client=CLIENT)) == 1


def test_an_earlier_key_that_is_damaged_is_named_and_kept(tmp_path: Path) -> None:
    a_year_of_rows(tmp_path, *two_keys(tmp_path))
    (path,) = (tmp_path / "log" / EARLIER).iterdir()
    path.write_bytes(b"{}")
    assert any(str(path) in one for one in keeper(tmp_path).tick(NOON).problems)
    assert path.exists()
    with QueryLog(tmp_path) as log:
        assert log.unsearchable(Query(client=CLIENT)) == 2


@pytest.mark.parametrize(("first", "lost"), [(True, 0), (False, 1)])
def test_a_state_of_the_version_before_goes_on(tmp_path: Path, first: bool, lost: int) -> None:
    """`log/pseudonym.json` as that version wrote it; the keys before it were thrown away."""
    key = bytes(range(16))
    (tmp_path / "log").mkdir(mode=0o700)
    written = {"key": key.hex(), "made_at": FIRST.isoformat(), "id": "5f3a9c01", "first": first}
    (tmp_path / FILE).write_bytes(orjson.dumps(written))
    rows = [row(time=FIRST + DAY, client=log_pseudonym(key, CLIENT), class_="safeguarding")]
    if lost:
        rows.append(row(time=FIRST - DAY, client=log_pseudonym(bytes(16), CLIENT), class_="safeguarding"))
    write_rows(tmp_path, wal(1), rows)
    assert key_in_force(tmp_path, 150, SECOND).key == key
    new = key_in_force(tmp_path, 100, SECOND)
    assert identities(tmp_path) == [new.identity, "5f3a9c01"]
    with QueryLog(tmp_path) as log:
        assert len(log.search(Query(client=CLIENT)).rows) == 1
        assert log.unsearchable(Query(client=CLIENT)) == lost
        assert reveal(log, log_pseudonym(key, CLIENT), "a concern", "lead", NOON) == CLIENT
